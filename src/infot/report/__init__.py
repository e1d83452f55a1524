"""One HTML page about one or several runs, made from their folders alone."""

from infot.report.leaderboard import leaderboard_page
from infot.report.page import write_report

__all__ = ["leaderboard_page", "write_report"]
