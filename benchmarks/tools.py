"""How often the right tools are found: `python benchmarks/tools.py [TOOLS QUERIES]`.

TOOLS is a list of tools, QUERIES are JSON lines with `query` and `tools`, in the order of calling.
Baselines on the same encoder stand beside: the cosine with "name: description", the same plus 0.3
of the cosine of TF-IDF.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from router import Router
from router.arrays import Floats
from router.encoders.default import default_encoder
from router.skill_folders.tool_list import read_tools

HERE = Path(__file__).parent / "tools_dev"


def places(scores: Floats, wanted: list[int]) -> list[int]:
    """Place of each wanted column, from 1."""
    order = np.argsort(-scores, kind="stable").tolist()
    return [order.index(column) + 1 for column in wanted]


def line(name: str, found: list[list[int]], exact: float | None = None) -> None:
    """Print the shares of one method."""
    single = np.array([places[0] for places in found if len(places) == 1])
    both = np.array([max(places) for places in found if len(places) == 2])
    told = [f"{(single <= k).mean():.3f}" for k in (1, 3, 5)] + [f"{(both <= 5).mean():.3f}"]
    told.append("" if exact is None else f"{exact:.3f}")
    print(f"{name:34}" + "".join(f"{value:>9}" for value in told))


def main(tools_file: str | Path, queries_file: str | Path) -> None:
    """Measure."""
    tools = read_tools(tools_file)
    column = {tool.name: index for index, tool in enumerate(tools)}
    rows = [json.loads(text) for text in Path(queries_file).read_text("utf-8").splitlines()]
    queries = [row["query"] for row in rows]
    wanted = [[column[name] for name in row["tools"]] for row in rows]
    documents = [f"{tool.name}: {tool.description}" for tool in tools]
    encoder = default_encoder()
    cosines = encoder.encode(queries) @ encoder.encode(documents).T
    tfidf = TfidfVectorizer().fit(documents)
    lexical = (tfidf.transform(queries) @ tfidf.transform(documents).T).toarray()
    print(f"{'':34}" + "".join(f"{name:>9}" for name in ("first", "3", "5", "both 5", "exact")))
    for name, scores in (("MiniLM", cosines), ("MiniLM + .3 TF-IDF", cosines + 0.3 * lexical)):
        line(name, [places(*pair) for pair in zip(scores, wanted, strict=True)])
    router = Router.load(Path(tools_file), encoder=encoder)
    ids = {skill.data["tool"]: skill.id for skill in router.pack.file.skills}
    rankings = router.rank_many(queries, None)
    found = []
    for row, ranking in zip(rows, rankings, strict=True):
        order = [ranked.id for ranked in ranking]
        found.append([order.index(ids[name]) + 1 for name in row["tools"]])
    batch = router.outcomes(queries)
    decided = [batch.outcomes[index] for index in batch.indices]
    right = [
        decision.skills == tuple(ids[name] for name in row["tools"])
        for row, decision in zip(rows, decided, strict=True)
    ]
    several = [len(row["tools"]) > 1 for row in rows]
    exact = np.array(right)[np.array(several)].mean()
    line("router", found, exact)
    clear = [d.action for d, many in zip(decided, several, strict=True) if not many]
    shares = {action: round(clear.count(action) / len(clear), 3) for action in sorted(set(clear))}
    print("single queries:", shares, "right:", np.array(right)[~np.array(several)].mean().round(3))


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*(given or (HERE / "tools.json", HERE / "queries.jsonl")))
