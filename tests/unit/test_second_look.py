"""A second look with encoders made by hand: a weak one of letters, a strong one of words."""

import pickle
import zlib
from dataclasses import replace

import numpy as np
import pytest

from router import Router, RouterError
from router.encoders.callable import CallableEncoder
from router.encoders.paired import PairedEncoder, second_of
from router.explain import explain
from router.fitting.second_look import MAX_SHARE, fit_joining_rule
from router.model.second_look import JoiningRule
from router.statistics.probability import margins_of

ROUTES = {
    "refund": "money back|refund my order|give me a refund|return and refund|pay me back",
    "cancel": "cancel my order|stop the order|do not ship it|cancel it|cancel please",
    "track": "where is my parcel|track my order|parcel late|when will it arrive|tracking",
    "login": "reset my password|can not log in|forgot password|login fails|locked out",
}
ROUTES = {name: lines.split("|") for name, lines in ROUTES.items()}
QUERIES = [
    "refund", "the parcel is late", "my order", "password order", "it", "cancel the refund of it",
    "", "log me in", "please", "track it or call it off",
]  # fmt: skip


def of_letters(texts):
    return [[1.0 + text.count(letter) for letter in "aeiort"] for text in texts]


def of_words(texts):
    rows = np.full((len(texts), 64), 0.01)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split():
            row[zlib.crc32(word.encode()) % 64] += 1.0
    return rows


class CountingWords:
    """Counts the texts that the second encoder is given."""

    def __init__(self):
        self.texts = []

    def __call__(self, texts):
        self.texts += texts
        return of_words(texts)


WEAK, STRONG = CallableEncoder(of_letters, key="letters"), CallableEncoder(of_words, key="words")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def router():
    return Router.from_exemplars(ROUTES, encoder=WEAK, second_look=STRONG)


def test_margins_by_hand():
    assert margins_of(np.array([[0.7, 0.2, 0.1], [0.4, 0.2, 0.4]])).tolist() == pytest.approx(
        [0.5, 0.0]
    )
    assert margins_of(np.array([[1.0]])).tolist() == [1.0]


def test_two_looks_are_joined_by_hand():
    rule = JoiningRule(0.5, np.array([1.0, 1.0]))
    first = np.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]])
    second = np.array([[0.2, 0.6, 0.2], [0.0, 1.0, 0.0]])
    # 0.5 * 0.2 : 0.25 * 0.6 : 0.25 * 0.2 = 2 : 3 : 1; the second text is sure
    np.testing.assert_allclose(rule.over(first, second), [[2 / 6, 3 / 6, 1 / 6], first[1]])


def test_the_better_look_gets_the_weight_and_few_exemplars_are_unsure():
    chance = np.random.default_rng(4)
    truth = chance.integers(0, 5, 400)
    sharp, dull = (
        chance.dirichlet(np.ones(5), 400) * 0.5 + strength * np.eye(5)[truth]
        for strength in (2.0, 0.3)
    )
    sharp, dull = (part / part.sum(axis=1, keepdims=True) for part in (sharp, dull))
    rule = fit_joining_rule(dull, sharp, truth)
    assert rule.weights[1] > 2.0 * rule.weights[0]
    assert 0.09 <= rule.unsure(dull).mean() <= MAX_SHARE
    right = rule.over(dull, sharp).argmax(axis=1) == truth
    assert right.mean() > (dull.argmax(axis=1) == truth).mean()


def test_only_unsure_texts_are_encoded_again_and_each_of_them_once():
    counting = CountingWords()
    router = Router.from_exemplars(
        ROUTES, encoder=WEAK, second_look=CallableEncoder(counting, key="counting")
    )
    counting.texts.clear()
    decisions = router.route_many(QUERIES)
    twice = [text for text, one in zip(QUERIES, decisions, strict=True) if one.second_look]
    assert 0 < len(twice) < len(QUERIES)
    assert counting.texts == [text for text in twice if text]


def test_a_batch_is_its_texts_one_by_one(router):
    batch = router.route_many(QUERIES)
    for text, decision in zip(QUERIES, batch, strict=True):
        alone = router.route(text)
        assert (alone.to_dict()["action"], alone.second_look) == (
            decision.to_dict()["action"],
            decision.second_look,
        )
        assert alone.confidence == pytest.approx(decision.confidence, abs=2e-4)
    evidence = router.model.evidence(QUERIES, router.encoder)
    np.testing.assert_allclose(evidence.probabilities.sum(axis=1), 1.0)


def test_the_record_says_what_was_looked_at_twice_and_explain_shows_both(router):
    decisions = router.route_many(QUERIES)
    twice = next(i for i, decision in enumerate(decisions) if decision.second_look)
    once = next(i for i, decision in enumerate(decisions) if not decision.second_look)
    assert decisions[twice].to_dict()["second_look"] is True
    assert "second_look" not in decisions[once].to_dict()
    looks = explain(router, QUERIES[twice]).looks
    assert len(looks) == len(ROUTES)
    assert sum(row.first for row in looks) == pytest.approx(1.0)
    assert sum(row.second for row in looks) == pytest.approx(1.0)
    assert explain(router, QUERIES[once]).looks == ()


def test_without_a_second_encoder_nothing_changes(router):
    plain = Router.from_exemplars(ROUTES, encoder=WEAK)
    assert plain.model.second_look is None
    assert second_of(plain.encoder) is None
    np.testing.assert_array_equal(plain.model.head.votes, router.model.head.votes)
    records = [decision.to_dict() for decision in plain.route_many(QUERIES)]
    assert not any("second_look" in record for record in records)
    sure = [i for i, one in enumerate(router.route_many(QUERIES)) if not one.second_look]
    first = plain.model.evidence(QUERIES, plain.encoder).probabilities
    both = router.model.evidence(QUERIES, router.encoder).probabilities
    np.testing.assert_array_equal(first[sure], both[sure])


def test_it_is_saved_loaded_and_pickled(router, tmp_path):
    wanted = router.route_many(QUERIES)
    router.save(tmp_path / "saved")
    loaded = Router.load(tmp_path / "saved", encoder=WEAK, second_look=STRONG)
    assert loaded.route_many(QUERIES) == wanted
    assert pickle.loads(pickle.dumps(router)).route_many(QUERIES) == wanted
    with pytest.raises(RouterError, match=r"the encoder letters\+words, this is letters; .*second"):
        Router.load(tmp_path / "saved", encoder=WEAK)


def test_conversations_replies_and_calibration_take_the_second_look_along(router):
    assert router.route_many(QUERIES, history=[[]] * len(QUERIES)) == router.route_many(QUERIES)
    follow_up = router.route("and to cancel it", history=["where is my parcel"])
    assert 0.0 <= follow_up.confidence <= 1.0
    again = router.with_exemplars("refund", ["i want my money"])
    assert isinstance(again.encoder, PairedEncoder)
    assert again.model.second_look is not None


def test_routers_of_exemplars_and_calibrations_are_judged_with_both_looks(router):
    from router.fitting.fit import refit_on

    model = router.model
    kept = np.flatnonzero(np.arange(len(model.exemplar_texts)) % 3 != 0)
    refitted = refit_on(router.pack, model, kept)
    assert len(refitted.second_look.head.exemplars) == len(kept)
    assert refitted.second_look.rule == model.second_look.rule
    always = replace(refitted.second_look, rule=JoiningRule(1.1, np.ones(2)))
    evidence = replace(refitted, second_look=always).evidence(QUERIES, router.encoder)
    assert evidence.scores.looks.twice.all()
