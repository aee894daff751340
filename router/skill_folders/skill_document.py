"""One SKILL.md, read as leniently as the clients of the Agent Skills format read it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from router.errors import PackError
from router.packs.document import read_document
from router.packs.faults import Fault
from router.packs.markdown import FRONTMATTER
from router.skill_folders.frontmatter_keys import REFUSAL_KEYS, USE_KEYS, lines_below

SKILL_FILES = ("SKILL.md", "skill.md")
MAX_NAME = 64
MAX_DESCRIPTION = 1_024
_MAX_FRONTMATTER = 64_000

_PAIR = re.compile(r"([A-Za-z][\w-]*):(?:[ \t]+(\S.*))?", re.DOTALL)
_BLOCK = re.compile(r"^(?=[^\s#-])", re.MULTILINE)  # a line that may begin a pair of the top level

_TEMPLATE_NAME = re.compile(
    r"(?:template-skill|skill-template|(?:your|my)-skill(?:-name)?|skill-name|[<{\[].*[>}\]])", re.I
)
_TEMPLATE_TEXT = re.compile(
    r"^\W*(?:todo|tbd|fixme|placeholder|lorem ipsum)\b|\[todo\b|\{\{|<description"
    r"|replace (?:this )?with (?:a |the |your )?description|description (?:goes )?here\b",
    re.IGNORECASE,
)
"""What stands in a SKILL.md that a generator wrote and nobody has filled in."""


@dataclass(frozen=True)
class SkillDocument:
    """A skill's document.

    :param text: The whole document.
    :param lines: The line of each key of the frontmatter, from 1.
    :param remarks: What clients tolerate, but a validator refuses.
    :param uses: What other keys than the description state that the skill is for.
    :param refusals: What they state that it is not for.
    :param user_only: Whether only users may invoke it, by `disable-model-invocation: true`.
    """

    path: Path
    text: str
    name: str
    description: str
    body: str
    lines: Mapping[str, int]
    remarks: tuple[Fault, ...] = ()
    uses: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    user_only: bool = False

    @property
    def is_placeholder(self) -> bool:
        """Whether it is a template that nobody has filled in."""
        return bool(_TEMPLATE_NAME.fullmatch(self.name) or _TEMPLATE_TEXT.search(self.description))


def find_skill_document(folder: Path) -> Path | None:
    """Find the document in a skill's folder; SKILL.md takes precedence over skill.md."""
    if not folder.is_dir():
        return None
    present = {entry.name for entry in folder.iterdir() if entry.is_file()}
    return next((folder / name for name in SKILL_FILES if name in present), None)


def read_skill(path: Path) -> SkillDocument:
    """Read a skill's document.

    What clients tolerate becomes a remark: a colon that should have been quoted, a description or
    name that is too long, a name that is missing or not the folder's, a key that occurs twice.

    :raises PackError: Clients refuse it: no frontmatter, YAML that can't be read, no description.
    """
    text = read_document(path)
    frontmatter = FRONTMATTER.match(text)
    if frontmatter is None:
        is_open = text.lstrip().startswith("---")
        raise PackError(
            f"{path}:1: a skill begins with frontmatter between two lines `---`, found"
            f" {'no second one' if is_open else repr(text[:20])};"
            " cure: begin with ---, name: ..., description: ..., ---"
        )
    first_line = text.count("\n", 0, frontmatter.start(1)) + 1
    fields, lines, remarks = _read_fields(path, frontmatter[1], first_line)
    description = " ".join(_text(fields, "description").split())
    if not description:
        raise PackError(
            f"{path}:{lines.get('description', 1)}: a skill has a description of what it does and"
            " when to use it, found none; cure: add `description: ...` to the frontmatter"
        )
    name = _text(fields, "name").strip()
    remarks += [
        Fault(str(path), lines.get(key, 1), "", message)
        for key, message in _tolerated(path.parent.name, name, description)
    ]
    return SkillDocument(
        path=path,
        text=text,
        name=name or path.parent.name,
        description=description,
        body=text[frontmatter.end() :],
        lines=lines,
        remarks=tuple(remarks),
        uses=lines_below(fields, USE_KEYS),
        refusals=lines_below(fields, REFUSAL_KEYS),
        user_only=_text(fields, "disable-model-invocation").strip().casefold() in ("true", "yes"),
    )


