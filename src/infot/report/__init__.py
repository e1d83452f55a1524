"""One HTML page about one or several runs, made from their folders alone."""

from infot.report.page import write_report

__all__ = ["write_report"]
