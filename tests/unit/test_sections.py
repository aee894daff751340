"""Sections: named in a pack, checked, given back by a reply, and never fitted."""

import itertools

import pin
import pytest
from msgspec.structs import replace
from test_dialogue_rules import ask
from test_pack import change, faults_in

from router import Router
from router.commands.ask import print_decision
from router.errors import RouterError
from router.mcp_server import _record_of, _skill_file
from router.model.model import model_hash
from router.packs.document import sections_of
from router.packs.pack_file import load_pack
from router.paths import DEFAULT_PACK
from router.skill_folders.router_skill import router_skill

BRAKES = "leads_to: {skills: [fix-brakes]}"
DOCUMENT = """\
# Brakes

Pads first, then cables.

## `Disc` brakes ##

Bleed them.

### Pads

```sh
# no heading
```

## Rim brakes

New blocks.
"""


def test_a_section_ends_before_the_next_heading_of_its_level_or_above():
    sections = sections_of(DOCUMENT)
    assert list(sections) == ["Brakes", "Disc brakes", "Pads", "Rim brakes"]
    assert sections["Pads"].startswith("### Pads\n")
    assert "# no heading" in sections["Pads"]
    assert "### Pads" in sections["Disc brakes"]
    assert "Rim" not in sections["Disc brakes"]
    assert sections["Rim brakes"] == "## Rim brakes\n\nNew blocks."


def test_a_section_that_the_document_lacks_is_named_with_its_line(tiny):
    lacking = "leads_to: {skills: [fix-brakes], section: Brake}"
    line = change(tiny, BRAKES, lacking)
    (fault,) = faults_in(tiny)
    assert f"pack.yaml:{line}: questions[1].options[0].leads_to.section: " in fault
    assert "brakes.md has no heading 'Brake'; did you mean 'Brakes'?" in fault
    change(tiny, lacking, lacking.replace("Brake}", "Brakes}"))
    assert faults_in(tiny) == []


@pytest.mark.parametrize(
    ("lead", "told"),
    [
        ("{skills: [sell-bikes], section: Brakes}", "sell-bikes has no document"),
        ("{neighbours: [bus-lines], section: Brakes}", "name the skill in `skills`"),
        ("{section: Brakes}", "leads nowhere"),
    ],
)
def test_a_section_is_one_of_a_document(tiny, lead, told):
    change(tiny, BRAKES, f"leads_to: {lead}")
    (fault,) = faults_in(tiny)
    assert told in fault


def with_section(pack, question_id, option_id, section):
    """Name a section in what an option leads to."""

    def changed(question):
        options = tuple(
            replace(option, leads_to=replace(option.leads_to, section=section))
            if option.id == option_id
            else option
            for option in question.options
        )
        return replace(question, options=options) if question.id == question_id else question

    questions = tuple(changed(question) for question in pack.file.questions)
    return replace(pack, file=replace(pack.file, questions=questions))


def test_a_section_is_not_fitted():
    pack = load_pack(DEFAULT_PACK)
    changed = with_section(pack, "traffic-pattern", "spiky", "Another")
    assert changed != pack
    assert model_hash(changed) == model_hash(pack)


@pytest.fixture(scope="module")
def parcels():
    """A router whose first option of a question names a section."""
    router = pin.router_of("parcel-help")
    pack = with_section(router.pack, "find-or-move", "find", "Where it is")
    return Router(pack, router.encoder, router.model)


def test_a_reply_gives_the_section_of_its_option(parcels, capsys):
    end = parcels.answer(ask(parcels, "find-or-move", "my parcel"), "1")
    assert (end.skills, end.section) == (("track-parcel",), "Where it is")
    record = end.to_dict()
    assert record["section"] == _record_of(end).section == "Where it is"
    print_decision(end, parcels.pack)
    assert 'See section "Where it is" of track-parcel first.' in capsys.readouterr().out


def test_an_option_without_one_gives_none(parcels):
    end = parcels.answer(ask(parcels, "find-or-move", "my parcel"), "2")
    assert end.section == ""
    assert "section" not in end.to_dict()


def test_both_options_give_the_section_of_the_first_skill(parcels):
    end = parcels.answer(ask(parcels, "find-or-move", "my parcel"), "both")
    assert (end.skills[0], end.section) == ("track-parcel", "Where it is")
    only_second = with_section(parcels.pack, "find-or-move", "find", "")
    only_second = with_section(only_second, "find-or-move", "move", "A new day")
    router = Router(only_second, parcels.encoder, parcels.model)
    end = router.answer(ask(router, "find-or-move", "my parcel"), "both")
    assert (end.skills[0], end.section) == ("track-parcel", "")


def test_an_agent_can_read_the_section_alone():
    pack = load_pack(DEFAULT_PACK)
    skill, section = "scaling-and-load-balancing", "Steady growth"
    told = [part.text for part in _skill_file(pack, DEFAULT_PACK, skill, "", section).content]
    assert told[0].startswith("### Steady growth\n")
    assert "Users all over the world" not in told[0]
    assert told[1].startswith("This is one section")
    with pytest.raises(RouterError, match="no section 'Growth'; did you mean 'Steady growth'"):
        _skill_file(pack, DEFAULT_PACK, skill, "", "Growth")


def test_every_answer_of_the_shipped_pack_changes_where_one_is_sent():
    for question in load_pack(DEFAULT_PACK).file.questions:
        for first, second in itertools.combinations(question.options, 2):
            assert first.leads_to != second.leads_to, (question.id, first.id, second.id)


def test_the_router_skill_names_sections():
    assert '`scaling-and-load-balancing`, section "Steady growth" |' in router_skill(
        load_pack(DEFAULT_PACK)
    )
