"""The page: one HTML file that holds everything it shows."""

from collections.abc import Sequence
from pathlib import Path

from infot.atomic import write_text
from infot.errors import RunFolderError
from infot.report.document import document, glossary_section
from infot.report.markup import Markup, element
from infot.report.overview import overview, run_names
from infot.report.record import Run, read_run
from infot.report.section import Detail, lead, run_facts, run_section

__all__ = ["render", "write_report"]


def write_report(runs: Sequence[Path], out: Path) -> Path:
    """Write one self-contained HTML page about one or several runs.

    The page opens from disk: styles, pictures and drawings are inside it, there is no script and no outside
    request. It is written under a temporary name and renamed, so `out` is never half-written.

    Args:
        runs: Run folders; several give an overview first, then a section a run.
        out: The file to write; its folder is made if need be.

    Returns:
        `out`.

    Raises:
        RunFolderError: If no run is given, a folder is no run, or `out` cannot be written.
    """
    if not runs:
        raise RunFolderError("expected at least one run folder to report on, but none was given.")
    page = render([read_run(Path(path)) for path in runs])
    write_text(out, page, advice=", or give another place with --out")
    return out


def render(runs: Sequence[Run]) -> str:
    """Build the page as text."""
    names = run_names(runs)
    detail = Detail.of_runs(len(runs))
    title = f"{runs[0].data_name} · {runs[0].method}" if len(runs) == 1 else _several(runs)
    body = [_header(runs, names, title)]
    if len(runs) > 1:
        body.append(overview(runs, names))
    for k, (run, name) in enumerate(zip(runs, names, strict=True), start=1):
        anchor = f"run-{k}"
        top = [element("h2", name, id=anchor), lead(run), run_facts(run)] if len(runs) > 1 else []
        body.append(element("section", *top, run_section(run, detail, anchor=anchor), class_="run"))
    return document(title, [*body, glossary_section()], kind="report", source="the files of the run")


def _header(runs: Sequence[Run], names: Sequence[str], title: str) -> Markup:
    if len(runs) == 1:
        kicker = f"infot report · {runs[0].name}"
        return element(
            "header",
            element("p", kicker, class_="kicker"),
            element("h1", title),
            lead(runs[0]),
            run_facts(runs[0]),
        )
    methods = dict.fromkeys(run.method for run in runs)
    data = dict.fromkeys(run.data_name for run in runs)
    first = "at a glance" if len(data) == len(runs) else "side by side"
    told = f"{len(runs)} runs of {_list(list(methods))} on {_list(list(data))}: {first}, then one by one."
    links = [element("li", element("a", name, href=f"#run-{k}")) for k, name in enumerate(names, start=1)]
    return element(
        "header",
        element("p", "infot report", class_="kicker"),
        element("h1", title),
        element("p", told, class_="lead"),
        element("nav", element("ul", *links), aria_label="Runs"),
    )


def _several(runs: Sequence[Run]) -> str:
    """Title a page of several runs: by their data where no two share them, by their number otherwise."""
    data = dict.fromkeys(run.data_name for run in runs)
    return _list(list(data)) if len(data) == len(runs) <= 4 else f"{len(runs)} runs compared"


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
