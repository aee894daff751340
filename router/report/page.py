"""Gathers what the report shows, and renders it as one file."""

import base64
import gzip
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from router.decisions.words import count_of, on_one_line, outcome_in_words, target_in_words
from router.evaluation.decisions_file import RunFolder
from router.evaluation.definitions import FIGURES
from router.evaluation.gaps import UNSURE_BELOW, gaps_of
from router.evaluation.pack_health import health_of
from router.evaluation.rows import DecidedLine
from router.evaluation.service_log import metrics_of_service
from router.files import write_whole
from router.report import charts, wording
from router.report.charts import Chart, Point
from router.report.charts.heat_table import confusion_table, skills_table
from router.report.charts.spans import span_unit
from router.report.nearest_exemplars import decided_targets, nearest_exemplars, wanted_targets
from router.report.samples import CellKey, RunSamples
from router.router import Router

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics

_FOLDER = Path(__file__).parent
_MAX_TEXT_LENGTH = 320
_MAX_SKILL_COLUMNS = 14


@dataclass(frozen=True)
class Limits:
    """How much of everything the page shows.

    A plot needs `min_plotted` decisions, or queries. Decisions below `unsure_below` fit badly.
    """

    min_plotted: int = 10
    max_queries: int = 15
    max_gaps: int = 10
    max_strays: int = 40
    max_pairs: int = 6
    unsure_below: float = UNSURE_BELOW


_LIMITS = Limits()


def write_report(folder: str | Path, router: Router) -> Path:
    """Write the report of a run into its folder, as `report.html`.

    That of a `DecisionLog` shows its decisions as they were made, and lies beside it: the report of
    `live.jsonl` is `live-report.html`.

    :param folder: The folder of the run, or the file of a `DecisionLog`.
    :param router: Has the pack of the run.
    :raises LogError: The folder has no decisions or no figures of this version, or the router has
        another pack than the run.
    """
    run = RunFolder.open(folder)
    run.check_pack(router)
    path = run.path / "report.html"
    if run.is_decision_log:
        path = run.path.with_name(f"{run.path.stem}-report.html")
    write_whole(path, render(run, router.with_vector_cache()))
    return path


def render(run: RunFolder, router: Router) -> str:
    """Render the report of a run as HTML that needs nothing else."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    metrics, model = _metrics_of(run, router), router.model
    samples = RunSamples.of(run.decisions(), router.pack)
    gaps = gaps_of(samples.unfit, samples.n_lines, router)
    health = health_of(
        router.pack, model.exemplar_labels, model.exemplar_texts, model.head.exemplars
    )
    queries = _queries_table(samples, router)
    plots = _plots(metrics, _map_points(samples, router))
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "interval": wording.interval,
        "compact": wording.compact,
        "target": target_in_words,
        "outcome": outcome_in_words,
        "short": _short,
        "count_of": count_of,
    }
    sentence, basis = wording.verdict(metrics)
    return environment.get_template("template.html.j2").render(
        assets={
            "style": (_FOLDER / "style.css").read_text(encoding="utf-8"),
            "script": (_FOLDER / "page.js").read_text(encoding="utf-8"),
            "plotly": _packed(get_plotlyjs()),
            "palettes": charts.PALETTES,
            "data": {
                "rows": queries,
                "plots": {name: asdict(chart) for name, chart in plots.items()},
                "palettes": charts.PALETTES,
            },
        },
        run={
            "title": router.pack.file.title,
            "log": run.name
            if run.is_decision_log
            else Path(str(run.settings.get("log", ""))).name or "standard input",
            "days": sorted(metrics.days),
            "labelled": metrics.lines.labelled > 0,
            "unit": span_unit(metrics.days),
            "n_queries": len(queries),
            "n_mistakes": sum(row["outcome"] in ("wrong", "asked") for row in queries),
        },
        summary={
            "verdict": sentence,
            "basis": basis,
            "headlines": wording.headlines(metrics),
            "steps": wording.first_steps(metrics, gaps, health),
        },
        metrics=metrics,
        definitions=FIGURES,
        confusion=confusion_table(metrics),
        skills=skills_table(metrics, _MAX_SKILL_COLUMNS) if len(metrics.days) > 1 else None,
        plots=plots,
        gaps=gaps,
        health=health,
        turns=run.turns,
        limits=_LIMITS,
    )


def _metrics_of(run: RunFolder, router: Router) -> "Metrics":
    return metrics_of_service(run, router) if run.is_decision_log else run.metrics


def _packed(script: str) -> str:
    """Compress a script, which the page unpacks; the same script always gives the same text."""
    return base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()


def _short(text: str, length: int = _MAX_TEXT_LENGTH) -> str:
    return on_one_line(text, length)


def _queries_table(samples: RunSamples, router: Router) -> list[dict[str, Any]]:
    """Lay out the rows of the table; mistakes get the exemplars that explain them."""
    listed = samples.listed()
    mistakes = [line for line, _, _ in listed if line.accepted is False]
    vectors = router.encoder.encode([line.text for line in mistakes])
    of_wanted = nearest_exemplars(router, vectors, [wanted_targets(line) for line in mistakes])
    of_decided = nearest_exemplars(router, vectors, [decided_targets(line) for line in mistakes])
    nearest: list[list[object]] = [
        [
            exemplar and [exemplar.target, _short(exemplar.text, 160), exemplar.similarity]
            for exemplar in pair
        ]
        for pair in zip(of_wanted, of_decided, strict=True)
    ]
    nearest += [[None, None]] * (len(listed) - len(mistakes))
    return [_query_row(*row, pair) for row, pair in zip(listed, nearest, strict=True)]


def _query_row(
    line: DecidedLine, cell: CellKey, count: int, nearest: Sequence[object]
) -> dict[str, Any]:
    label = line.gold
    return {
        "text": _short(line.text),
        "line": line.line,
        "day": "" if line.time is None else line.time.date().isoformat(),
        "outcome": line.judgement,
        "wanted": cell[0],
        "given": cell[1],
        "label": None if label is None else outcome_in_words(label, label.ok_skills),
        "decided": outcome_in_words(line),
        "confidence": round(line.confidence, 3),
        "count": count,
        "nearest": nearest,
    }


def _map_points(samples: RunSamples, router: Router) -> list[Point]:
    """Place a sample of the queries in two dimensions, similar ones close together."""
    lines = [line for _, line, _ in samples.mapped.items()]
    if len(lines) < _LIMITS.min_plotted:
        return []
    from sklearn.manifold import TSNE

    vectors = router.encoder.encode([line.text for line in lines]).astype(np.float64)
    perplexity = min(30.0, (len(lines) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="random", random_state=0, max_iter=500)
    return [
        Point(float(x), float(y), _short(line.text, 240), line.judgement, outcome_in_words(line))
        for (x, y), line in zip(tsne.fit_transform(vectors), lines, strict=True)
    ]


def _plots(metrics: "Metrics", points: Sequence[Point]) -> dict[str, Chart]:
    """Draw the plots that the run has data for, in the order of the page."""
    plots = {}
    if metrics.intervals["calibration_error"].n >= _LIMITS.min_plotted:
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
