"""The part of the page that sets several runs beside each other."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from infot.report import images, vectors
from infot.report.arrays import is_image_run
from infot.report.curves import overlaid_curves
from infot.report.glossary import HEADLINES, term, write_value
from infot.report.markup import Markup, element, figure, join
from infot.report.palette import colour
from infot.report.record import Run
from infot.report.scales import duration
from infot.report.tables import simple_table

__all__ = ["overview", "run_names"]

MAX_METRICS = 8
MAX_OVERLAID = 12
"""Runs that are laid over each other in one chart."""


def run_names(runs: Sequence[Run]) -> list[str]:
    """Name each run by its folder, with the parent where two folders bear one name."""
    count = Counter(run.name for run in runs)
    return [run.name if count[run.name] == 1 else f"{run.path.resolve().parent.name}/{run.name}" for run in runs]


def overview(runs: Sequence[Run], names: Sequence[str]) -> Markup:
    """Set runs beside each other: the table, the means by method, what they draw, their curves."""
    pieces = [element("h2", "Side by side", id="overview"), _table(runs, names)]
    means = _means(runs)
    if means:
        pieces.append(means)
    shown = _gallery(runs, names)
    if shown:
        pieces.append(shown)
    curves = overlaid_curves(runs[:MAX_OVERLAID], names[:MAX_OVERLAID])
    if curves:
        more = f" The first {MAX_OVERLAID} runs are drawn." if len(runs) > MAX_OVERLAID else ""
        pieces += [element("h3", "Curves over each other"), element("p", f"A line for each run.{more}", class_="note"), curves]
    return element("section", *pieces, class_="run")


def _columns(runs: Sequence[Run]) -> list[str]:
    """Choose the metrics of the table: headlines first, then what most runs have."""
    present = Counter(m.name for run in runs for m in run.measurements)
    known = [name for name in HEADLINES if name in present]
    return (known + [name for name, _ in present.most_common() if name not in known])[:MAX_METRICS]


def _table(runs: Sequence[Run], names: Sequence[str]) -> Markup:
    metrics = _columns(runs)
    best = {(data, name): _best(runs, data, name) for data in {r.data_name for r in runs} for name in metrics}
    rows = []
    for k, (run, name) in enumerate(zip(runs, names, strict=True)):
        mark = element("span", class_="swatch", style=f"--code:{colour(k)}")
        cells = [_cell(run, metric, best[run.data_name, metric]) for metric in metrics]
        time = duration(run.wall_seconds) if run.wall_seconds is not None else "–"
        row = [join([mark, element("a", name, href=f"#run-{k + 1}")]), run.data_name, run.method, run.seed, *cells, time, run.status]
        rows.append(row)
    head = ("Run", "Data", "Method", "Seed", *(term(m).title for m in metrics), "Time", "Status")
    caption = "Bold: the best value among runs on the same data. What each metric means stands at its card below."
    table = simple_table(head, rows, numeric=range(3, 5 + len(metrics)))
    return figure(table, caption=caption, class_="wide")


def _cell(run: Run, metric: str, best: float | None) -> object:
    found = run.measurement(metric)
    if found is None:
        return "–"
    text = write_value(metric, found.value)
    return element("strong", text) if found.value == best else text


def _best(runs: Sequence[Run], data: str, metric: str) -> float | None:
    """Find the best value among runs on the same data; None where there is nothing to choose."""
    found = [m for run in runs if run.data_name == data and (m := run.measurement(metric)) is not None]
    values = [m.value for m in found if math.isfinite(m.value)]
    if len(found) < 2 or len(set(values)) < 2:
        return None
    return min(values) if found[0].better == "lower" else max(values)


def _means(runs: Sequence[Run]) -> Markup | None:
    """Tabulate mean and standard error over the seeds of each method on each data set."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.data_name, run.method), []).append(run)
    if not any(len(members) > 1 for members in groups.values()):
        return None
    metrics = _columns(runs)
    rows = []
    for (data, method), members in groups.items():
        cells = [_mean([m.value for r in members if (m := r.measurement(metric)) is not None], metric) for metric in metrics]
        rows.append([method, data, len(members), *cells])
    head = ("Method", "Data", "Runs", *(term(m).title for m in metrics))
    caption = "Mean over the runs of a method ± its standard error; every run given to this page counts, none is left out."
    return figure(simple_table(head, rows, numeric=range(2, 3 + len(metrics))), title="Mean by method", caption=caption, class_="wide")


def _mean(values: list[float], metric: str) -> str:
    if not values:
        return "–"
    text = write_value(metric, float(np.mean(values)))
    if len(values) < 2:
        return text
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return f"{text} ± {write_value(metric, error)}"


def _gallery(runs: Sequence[Run], names: Sequence[str]) -> Markup | None:
    """Show what each run draws, small."""
    frames = []
    for run, name in zip(runs, names, strict=True):
        picture = _thumbnail(run)
        if picture:
            label = element("p", element("strong", name), f" · {run.method}")
            frames.append(element("div", picture, label, class_="frame"))
    if not frames:
        return None
    caption = "What the codes draw: templates of the codes for images; generated points coloured by code over grey data else."
    return figure(element("div", *frames, class_="gallery"), title="What they draw", caption=caption, class_="wide")


def _thumbnail(run: Run) -> Markup | None:
    if is_image_run(run.arrays):
        return images.templates_strip(run.arrays)
    plane = vectors.plane_of(run.arrays)
    return None if plane is None else vectors.thumbnail(run.arrays, plane)
