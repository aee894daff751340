import pytest

from router.errors import PackError
from router.packs.document import read_document
from router.packs.markdown import own_text, passages, without_code

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


def test_the_passages_of_a_document():
    assert passages(own_text(PAGE)) == [
        "Mend a tyre",
        "Take the wheel off",
        "Find the hole",
        "tool what for",
        "lever the bead",
    ]
    assert passages("") == []
    assert passages("no frontmatter") == ["no frontmatter"]


REFUSING = """---
name: tyres
not_for: paint jobs
---
# Tyres
Mend a tube. Not for racing slicks, use `slicks`.
- Patch it.

## When not to use
- a bent rim
```bash
rimtool --bend
```
## Steps
Do not use this skill when:
- the bead is torn
Else:
1. Inflate it.
"""


def test_what_a_document_refuses_is_left_out():
    assert own_text(REFUSING).split("\n") == [
        "",
        "# Tyres",
        "- Patch it.",
        "",
        "## Steps",
        "Else:",
        "1. Inflate it.",
        "",
    ]


def test_code_is_blanked_and_lines_keep_their_numbers():
    blank = without_code(PAGE)
    assert blank.count("\n") == PAGE.count("\n")
    assert "patchkit" not in blank
    assert "not this" not in blank


def test_line_ends_are_plain_and_faults_named(tmp_path):
    path = tmp_path / "a.md"
    path.write_bytes(b"\xef\xbb\xbffirst\r\nsecond\rthird")
    assert read_document(path) == "first\nsecond\nthird"
    path.write_bytes(b"first\n\xff")
    with pytest.raises(PackError, match=r"a\.md:2: not UTF-8"):
        read_document(path)
    with pytest.raises(PackError, match="can't be read"):
        read_document(tmp_path / "b.md")
