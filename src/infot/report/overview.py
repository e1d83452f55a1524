"""The part of the page that sets several runs beside each other."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infot.report import images, vectors
from infot.report.arrays import is_image_run
from infot.report.curves import overlaid_curves
from infot.report.glossary import HEADLINES, term, write_error, write_value
from infot.report.markup import Markup, element, figure, join
from infot.report.palette import colour
from infot.report.record import Run
from infot.report.scales import duration
from infot.report.tables import simple_table
from infot.report.words import lead_sentence

__all__ = ["overview", "run_names"]

MAX_METRICS = 7
MAX_OVERLAID = 12
"""Runs that are laid over each other in one chart."""


def run_names(runs: Sequence[Run]) -> list[str]:
    """Name each run by its folder, with the parent where two folders bear one name."""
    count = Counter(run.name for run in runs)
    return [
        run.name if count[run.name] == 1 else f"{run.path.resolve().parent.name}/{run.name}" for run in runs
    ]


def overview(runs: Sequence[Run], names: Sequence[str]) -> Markup:
    """Set runs beside each other: a block for each data set, or a card for each run where none share data."""
    blocks: dict[str, list[_Entry]] = {}
    for k, (run, name) in enumerate(zip(runs, names, strict=True), start=1):
        members = blocks.setdefault(run.data_name, [])
        members.append(_Entry(run, name, f"#run-{k}", colour(len(members))))
    if len(blocks) == len(runs):
        return _glance([entry for members in blocks.values() for entry in members])
    pieces = [element("h2", "Side by side", id="overview")]
    for data, members in blocks.items():
        title = [element("h3", data)] if len(blocks) > 1 else []
        pieces.append(element("section", *title, *_block(members), class_="block"))
    return element("section", *pieces, class_="run")


@dataclass(frozen=True)
class _Entry:
    """A run with what it is called on this page."""

    run: Run
    name: str
    address: str
    colour: str


def _glance(entries: Sequence[_Entry]) -> Markup:
    """Show a card for each run: what it draws and its result in a sentence."""
    shown = []
    for entry in entries:
        name = element("h3", element("a", entry.name, href=entry.address))
        sentence = element("p", lead_sentence(entry.run), class_="note")
        shown.append(element("div", _thumbnail(entry.run) or "", name, sentence, class_="card"))
    title = element("h2", "At a glance", id="overview")
    return element("section", title, element("div", *shown, class_="glance"), class_="run")


def _block(entries: Sequence[_Entry]) -> list[Markup]:
    """Show the table, the means by method, what the runs draw and their curves."""
    metrics = _columns([e.run for e in entries])
    pieces = [_table(entries, metrics), _means([e.run for e in entries], metrics), _gallery(entries)]
    shown = entries[:MAX_OVERLAID]
    curves = overlaid_curves([e.run for e in shown], [e.name for e in shown])
    if curves and len(entries) > 1:
        more = (
            f" The first {MAX_OVERLAID} of {len(entries)} runs are drawn."
            if len(entries) > MAX_OVERLAID
            else ""
        )
        pieces.append(
            figure(
                curves, title="Curves over each other", caption=f"A line for each run.{more}", class_="wide"
            )
        )
    return [piece for piece in pieces if piece is not None]


def _columns(runs: Sequence[Run]) -> list[str]:
    """Choose the metrics of the table: headlines first, then what most runs have."""
    present = Counter(m.name for run in runs for m in run.measurements)
    known = [name for name in HEADLINES if name in present]
    return (known + [name for name, _ in present.most_common() if name not in known])[:MAX_METRICS]


def _table(entries: Sequence[_Entry], metrics: Sequence[str]) -> Markup:
    best = {metric: _best([e.run for e in entries], metric) for metric in metrics}
    rows = []
    for entry in entries:
        run = entry.run
        mark = element("span", class_="swatch", style=f"--code:{entry.colour}")
        time = duration(run.wall_seconds) if run.wall_seconds is not None else "–"
        cells = [_cell(run, metric, best[metric]) for metric in metrics]
        rows.append(
            [
                join([mark, element("a", entry.name, href=entry.address)]),
                run.method,
                run.seed,
                *cells,
                time,
                run.status,
            ]
        )
    head = ("Run", "Method", "Seed", *(term(m).title for m in metrics), "Time", "Status")
    caption = (
        "Bold: the best of these runs. Meaning, floor and ceiling of each metric stand with the runs below."
    )
    return figure(
        simple_table(head, rows, numeric=range(2, 4 + len(metrics))), caption=caption, class_="wide"
    )


def _cell(run: Run, metric: str, best: float | None) -> object:
    found = run.measurement(metric)
    if found is None:
        return "–"
    text = write_value(metric, found.value)
    return element("strong", text) if found.value == best else text


def _best(runs: Sequence[Run], metric: str) -> float | None:
    """Find the best value; None where there is nothing to choose."""
    found = [m for run in runs if (m := run.measurement(metric)) is not None and math.isfinite(m.value)]
    values = [m.value for m in found]
    if len(set(values)) < 2:
        return None
    return min(values) if found[0].better == "lower" else max(values)


def _means(runs: Sequence[Run], metrics: Sequence[str]) -> Markup | None:
    """Tabulate mean and standard error over the runs of each method."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.method, []).append(run)
    if not metrics or all(len(members) == 1 for members in groups.values()):
        return None
    rows = [
        [method, len(members), *(_mean(members, metric) for metric in metrics)]
        for method, members in groups.items()
    ]
    head = ("Method", "Runs", *(term(m).title for m in metrics))
    caption = "Mean over the runs of a method ± its standard error; no run given to this page is left out."
    table = simple_table(head, rows, numeric=range(1, 2 + len(metrics)))
    return figure(table, title="Mean by method", caption=caption, class_="wide")


def _mean(runs: Sequence[Run], metric: str) -> str:
    values = [m.value for run in runs if (m := run.measurement(metric)) is not None]
    if not values:
        return "–"
    text = write_value(metric, float(np.mean(values)))
    if len(values) < 2:
        return text
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    figures, _, unit = text.partition(" ")
    missing = f" ({len(values)} of {len(runs)} runs)" if len(values) < len(runs) else ""
    return f"{figures} ± {write_error(metric, error)} {unit}".rstrip() + missing


def _gallery(entries: Sequence[_Entry]) -> Markup | None:
    """Show what each run draws, small."""
    frames = []
    for entry in entries:
        picture = _thumbnail(entry.run)
        if picture:
            label = element("p", element("strong", entry.name), f" · {entry.run.method}")
            frames.append(element("div", picture, label, class_="frame"))
    if not frames:
        return None
    drawn = (
        "templates of the codes"
        if is_image_run(entries[0].run.arrays)
        else "generated points coloured by code, over grey data"
    )
    return figure(
        element("div", *frames, class_="gallery"),
        title="What they draw",
        caption=f"Shown are {drawn}.",
        class_="wide",
    )


def _thumbnail(run: Run) -> Markup | None:
    if is_image_run(run.arrays):
        return images.templates_mosaic(run.arrays)
    plane = vectors.plane_of(run.arrays)
    return None if plane is None else vectors.thumbnail(run.arrays, plane)
