import numpy as np
import pytest
from conftest import shared_encoder, write_skills
from msgspec.structs import replace

from router import Router
from router.decisions.words import outcome_in_words
from router.fitting.fit import fit_model
from router.model.model import model_hash
from router.packs.document import write_documents
from router.packs.pack_file import check_pack, load_pack, save_pack
from router.skill_folders.pack_of_skills import init_pack
from router.watch.changes import OutcomeChanges
from router.watch.files import watch_pack
from router.watch.live_router import LiveRouter

PAGE = """---
name: tyres
description: Mend tyres.
---
# Mend a tyre

<!-- not this -->
1. Take the **wheel** off
2. [ ] Find the [hole](https://example.org/hole)

| tool | what for |
|------|----------|
| lever | the bead |

```bash
patchkit --glue
```

> Take the **wheel** off
---
42
"""


@pytest.fixture(scope="module")
def garage(tmp_path_factory):
    root = tmp_path_factory.mktemp("garage")
    descriptions = {
        "tyres": "Help with what the car rolls on.",
        "paint": "Help with what the car looks like.",
        "engine": "Help with what drives the car.",
    }
    write_skills(root, descriptions)
    (root / "tyres" / "SKILL.md").write_text(PAGE.replace("Mend tyres.", descriptions["tyres"]))
    init_pack(root, None, shared_encoder(), False, lambda _: None)
    return root


def test_a_word_that_occurs_only_in_code_leads_to_its_skill(garage):
    pack = load_pack(garage)
    assert "patchkit" not in " ".join(pack.exemplars.skills["tyres"])
    with_documents = fit_model(pack, shared_encoder())
    without = fit_model(replace(pack, documents={}), shared_encoder())
    tyres = with_documents.names.index("skill:tyres")
    votes = with_documents.head.word_votes([["patchkit"]])[0]
    assert votes.argmax() == tyres
    assert votes[tyres] > without.head.word_votes([["patchkit"]])[0, tyres] + 0.1


def test_an_exemplar_is_judged_without_the_document_that_contains_it(garage):
    pack = load_pack(garage)
    held_out = [
        fit_model(read, shared_encoder()).statistics.true_probability
        for read in (pack, replace(pack, documents={"engine": pack.documents["engine"]}))
    ]
    # The weights of words differ a little; lines that met themselves would all be near 1.
    assert np.abs(held_out[0] - held_out[1]).max() < 0.2


def test_an_edit_of_a_document_counts_at_once_while_watching(garage):
    pack, live = load_pack(garage), LiveRouter(shared_encoder())
    live.decide(pack, ["patchkit"])
    tyres = live.model.names.index("skill:tyres")
    before = live.model.head.word_votes([["patchkit"]])[0, tyres]
    text = pack.documents["tyres"].replace("patchkit --glue", "glue")
    live.decide(replace(pack, documents={**pack.documents, "tyres": text}), ["patchkit"])
    assert live.model.head.word_votes([["patchkit"]])[0, tyres] < before - 0.1


def test_watch_and_ask_say_the_same_after_an_edit(garage):
    queries = ["patchkit", "a flat tyre", "the engine stalls", "what time is it"]
    pack, live = load_pack(garage), LiveRouter(shared_encoder())
    live.decide(pack, queries)
    text = pack.documents["tyres"].replace("patchkit --glue", "glue")
    edited = replace(pack, documents={**pack.documents, "tyres": text})
    batch = Router(edited, shared_encoder(), fit_model(edited, shared_encoder())).outcomes(queries)
    words = [outcome_in_words(batch.outcomes[index]) for index in batch.indices]
    assert live.decide(edited, queries) == words


def test_a_saved_document_is_read_again_while_watching(garage, tmp_path):
    save_pack(load_pack(garage), tmp_path / "pack")
    queries = tmp_path / "queries.txt"
    queries.write_text("patchkit\n")
    documents = []

    def decide(pack, texts):
        documents.append(pack.documents["tyres"])
        return ["none of these"] * len(texts)

    events = watch_pack(tmp_path / "pack", queries, decide, interval_s=0.01)
    assert next(events) == OutcomeChanges({}, {"patchkit": "none of these"}, 1)
    path = tmp_path / "pack" / "tyres" / "SKILL.md"
    path.write_text(path.read_text() + "a new line\n")
    assert next(events) == OutcomeChanges({}, {}, 1)
    assert documents[1] == documents[0] + "a new line\n"


def test_only_documents_of_described_skills_are_read(garage, tiny):
    assert set(load_pack(garage).documents) == {"tyres", "paint", "engine"}
    assert load_pack(tiny).documents == {}


def test_a_model_belongs_to_what_the_documents_say(garage):
    pack = load_pack(garage)
    other = replace(pack, documents={**pack.documents, "paint": "something else"})
    assert model_hash(pack) != model_hash(other)


def test_a_saved_router_carries_its_documents(garage, tmp_path):
    pack = load_pack(garage)
    router = Router(pack, shared_encoder(), fit_model(pack, shared_encoder()))
    router.save(tmp_path / "saved")
    again = Router.load(tmp_path / "saved", encoder=shared_encoder())
    assert again.pack == pack
    text = (tmp_path / "saved" / "pack" / "tyres" / "SKILL.md").read_text()
    assert text == pack.documents["tyres"]


def test_documents_that_exist_are_left_alone(garage, tmp_path):
    pack = load_pack(garage)
    save_pack(pack, tmp_path)
    written = tmp_path / "tyres" / "SKILL.md"
    stamp = written.stat().st_mtime_ns
    write_documents(tmp_path, pack.file.skills, pack.documents)
    assert written.stat().st_mtime_ns == stamp
    write_documents(tmp_path, pack.file.skills, {"tyres": "new"})
    assert written.read_text() == "new"
    assert load_pack(tmp_path).documents["paint"] == pack.documents["paint"]


def test_a_document_that_cannot_be_read_is_a_fault(garage, tmp_path):
    save_pack(load_pack(garage), tmp_path)
    (tmp_path / "paint" / "SKILL.md").write_bytes(b"---\nname: paint\n\xff\n")
    _, faults = check_pack(tmp_path)
    assert [str(fault) for fault in faults if "SKILL.md:3: not UTF-8" in str(fault)]
