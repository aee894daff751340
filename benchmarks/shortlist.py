"""What a shortlist saves and what it loses: `python benchmarks/shortlist.py PACK QUERIES [K]`.

PACK is a pack, a folder of skills or a list of tools. QUERIES are JSON lines with `query` or
`text`, and `tools`, `skills` or `label`: the ids or names of what each needs. Tokens are those of
the default encoder's tokenizer, which stands for that of any model.
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer

from router import Router
from router.encoders.default import default_encoder
from router.encoders.onnx_encoder import OnnxEncoder
from router.shortlist.entries import as_context, shortlist_of
from router.statistics.figure import Figure


def wanted_by(row: dict[str, object]) -> list[str]:
    """Give the names that a query needs."""
    value = next((row[key] for key in ("tools", "skills", "label") if key in row), [])
    return [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]


def main(pack: str, queries: str, k: int = 5) -> None:
    """Measure."""
    encoder = default_encoder()
    assert isinstance(encoder, OnnxEncoder)
    tokenizer = Tokenizer.from_file(str(encoder.folder / "tokenizer.json"))
    tokenizer.no_truncation()
    router = Router.load(pack, encoder=encoder)
    skills = router.pack.file.skills
    ids = {str(skill.data.get("tool", skill.id)): skill.id for skill in skills}
    listed = "\n".join(f"- {name}: {router.pack.skills[ids[name]].description}" for name in ids)
    whole = len(tokenizer.encode(listed).ids)
    rows = [json.loads(line) for line in Path(queries).read_text("utf-8").splitlines()]
    shown, found, n = [], 0, 0
    for row in rows:
        entries = shortlist_of(router, str(row.get("query", row.get("text"))), k, Path(pack))
        shown.append(len(tokenizer.encode(as_context(entries)).ids) if entries else 0)
        if wanted := wanted_by(row):
            n += 1
            found += {ids.get(name, name) for name in wanted} <= {entry.id for entry in entries}
    mean = sum(shown) / len(shown)
    share = Figure.of_share(found, n).rounded(3)
    print(f"{len(skills)} skills, listed with their descriptions: {whole:,} tokens")
    print(f"shortlist of {k}: {mean:.0f} tokens in the mean, {1 - mean / whole:.0%} less")
    print(f"all that is needed is in it: {share.value} ({share.low} to {share.high}), n = {n}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
