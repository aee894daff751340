from types import SimpleNamespace

import pytest
from conftest import shared_encoder
from skill_files import write_shop, write_skill

from router import Router
from router.decisions.decision import NoRoute
from router.errors import PackError
from router.fitting.fit import fit_model
from router.packs.faults import MIN_EXEMPLARS
from router.packs.pack_file import load_pack
from router.skill_folders.folder import pack_of_folder
from router.skill_folders.pack_of_skills import cached_pack, init_pack


@pytest.fixture
def folder(tmp_path):
    return write_shop(tmp_path / "shop")


def test_the_pack_of_a_folder_is_kept_until_a_document_changes(folder, empty_cache):
    kept = SimpleNamespace(key=shared_encoder().key)  # it can encode nothing
    made = cached_pack(folder, shared_encoder())
    assert cached_pack(folder, kept) == made
    path = next(folder.rglob("SKILL.md"))
    path.write_text(path.read_text() + "\nAnd a word more.\n")
    with pytest.raises(AttributeError):
        cached_pack(folder, kept)
    assert cached_pack(folder, shared_encoder())[0].documents != made[0].documents


def test_plugins_are_categories_and_exclusions_go_where_they_belong(folder):
    pack, warnings = pack_of_folder(folder, shared_encoder())
    assert [category.id for category in pack.file.categories] == ["garage", "kitchen"]
    assert {skill.id: skill.category for skill in pack.file.skills}["pastry"] == "kitchen"
    assert "Cakes and biscuits" in pack.exemplars.skills["pastry"]
    assert not any("tyres" in line for line in pack.exemplars.skills["car-brakes"])
    assert "pedal feels soft" in pack.exemplars.skills["car-brakes"]
    assert pack.file.order == ((("sourdough",), ("pastry",)),)
    assert all(len(lines) >= MIN_EXEMPLARS for lines in pack.exemplars.skills.values())
    assert warnings == []


def test_a_flat_folder_is_one_category_and_ids_are_legal_and_unique(tmp_path):
    write_skill(tmp_path / "one", "Reads tables out of scanned letters.", name="Größe_Übung v2")
    write_skill(
        tmp_path / "two", "Writes letters of complaint to a landlord.", name="größe übung V2"
    )
    write_skill(tmp_path / "three", "Plans a garden.", name="計画")
    pack, _ = pack_of_folder(tmp_path, shared_encoder())
    assert [category.id for category in pack.file.categories] == ["skills"]
    assert list(pack.skills) == ["grosse-ubung-v2", "three", "skills-grosse-ubung-v2"]


def test_a_skill_that_only_points_to_others_is_no_target(folder):
    for name in ("jam", "cheese"):
        write_skill(folder / f"kitchen/skills/{name}", f"Make {name} from fruit or milk at home.")
    body = "## Order\n1. `cheese`\n2. `sourdough`\n3. `jam`\n4. `pastry`\n"
    write_skill(folder / "kitchen/skills/using-kitchen", "Routes to kitchen skills.", body)
    pack, warnings = pack_of_folder(folder, shared_encoder())
    assert "using-kitchen" not in pack.skills
    assert pack.precedence.before("cheese", "jam")
    assert any("no target" in warning for warning in warnings)


def test_init_writes_what_loads_and_lets_nobody_lose_work(folder):
    pack, warnings = init_pack(folder, None, shared_encoder(), False, lambda _: None)
    assert warnings == []
    assert load_pack(folder) == pack
    assert pack.skills["pastry"].document == "kitchen/skills/pastry/SKILL.md"
    with pytest.raises(PackError, match="--force"):
        init_pack(folder, None, shared_encoder(), False, lambda _: None)
    again, _ = init_pack(folder, None, shared_encoder(), True, lambda _: None)
    assert again == pack


def test_init_elsewhere_copies_the_documents(folder, tmp_path):
    out = tmp_path / "out"
    pack, warnings = init_pack(folder, out, shared_encoder(), False, lambda _: None)
    assert load_pack(out) == pack
    for skill in pack.file.skills:
        text = (out / skill.document).read_text()
        assert text == (folder / skill.document.removeprefix("documents/")).read_text()
        assert pack.documents[skill.id] == text
    assert "outside" in warnings[-1]


def test_a_folder_never_seen_routes_queries_in_other_words(folder):
    pack, _ = pack_of_folder(folder, shared_encoder())
    router = Router(pack, shared_encoder(), fit_model(pack, shared_encoder()))
    wanted = {
        "my loaf stays flat and dense": "sourdough",
        "how much butter for an apple tart": "pastry",
        "it squeaks when I brake": "car-brakes",
        "I have a puncture on the motorway": "wheel-change",
    }
    skills = router.model.layout.skills
    best = router.evidence_and_result(list(wanted))[0].probabilities[:, skills].argmax(axis=1)
    assert [list(pack.skills)[i] for i in best] == list(wanted.values())
    assert isinstance(router.route("who was the first woman in space?"), NoRoute)


def test_init_deletes_nothing_that_it_did_not_make(folder, tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("years of work")

    def init(target, force=False):
        return init_pack(folder, target, shared_encoder(), force, lambda _: None)

    (out / "exemplars").symlink_to(elsewhere)
    with pytest.raises(PackError, match=r"exemplars: the folder of a new pack is empty"):
        init(out)
    (folder / "exemplars").mkdir()
    (folder / "exemplars" / "notes.txt").write_text("notes")
    with pytest.raises(PackError, match=r"notes\.txt: the folder of a new pack is empty"):
        init(None)
    (out / "pack.yaml").write_text("format: 1")
    init(out, force=True)  # replaces the link
    (out / "exemplars" / "skills" / "image.png").write_text("png")
    with pytest.raises(PackError, match=r"image\.png: .*no part of a pack"):
        init(out, force=True)
    assert (elsewhere / "thesis.txt").read_text() == "years of work"
