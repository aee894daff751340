"""The report of a run: one HTML file that needs no network, and the plots by themselves."""

from router.report.page import write_report

__all__ = ["write_report"]
