"""Names that one class has alone, and concerns whose words strangers share."""

import json

import numpy as np

from router.lint.borders import concerns_of_strangers, names_of_one_class
from router.lint.counts import NearestExemplars
from router.packs.pack import Pack


def locate(target, text):
    return target, 0


def classes(**lines):
    """Thirty lines for each class, these among them. A class is `a` or `none`."""
    rows = [
        ("none" if name == "none" else f"skill:{name}", text)
        for name, own in lines.items()
        for text in [*own, *(f"{name} line {i}" for i in range(30 - len(own)))]
    ]
    return zip(*rows, strict=True)


def messages(**lines):
    return [finding.message for finding in names_of_one_class(*classes(**lines), locate)]


def test_names_that_only_one_class_has_are_listed_with_their_lines():
    tools = [f"{i} ways to run Triton and vLLM" for i in range(6)]
    assert messages(serve=tools, watch=[]) == [
        "only serve has lines with vLLM (6 lines), Triton (6 lines)"
    ]


def test_names_of_two_classes_and_of_few_lines_are_not():
    tools = [f"{i} ways to run Triton" for i in range(6)]
    assert messages(serve=tools, watch=["do not let triton stop"]) == []
    assert messages(serve=tools[:4], watch=[]) == []


def test_neither_are_first_words_abbreviations_names_of_strangers_and_those_of_small_packs():
    assert messages(a=[f"Compress it {i} times, in FP16" for i in range(6)], b=[]) == []
    assert messages(none=[f"a {i} for Minecraft" for i in range(6)], b=[]) == []
    small = [("skill:a", f"{i} ways to run Triton") for i in range(6)]
    assert list(names_of_one_class(*zip(*small, strict=True), locate)) == []


def unit(*degrees):
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_a_concern_to_which_strangers_lie_nearest_is_named_and_twins_are_drafted():
    ours, strange = [f"ours {i}" for i in range(5)], [f"strange {i}" for i in range(5)]
    pack = Pack.of({"scale": ours, "other": ["x", "y", "z"]}, none=strange)
    labels, texts = zip(*pack.target_exemplars(), strict=True)
    at = {f"ours {i}": 10 * i for i in range(5)} | {f"strange {i}": 10 * i + 1 for i in range(5)}
    nearest = NearestExemplars.of(unit(*(at.get(text, 180) for text in texts)), labels)
    [finding] = concerns_of_strangers(pack, labels, texts, nearest, locate)
    assert finding.message.startswith("strangers share the words of scale: 5 of 5 exemplars")
    drafts = [json.loads(line + "}") for line in finding.cure.split("jsonl: ")[1].split("}")[:-1]]
    assert len(drafts) == 3
    assert all(draft["in"] in ours and draft["target"] == "scale" for draft in drafts)
    fewer = Pack.of({"scale": ours, "other": ["x", "y", "z"]}, none=strange[:4])
    labels, texts = zip(*fewer.target_exemplars(), strict=True)
    nearest = NearestExemplars.of(unit(*(at.get(text, 180) for text in texts)), labels)
    assert list(concerns_of_strangers(fewer, labels, texts, nearest, locate)) == []
