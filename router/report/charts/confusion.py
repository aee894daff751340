"""What was wanted against what was given."""

from typing import TYPE_CHECKING

from router.report.charts.chart import Chart

if TYPE_CHECKING:
    from router.evaluation.metrics import Metrics


def confusion(metrics: "Metrics") -> Chart:
    """What was wanted against what was given, as counts."""
    labels = metrics.confusion.labels
    counts = {(cell.wanted, cell.given): cell.count for cell in metrics.confusion.cells}
    grid = [[counts.get((wanted, given), 0) for given in labels] for wanted in labels]
    names = [label.partition(":")[2] or label for label in labels]
    heat = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": grid,
        "colorscale": "Oranges",
        "hovertemplate": "wanted %{y}<br>given %{x}<br>%{z} queries<extra></extra>",
    }
    axes = {"xaxis": {"title": {"text": "given"}}, "yaxis": {"title": {"text": "wanted"}}}
    axes["yaxis"]["autorange"] = "reversed"  # type: ignore[assignment]
    return Chart([heat], axes | {"height": 640, "width": 760})
