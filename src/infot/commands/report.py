"""``infot report``."""

from infot.commands.arguments import ReportArguments
from infot.commands.messages import say
from infot.errors import ConfigError
from infot.report import write_report

__all__ = ["run"]


def run(arguments: ReportArguments) -> int:
    """Write a page about one run or several."""
    if not arguments.runs:
        raise ConfigError("infot report needs at least one run folder")
    out = write_report(arguments.runs, arguments.out or arguments.runs[0] / "report.html")
    say(f"report in {out}")
    return 0
