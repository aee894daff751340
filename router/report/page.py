"""Gather what the report tells, and render it as one file."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from router.errors import LogError
from router.evaluation.decisions_file import RunFolder
from router.evaluation.gaps import UNSURE_BELOW, gaps_of
from router.evaluation.metrics import Versions
from router.evaluation.pack_health import health_of
from router.evaluation.rows import DecidedLine
from router.files import write_whole
from router.logs.labels import Gold
from router.paths import DATA
from router.report import charts, wording
from router.report.charts import Chart, Point
from router.report.evidence import closest_exemplars, given_targets, wanted_targets
from router.report.harvest import Cell, Harvest
from router.router import Router

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics
    from router.evaluation.rows import Query

HERE = Path(__file__).parent
PLOTLY = DATA / "vendor" / "plotly" / "plotly-basic.min.js"
LONGEST = 320
MOST_STRAYS = 40
MOST_LISTED = 15
FEWEST_PLOTTED = 10  # decisions, or queries; a plot of fewer says nothing
MOST_COLUMNS = 14  # of the table of skills over time
PALE = 6  # mistakes that a cell needs to be the darkest


def write_report(folder: str | Path, router: Router) -> Path:
    """Render the report of a run into its folder, as `report.html`.

    :raises LogError: The folder has no decisions, or no figures of this version, or they are of
        another pack.
    """
    run = RunFolder.open(folder)
    made, given = run.metrics.versions, Versions.of(router)
    if made.pack_hash != given.pack_hash:
        raise LogError(
            f"{run.path}: a report needs the pack of its run, which was {made.pack} as of"
            f" {made.pack_hash}; this is {given.pack} as of {given.pack_hash};"
            " give that pack, or evaluate the log again"
        )
    path = run.path / "report.html"
    write_whole(path, render(run, router.with_vector_cache()))
    return path


def render(run: RunFolder, router: Router) -> str:
    """Render the report of a run as HTML that needs nothing else."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    metrics = run.metrics
    harvest = Harvest.of(run.decisions(), router.pack)
    gaps = gaps_of(harvest.unfit, harvest.n_lines, router)
    model = router.model
    lines = model.exemplar_labels, model.exemplar_texts, model.head.exemplars
    health = health_of(router.pack, *lines)
    rows = table_rows(harvest, router)
    plots = _plots(metrics, map_points(harvest, router))
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "interval": wording.interval,
        "compact": wording.compact,
        "target": wording.name_of,
        "short": short,
    }
    sentence, detail = wording.verdict(metrics)
    return environment.get_template("template.html.j2").render(
        style=(HERE / "style.css").read_text(),
        script=(HERE / "page.js").read_text(),
        plotly=PLOTLY.read_text(),
        data={"rows": rows, "plots": {name: asdict(chart) for name, chart in plots.items()}}
        | {"palettes": {"light": charts.LIGHT, "dark": charts.DARK}},
        palettes={"light": charts.LIGHT, "dark": charts.DARK},
        plots=plots,
        title=router.pack.file.title,
        metrics=metrics,
        labelled=metrics.lines.labelled > 0,
        log=Path(str(run.settings.get("log", ""))).name or "standard input",
        days=sorted(metrics.days),
        verdict=sentence,
        detail=detail,
        headlines=wording.headlines(metrics),
        steps=wording.first_steps(metrics, gaps, health),
        matrix=_matrix(metrics),
        meanings=wording.MEANINGS,
        unit=charts.span_unit(metrics.days),
        seasons=_seasons(metrics),
        gaps=gaps,
        health=health,
        most_strays=MOST_STRAYS,
        most_listed=MOST_LISTED,
        unsure=UNSURE_BELOW,
        decided=_decided,
        n_rows=len(rows),
        n_wrong=sum(row["outcome"] in ("wrong", "asked") for row in rows),
        fewest_plotted=FEWEST_PLOTTED,
    )


