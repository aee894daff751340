"""One function for each plot: figures in, a Plotly figure as plain data out."""

from router.report.charts.chart import PALETTES, Chart
from router.report.charts.confidence import ask_rate, reliability, risk_coverage
from router.report.charts.heat_table import confusion, skills_over_time
from router.report.charts.over_time import accepted_over_time, shares_over_time
from router.report.charts.query_map import Point, query_map

__all__ = [
    "Chart",
    "PALETTES",
    "Point",
    "accepted_over_time",
    "ask_rate",
    "confusion",
    "query_map",
    "reliability",
    "risk_coverage",
    "shares_over_time",
    "skills_over_time",
]
