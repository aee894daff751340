"""Draw what benchmarks/speed.py measured: small SVG files for the pages."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLOURS = {
    "ours": "#1f6f5c",
    "encoder": "#8fbf9f",
    "sentence-transformers": "#c98b2b",
    "semantic-router": "#8a4f7d",
    "semantic-router-local": "#b48aa9",
}
PANELS = {
    "cold_start": ("Cold start", "s", 1.0),
    "one_query": ("One query, median", "ms", 1e3),
    "batch": ("A query in a batch", "ms", 1e3),
    "memory_bytes": ("Memory, most", "MB", 1e-6),
}
LAWS = {
    "routes": "Routes, 5 exemplars each",
    "exemplars": "Exemplars of 100 routes",
    "words": "Words in a text",
}


def draw(report: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the subjects side by side, and each law; give the files."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {
        "svg.fonttype": "none",  # letters stay letters: small files
        "svg.hashsalt": "router",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_subjects(report["figures"], folder / "speed-subjects.svg")]
    for law, points in report["laws"].items():
        if points:
            drawn.append(_law(law, points, folder / f"speed-{law}.svg"))
    return drawn


def _subjects(figures: dict[str, Any], path: Path) -> Path:
    from matplotlib import pyplot as plt

    subjects = list(figures["one_query"])
    figure, panels = plt.subplots(1, len(PANELS), figsize=(9, 1.8), sharey=True)
    for axes, (name, (title, unit, scale)) in zip(panels, PANELS.items(), strict=True):
        found = {one: figures[name][one] for one in subjects if one in figures[name]}
        medians = [one["median"] * scale for one in found.values()]
        spread = [
            [(one["median"] - one["low"]) * scale for one in found.values()],
            [(one["high"] - one["median"]) * scale for one in found.values()],
        ]
        bars = axes.barh(
            [subjects.index(one) for one in found],
            medians,
            xerr=spread,
            color=[COLOURS[subject] for subject in found],
            height=0.6,
        )
        axes.bar_label(bars, [_short(value) for value in medians], padding=4, fontsize=8)
        axes.set_title(f"{title}, {unit}", fontsize=9, loc="left")
        axes.set_xlim(0, 1.3 * max(one["high"] * scale for one in found.values()))
        axes.tick_params(axis="y", left=False)
        axes.locator_params(axis="x", nbins=4)
    panels[0].set_yticks(range(len(subjects)), subjects)
    panels[0].invert_yaxis()
    return _saved(figure, path)


def _short(value: float) -> str:
    """Three digits, and a whole number where there are as many before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _law(law: str, points: Sequence[dict[str, float]], path: Path) -> Path:
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    figure, axes = plt.subplots(figsize=(5, 2.8))
    sizes = [point[law] for point in points]
    for subject, colour in COLOURS.items():
        if subject in points[0]:
            rates = [point[subject] for point in points]
            axes.plot(sizes, rates, marker="o", color=colour, label=subject)
    axes.set_xscale("log")
    axes.set_yscale("log")
    told = [point[one] for point in points for one in COLOURS if one in point]
    axes.set_ylim(0.7 * min(told), 1.4 * max(told))  # a mark above and below
    axes.set_xticks(sizes)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(LAWS[law])
    axes.set_ylabel("queries a second, in batches")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False)
    return _saved(figure, path)


def _saved(figure: Any, path: Path) -> Path:  # noqa: ANN401 - matplotlib's
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    return path


if __name__ == "__main__":
    report_, folder_ = sys.argv[1:]
    for path_ in draw(json.loads(Path(report_).read_text()), Path(folder_)):
        print(path_)
