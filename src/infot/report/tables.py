"""Numbers as cards, scales and tables."""

from collections.abc import Sequence

import numpy as np

from infot.report.glossary import HEADLINES, term, write_value
from infot.report.markup import Markup, element, figure, join
from infot.report.palette import colour
from infot.report.pictures import heat_picture
from infot.report.record import Measurement

__all__ = ["cards", "chip", "code_label_table", "metric_table", "scale_bar", "simple_table"]

MAX_CARDS = 8
MAX_CELLS = 1600
"""Cells of a code x label table above which it is drawn without numbers."""


def chip(code: int) -> Markup:
    """Name a code in its colour."""
    return element("span", str(code), class_="chip", style=f"--code:{colour(code)}")


def cards(measurements: Sequence[Measurement]) -> Markup:
    """Show the headline metrics, each with where it stands between chance and true data."""
    known = sorted((m for m in measurements if m.name in HEADLINES), key=lambda m: HEADLINES.index(m.name))
    chosen = known[:MAX_CARDS] or list(measurements[:MAX_CARDS])
    return element("div", *(_card(m) for m in chosen), class_="cards")


def _card(m: Measurement) -> Markup:
    about = term(m.name)
    return element(
        "div",
        element("h3", about.title),
        element("p", *_value(m), class_="value"),
        scale_bar(m),
        element("p", about.meaning, class_="meaning"),
        class_="card",
    )


def _value(m: Measurement) -> list[object]:
    """Write the value; counts are written against the count to reach."""
    if term(m.name).style == "count" and m.ceiling is not None:
        return [write_value(m.name, m.value), element("small", f" of {write_value(m.name, m.ceiling)}")]
    text = write_value(m.name, m.value)
    figures, _, unit = text.partition(" ")
    return [figures, element("small", f" {unit}")] if unit else [figures]


def scale_bar(m: Measurement) -> Markup:
    """Draw where the value stands between its floor and ceiling; the better end is always to the right."""
    up = m.better != "lower"
    worse, best = (m.floor, m.ceiling) if up else (m.ceiling, m.floor)
    names = ("floor", "ceiling") if up else ("ceiling", "floor")
    ends = [
        element(
            "span",
            f"{name} {write_value(m.name, end).removesuffix(' nats')}"
            if end is not None
            else Markup("&nbsp;"),
        )
        for name, end in zip(names, (worse, best), strict=True)
    ]
    legend = element("div", *ends, class_="ends")
    if worse is None or best is None or worse == best:
        return legend
    share = float(np.clip((m.value - worse) / (best - worse), 0, 1)) if np.isfinite(m.value) else 0.0
    beyond = (m.value > best) if up else (m.value < best)
    told = (
        f"{write_value(m.name, m.value)} on a scale from {write_value(m.name, worse)} (worst) to "
        f"{write_value(m.name, best)} (best)" + (", beyond its end" if beyond else "")
    )
    bar = element("div", class_="scale", role="img", aria_label=told, style=f"--at:{100 * share:.1f}%")
    return join([bar, legend])


def metric_table(measurements: Sequence[Measurement]) -> Markup:
    """List every metric with its scale, direction and number of samples."""
    rows = []
    for m in measurements:
        ends = [write_value(m.name, e) if e is not None else "–" for e in (m.floor, m.ceiling)]
        rows.append(
            [
                join([element("strong", term(m.name).title), element("br"), element("code", m.name)]),
                write_value(m.name, m.value),
                *ends,
                m.better,
                "–" if m.n is None else f"{m.n:,}",
                term(m.name).meaning,
            ]
        )
    return simple_table(
        ("Metric", "Value", "Floor", "Ceiling", "Better", "Samples", "Meaning"), rows, numeric=(1, 2, 3, 5)
    )


def simple_table(
    head: Sequence[object], rows: Sequence[Sequence[object]], *, numeric: Sequence[int] = ()
) -> Markup:
    """Lay out rows under a head; the first cell of a row names it. Wide tables scroll by themselves."""

    def classes(column: int) -> str | None:
        return "numeric" if column in numeric else None

    header = element("tr", *(element("th", h, scope="col", class_=classes(k)) for k, h in enumerate(head)))
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell, class_=classes(k)) for k, cell in enumerate(row[1:], start=1)),
        )
        for row in rows
    ]
    table = element("table", element("thead", header), element("tbody", *body))
    return element("div", table, class_="scroll", tabindex=0)


def code_label_table(counts: np.ndarray, *, of: str, names: Sequence[str]) -> Markup:
    """Draw how often each code meets each label: a heat map with its numbers.

    Args:
        counts: (K, L), how many held-out points have this code and this label.
        of: What the labels are: `label` or `mode`.
        names: Name of each label, in the order of the columns.
    """
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    best = counts.argmax(axis=1)
    order = np.lexsort((-counts.max(axis=1), best, counts.sum(axis=1) == 0))
    pure = counts.max(axis=1).sum() / max(counts.sum(), 1)
    points = "generated" if of == "mode" else "held-out"
    caption = (
        f"Each row is a code, each column a {of} of the data; a number says how many {points} points have "
        f"both, and the shade which share of the row they are. Rows are sorted by their commonest {of}. A "
        f"perfect code has one dark cell in every row. The largest cells of the rows hold {100 * pure:.1f} "
        f"% of the points. Training never saw the {of}s."
    )
    if counts.size > MAX_CELLS:
        alt = f"Heat map of {counts.shape[0]} codes by {counts.shape[1]} {of}s, shade by share of the row."
        return figure(heat_picture(share[order], alt), caption=caption, class_="wide")
    header = element(
        "tr",
        element("th", "code", scope="col"),
        *(element("th", name, scope="col") for name in names),
        element("th", "all", scope="col", class_="total"),
    )
    rows = [_count_row(int(k), counts[k], share[k]) for k in order]
    table = element("table", element("thead", header), element("tbody", *rows), class_="counts")
    return figure(element("div", table, class_="scroll", tabindex=0), caption=caption, class_="wide")


def _count_row(code: int, counts: np.ndarray, share: np.ndarray) -> Markup:
    cells = []
    for count, part in zip(counts, share, strict=True):
        strong = " strong" if part >= 0.55 else ""
        text = f"{count:g}" if count else Markup('<span class="nil">·</span>')
        cells.append(element("td", text, class_=f"heat-cell{strong}", style=f"--part:{100 * part:.0f}%"))
    return element(
        "tr",
        element("th", chip(code), scope="row"),
        *cells,
        element("td", f"{counts.sum():g}", class_="total"),
    )
