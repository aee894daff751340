from router.evaluation.pack_health import health_of, pack_health


def test_known_vectors_give_the_same_health(tiny_router):
    model = tiny_router.model
    lines = model.exemplar_labels, model.exemplar_texts, model.head.exemplars
    known = health_of(tiny_router.pack, *lines)
    afresh = pack_health(tiny_router.pack, tiny_router.encoder)
    assert {(s.target, s.text) for s in known.strays} == {(s.target, s.text) for s in afresh.strays}
    assert [target.target for target in known.targets] == [
        target.target for target in afresh.targets
    ]


def test_every_stray_is_counted_at_its_target(router):
    model = router.model
    health = health_of(
        router.pack, model.exemplar_labels, model.exemplar_texts, model.head.exemplars
    )
    for target in health.targets:
        assert target.n_strays == sum(stray.target == target.target for stray in health.strays)
    leads = [stray.closer_similarity - stray.own_similarity for stray in health.strays]
    assert all(earlier >= later - 2e-4 for earlier, later in zip(leads, leads[1:], strict=False))
    assert all(stray.target != "none" != stray.closer_to for stray in health.strays)
