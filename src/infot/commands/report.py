"""``infot report``."""

from pathlib import Path

from infot.commands.arguments import ReportArguments
from infot.commands.messages import say
from infot.errors import ConfigError
from infot.report import is_comparison, write_report, write_results

__all__ = ["run"]


def run(arguments: ReportArguments) -> int:
    """Write a page about one run or several, or about comparisons."""
    if not arguments.runs:
        raise ConfigError("infot report needs at least one folder, of a run or of a comparison")
    if any(map(is_comparison, arguments.runs)):
        return _results(arguments)
    out = write_report(arguments.runs, arguments.out or arguments.runs[0] / "report.html")
    say(f"report in {out}")
    return 0


def _results(arguments: ReportArguments) -> int:
    runs = [str(folder) for folder in arguments.runs if not is_comparison(folder)]
    if runs:
        raise ConfigError(
            f"a page is about runs or about comparisons: {', '.join(runs)} is none that `infot compare` wrote"
        )
    out = arguments.out or arguments.runs[0] / Path("results.md")
    if out.suffix != ".md":
        raise ConfigError(
            f"--out {out}: the page about comparisons is Markdown: expected a file that ends in .md"
        )
    write_results(arguments.runs, out)
    say(f"results in {out}, their pictures in {out.with_suffix('')}")
    return 0