def normal_name(name: str) -> str:
    """Give a name in the form in which names are compared."""
    return unicodedata.normalize("NFKC", name.strip())


def _tolerated(folder: str, name: str, description: str) -> list[tuple[str, str]]:
    """Give the key and the message of each remark on name and description."""
    remarks = []
    if not name:
        remarks.append(("name", f"there is no name; that of the folder, {folder!r}, is used"))
    elif normal_name(name) != normal_name(folder):
        message = f"the name must be that of the folder, {folder!r}, was: {name!r}; loaded anyway"
        remarks.append(("name", message))
    if len(name) > MAX_NAME:
        message = f"a name has at most {MAX_NAME} characters, was: {len(name)}; shorten it"
        remarks.append(("name", message))
    if len(description) > MAX_DESCRIPTION:
        message = f"a description has at most {MAX_DESCRIPTION:,} characters"
        message += f", was: {len(description):,}; clients may cut it"
        remarks.append(("description", message))
    return remarks


def _text(fields: Mapping[str, yaml.Node], key: str) -> str:
    """Give a plain value; nothing if it is missing, a list or a mapping."""
    node = fields.get(key)
    is_text = isinstance(node, yaml.ScalarNode) and node.tag != "tag:yaml.org,2002:null"
    return str(node.value) if node is not None and is_text else ""


_Fields = tuple[dict[str, yaml.Node], dict[str, int], list[Fault]]  # nodes, lines, remarks


def _read_fields(path: Path, source: str, first_line: int) -> _Fields:
    """Read the values of the frontmatter; what is not YAML in it costs one value or line."""
    try:
        return _compose(path, source, first_line)
    except yaml.YAMLError:
        mended, remarks = [], []
        line = first_line
        for block in _BLOCK.split(source):
            text, remark = _mended(block)
            mended.append(text)
            if remark:
                remarks.append(Fault(str(path), line, "", remark))
            line += block.count("\n")
        fields, lines, further = _compose(path, "".join(mended), first_line)
        return fields, lines, [*further, *remarks]


def _mended(block: str) -> tuple[str, str]:
    """Quote the value of a pair that is not YAML, and leave out any other line that is not.

    :return: As many lines as before, and a remark if they are not the same.
    """
    try:
        if isinstance(yaml.compose(block, Loader=yaml.CSafeLoader), yaml.MappingNode | None):
            return block, ""
    except yaml.YAMLError:
        pass
    pair, end = _PAIR.fullmatch(block.rstrip()), "\n" * block.count("\n")
    if pair is None or not pair[2]:
        return end, f"the line {block.splitlines()[0][:40]!r} is not YAML; it is left out"
    value = " ".join(pair[2].split())
    if len(value) > 1 and value[0] == value[-1] in "'\"":
        value = value[1:-1]
    value = value.replace("'", "''")
    remark = "a value that contains `: ` must be in quotes; it was read as if it were"
    if ": " not in value:
        remark = f"the value of {pair[1]!r} is not YAML; it is read as if it were in quotes"
    return f"{pair[1]}: '{value}'{end}", remark


def _compose(path: Path, source: str, first_line: int) -> _Fields:
    if len(source) > _MAX_FRONTMATTER:
        raise PackError(
            f"{path}:{first_line}: frontmatter has at most {_MAX_FRONTMATTER:,} characters,"
            f" was: {len(source):,}; cure: move the rest below the second `---`"
        )
    try:
        node = yaml.compose(source, Loader=yaml.CSafeLoader)
    except RecursionError as error:
        raise PackError(f"{path}:{first_line}: the frontmatter is nested too deep") from error
    if not isinstance(node, yaml.MappingNode):
        raise PackError(
            f"{path}:{first_line}: the frontmatter is `key: value` lines;"
            " cure: add name and description"
        )
    fields: dict[str, yaml.Node] = {}
    lines: dict[str, int] = {}
    remarks = []
    for key_node, value in node.value:
        key, line = str(key_node.value), first_line + key_node.start_mark.line
        if key in lines:
            message = f"the key {key!r} occurs twice; its last value is used"
            remarks.append(Fault(str(path), line, "", message))
        fields[key], lines[key] = value, line
    return fields, lines, remarks