def short(text: str, most: int = LONGEST) -> str:
    """Bring a text onto one line, and cut it where it is long."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[:most]}…"


def table_rows(harvest: Harvest, router: Router) -> list[dict[str, Any]]:
    """Lay out the rows of the table, those of mistakes with the exemplars that explain them."""
    shown = harvest.shown()
    wrong = [row for row, _, _ in shown if row.accepted is False]
    vectors = router.encoder.encode([row.text for row in wrong])
    right = closest_exemplars(router, vectors, [wanted_targets(row) for row in wrong])
    given = closest_exemplars(router, vectors, [given_targets(row) for row in wrong])
    why: list[list[list[object] | None]] = [
        [
            None if one is None else [one.target, short(one.text, 160), one.similarity]
            for one in pair
        ]
        for pair in zip(right, given, strict=True)
    ]
    why += [[None, None]] * (len(shown) - len(wrong))
    return [_table_row(*one, evidence) for one, evidence in zip(shown, why, strict=True)]


def _table_row(row: DecidedLine, cell: Cell, count: int, why: Sequence[object]) -> dict[str, Any]:
    return {
        "text": short(row.text),
        "line": row.line,
        "day": "" if row.time is None else row.time.date().isoformat(),
        "outcome": row.judgement,
        "wanted": cell[0],
        "given": cell[1],
        "asksFor": None if row.gold is None else _decided(row.gold),
        "decided": _decided(row),
        "confidence": round(row.confidence, 3),
        "count": count,
        "why": why,
    }


def map_points(harvest: Harvest, router: Router) -> list[Point]:
    """Place a sample of the queries in two dimensions, near ones near."""
    rows = [row for _, row, _ in harvest.mapped.items()]
    if len(rows) < FEWEST_PLOTTED:
        return []
    from sklearn.manifold import TSNE

    vectors = router.encoder.encode([row.text for row in rows]).astype(np.float64)
    width = min(30.0, (len(rows) - 1) / 3)
    flat = TSNE(perplexity=width, init="random", random_state=0, max_iter=500).fit_transform(
        vectors
    )
    return [
        Point(float(x), float(y), short(row.text, 240), row.judgement, _decided(row))
        for (x, y), row in zip(flat, rows, strict=True)
    ]


def _plots(metrics: "Metrics", points: Sequence[Point]) -> dict[str, Chart]:
    """Draw what the run has data for, in the order of the page."""
    plots = {}
    if metrics.intervals["calibration_error"].n >= FEWEST_PLOTTED:
        plots["risk"] = charts.risk_coverage(metrics)
        plots["reliability"] = charts.reliability(metrics)
        plots["asking"] = charts.ask_rate(metrics)
    if len(metrics.days) > 1:
        plots["shares"] = charts.shares_over_time(metrics)
        if metrics.lines.labelled:
            plots["accepted"] = charts.accepted_over_time(metrics)
    if points:
        plots["map"] = charts.query_map(points)
    return plots


def _matrix(metrics: "Metrics") -> dict[str, Any]:
    """Lay out the confusion matrix: each row with its cells, and how dark each is in [0, 1]."""
    cells = {(cell.wanted, cell.given): cell for cell in metrics.confusion.cells}
    labels = metrics.confusion.labels
    wrong = [cell.count for cell in cells.values() if cell.wanted != cell.given]
    right = [cell.count for cell in cells.values() if cell.wanted == cell.given]
    most = {True: max(right, default=1), False: max(*wrong, PALE, PALE)}
    rows = []
    for wanted in labels:
        row = []
        for given in labels:
            cell = cells.get((wanted, given))
            count = 0 if cell is None else cell.count
            shade = (count / most[wanted == given]) ** 0.6
            row.append({"given": given, "count": count, "shade": round(shade, 3)})
        rows.append({"wanted": wanted, "cells": row, "total": sum(cell["count"] for cell in row)})
    return {"labels": labels, "rows": rows}


def _seasons(metrics: "Metrics") -> dict[str, Any]:
    """Lay out the share of each skill in each day, week or month, and how dark it is in [0, 1]."""
    spans = charts.spans_of(metrics.days, MOST_COLUMNS)
    counts = {
        name: [span.skills.get(name, 0) for span in spans.values()]
        for name in metrics.shares.skills
        if len(spans) > 1
    }
    shares = {
        name: [count / span.lines for count, span in zip(row, spans.values(), strict=True)]
        for name, row in counts.items()
    }
    most = max((share for row in shares.values() for share in row), default=0.0) or 1.0
    rows = [
        {
            "name": name,
            "cells": [
                {"share": share, "count": count, "shade": round(share / most, 3)}
                for share, count in zip(shares[name], counts[name], strict=True)
            ],
        }
        for name in counts
    ]
    return {
        "unit": charts.span_unit(metrics.days, MOST_COLUMNS),
        "spans": [(name, span.lines) for name, span in spans.items()],
        "rows": rows,
    }


def _decided(row: "DecidedLine | Gold | Query") -> str:
    """Write a decision, or a label, in a few words."""
    beside = f", see {' and '.join(row.packs)}" if row.packs else ""
    if row.action == "route":
        any_of = (
            "" if row.skills or not isinstance(row, Gold) else f"any of {', '.join(row.ok_skills)}"
        )
        return (wording.joined(row.skills) or any_of) + beside
    if row.action == "clarify":
        return f"ask {row.question}" if row.question else "ask"
    return f"redirect to {' and '.join(row.packs)}" if row.action == "redirect" else "none of these"
