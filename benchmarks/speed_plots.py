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
}
PANELS = {
    "cold_start": ("Cold start to first answer", "s", 1.0),
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

    figure, panels = plt.subplots(1, len(PANELS), figsize=(9, 2.2))
    for axes, (name, (title, unit, scale)) in zip(panels, PANELS.items(), strict=True):
        found = figures[name]
        medians = [one["median"] * scale for one in found.values()]
        spread = [
            [(one["median"] - one["low"]) * scale for one in found.values()],
            [(one["high"] - one["median"]) * scale for one in found.values()],
        ]
        colours = [COLOURS[subject] for subject in found]
        axes.barh(list(found), medians, xerr=spread, color=colours, height=0.6)
        axes.set_title(f"{title}, {unit}", fontsize=9, loc="left")
        axes.invert_yaxis()
        axes.tick_params(axis="y", left=False, labelleft=axes is panels[0])
        if len(found) < len(figures["one_query"]):  # labels of the first panel stand for all
            axes.set_yticks(range(len(found)), list(found))
            axes.tick_params(axis="y", labelleft=True)
    for axes in panels[2:]:
        axes.tick_params(axis="y", labelleft=False)
    panels[1].tick_params(axis="y", labelleft=True)
    return _saved(figure, path)


def _law(law: str, points: Sequence[dict[str, float]], path: Path) -> Path:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 2.8))
    sizes = [point[law] for point in points]
    for subject, colour in COLOURS.items():
        if subject in points[0]:
            rates = [point[subject] for point in points]
            axes.plot(sizes, rates, marker="o", color=colour, label=subject)
    axes.set_xscale("log")
    axes.set_yscale("log")
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
