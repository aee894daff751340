from lines import BRAKES, TYRES, routed, run_folder

from router.commands.compare import compare_command as command
from router.evaluation.drift import separate
from router.evaluation.sampling import DistinctSample


def test_the_command_tells_a_stranger_what_changed(tmp_path, capsys):
    before = [routed(1, BRAKES, True), routed(2, TYRES, False), routed(3, TYRES, False)]
    after = [routed(1, TYRES, False), routed(2, BRAKES, True), routed(3, TYRES, False)]
    a, b = run_folder(tmp_path / "a", before), run_folder(tmp_path / "b", after)
    command(a.path, b.path, None, False)
    said = capsys.readouterr().out
    for sentence in (
        "2 of 3 decisions changed",
        "no clear difference in what is accepted. Newly accepted: 1, no longer accepted: 1",
        "No longer accepted: 1",
        "query 1",
        "fix-brakes -> fix-tyres",
        "Changes are in percentage points",
    ):
        assert sentence in said
    other = run_folder(tmp_path / "c", [routed(1, TYRES, text="of another log")])
    command(a.path, other.path, None, False)
    said = capsys.readouterr().out
    assert "Two logs" in said
    assert "there are too few different texts" in said
    assert "fix-tyres" in said


def sample_of(texts):
    sample = DistinctSample(1_000)
    for text in texts:
        sample.add(text, None)
    return sample


def test_other_subjects_are_separate_and_the_same_are_not(tiny_router):
    model = tiny_router.pack.exemplars
    bikes = [f"{line} {word}" for lines in model.skills.values() for line in lines for word in "ab"]
    cakes = [
        f"bake a cake with {thing} for {n}"
        for thing in ("nuts", "plums", "figs")
        for n in range(12)
    ]
    encoder = tiny_router.encoder
    auroc, before, after = separate(sample_of(bikes), sample_of(cakes), encoder)
    assert auroc.low > 0.95
    assert all("cake" in text for text in after)
    assert set(before) <= set(bikes)
    auroc, _, _ = separate(sample_of(bikes), sample_of(bikes), encoder)
    assert auroc.low <= 0.5 <= auroc.high + 0.05
    assert separate(sample_of(bikes), sample_of(cakes[:5]), encoder) == (None, (), ())
