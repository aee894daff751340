"""Queries that carry several intents: the router, and one-vs-rest logistic regression beside it.

    python benchmarks/label_sets.py

`benchmarks/label_sets` holds two sets, the front desk of a dental clinic and the helpline of a
city's transport, with some thirty small intents each that combine freely. They were written for
this purpose by a hand that did not see the code; a query was dealt to "train" or "test" by chance.
Nothing was chosen on the test lines.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from router import NoRoute, Route, Router, default_encoder
from router.arrays import Bools
from router.encoders.cached import with_log_cache
from router.encoders.encoder import Encoder
from router.packs.labels import id_of_label

_FOLDER = Path(__file__).parent / "label_sets"
_PENALTIES = (5.0, 20.0, 100.0)


def measured(name: str, encoder: Encoder) -> Iterator[tuple[str, float, float]]:
    """Give (method, share of whole sets right, F1) for the test lines of a set."""
    from sklearn.linear_model import LogisticRegression

    lines = [json.loads(line) for line in (_FOLDER / f"{name}.jsonl").read_text().splitlines()]
    train, test = ([line for line in lines if line["split"] == part] for part in ("train", "test"))
    ids = sorted({id_of_label(label) for line in lines for label in line["labels"]})

    def marked(label_lists: Iterable[Iterable[str]]) -> Bools:
        rows = [{id_of_label(label) for label in labels} for labels in label_lists]
        return np.array([[one in row for one in ids] for row in rows])

    wanted = marked(line["labels"] for line in test)
    inside = wanted.any(axis=1)
    texts, asked = [line["text"] for line in train], [line["text"] for line in test]
    for rate in (0.0, 0.1):
        router = Router.from_exemplars(
            (texts, [line["labels"] for line in train]), encoder=encoder, ask_rate=rate
        )
        decisions = router.route_many(asked)
        given = marked(d.skills if isinstance(d, Route) else () for d in decisions)
        refused = np.mean([not isinstance(d, Route) for d in np.array(decisions)[~inside]])
        questions = np.mean([not isinstance(d, Route | NoRoute) for d in decisions])
        yield (
            f"router, ask_rate={rate}: asks {questions:.2f}, strangers not routed {refused:.2f}",
            *_figures(wanted[inside], given[inside]),
        )
    vectors, truth = encoder.encode(texts), marked(line["labels"] for line in train)
    for penalty in _PENALTIES:
        columns = [
            LogisticRegression(C=penalty, max_iter=1_000)
            .fit(vectors, truth[:, column])
            .predict(encoder.encode(asked))
            for column in range(len(ids))
        ]
        given = np.stack(columns, axis=1).astype(bool)
        yield f"one-vs-rest, C={penalty:g}", *_figures(wanted[inside], given[inside])


def _figures(wanted: Bools, given: Bools) -> tuple[float, float]:
    hits = (wanted & given).sum()
    return (wanted == given).all(axis=1).mean(), 2 * hits / (wanted.sum() + given.sum())


def main() -> None:
    """Print the figures of both sets."""
    encoder = with_log_cache(default_encoder(two_layers=True))
    for name in ("dental", "transport"):
        print(f"{name}: whole sets right, F1")
        for method, exact, f1 in measured(name, encoder):
            print(f"  {exact:.3f}  {f1:.3f}  {method}")


if __name__ == "__main__":
    main()
