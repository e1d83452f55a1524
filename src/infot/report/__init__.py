"""Pages about runs and comparisons, made from their folders alone."""

from infot.report.comparison import is_comparison
from infot.report.leaderboard import leaderboard_page
from infot.report.page import write_report
from infot.report.results import write_results

__all__ = ["is_comparison", "leaderboard_page", "write_report", "write_results"]
