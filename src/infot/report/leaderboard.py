"""The page of a comparison: a leaderboard for each data set, every seed, published numbers, stability."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from infot.report.document import document, glossary_section
from infot.report.glossary import HEADLINES, term, write_error, write_value
from infot.report.markup import Markup, element, figure, join
from infot.report.scales import duration
from infot.report.tables import simple_table

__all__ = ["best_mean", "factor_name", "headline_metrics", "leaderboard_page", "spread"]

MAX_METRICS = 6
"""Metrics beside each other; all others stand with the seeds."""

ROUNDING = 1e-12
"""Relative size below which a standard error is only that of the arithmetic."""

Row = Mapping[str, Any]


def leaderboard_page(board: Mapping[str, Any]) -> str:
    """Build the page of a leaderboard as text.

    Args:
        board: What ``leaderboard.json`` holds.
    """
    title = f"Comparison {board['suite']}"
    runs = sum(len(row["seeds"]) for row in board["rows"])
    settings = (
        "each method at its own settings and at multiples of them"
        if board.get("stability")
        else "each method with the settings its authors published"
    )
    told = (
        f"{runs} runs in one harness, with the same data, networks, seeds and evaluation; {settings}. No run is left "
        "out."
    )
    content: list[object] = [
        element(
            "header",
            element("p", "infot comparison", class_="kicker"),
            element("h1", title),
            element("p", told, class_="lead"),
        )
    ]
    for preset in board["data"]:
        rows = [row for row in board["rows"] if row["preset"] == preset]
        stable = [entry for entry in board.get("stability", []) if entry["preset"] == preset]
        parts = _stability(rows, stable) if stable else _boards(rows, board["published"].get(preset, []))
        content.append(element("section", element("h2", preset), *parts, class_="run"))
    return document(
        title, [*content, glossary_section()], kind="comparison", source="the runs of the comparison"
    )


def _boards(rows: Sequence[Row], published: Sequence[Row]) -> list[Markup]:
    names = headline_metrics(rows)
    parts = [element("section", element("h3", "Leaderboard"), _board(rows, published, names), class_="part")]
    summary = element("summary", f"All metrics and every seed ({len(rows)} methods)")
    parts.append(element("details", summary, *(_seeds(row) for row in rows)))
    return parts


def headline_metrics(rows: Sequence[Row]) -> list[str]:
    """Choose the metrics that stand beside each other: headlines first, then what most rows have."""
    present = Counter(name for row in rows for name in row["metrics"])
    known = [name for name in HEADLINES if name in present]
    return (known + [name for name, _ in present.most_common() if name not in known])[:MAX_METRICS]


def _board(rows: Sequence[Row], published: Sequence[Row], names: Sequence[str]) -> Markup:
    best = {name: best_mean(rows, name) for name in names}
    body = [
        [
            join([element("strong", row["name"]), _remarks(row)]),
            len(row["seeds"]),
            *(_cell(row["metrics"].get(name), name, best[name]) for name in names),
            _time(row["wall_seconds"]),
        ]
        for row in rows
    ]
    for side in ("ceiling", "floor"):
        body.append([side, "", *(_end(rows, name, side) for name in names), ""])
    for quoted in published:
        cells = [_cell(quoted["metrics"].get(name), name, None) for name in names]
        body.append([f"{quoted['method']} ({quoted['source']})", "published", *cells, "–"])
    head = ("Method", "Seeds", *(term(name).title for name in names), "Training")
    caption = (
        "Mean over the seeds ± its standard error; bold is the best mean. Published numbers come from other networks, "
        "other numbers of steps and other protocols: they stand beside, not against."
    )
    table = simple_table(head, body, numeric=range(1, 3 + len(names)))
    return figure(table, caption=caption, class_="wide")


def _remarks(row: Row) -> Markup:
    remarks = []
    if row["failed"]:
        remarks.append(f"diverged: seeds {', '.join(map(str, row['failed']))}")
    if row["missing"]:
        remarks.append(f"not run yet: seeds {', '.join(map(str, row['missing']))}")
    return join([element("br"), element("small", "; ".join(remarks))]) if remarks else Markup("")


def best_mean(rows: Sequence[Row], name: str) -> float | None:
    """Find the best mean of a metric; None where there is nothing to choose."""
    found = [row["metrics"][name] for row in rows if name in row["metrics"]]
    means = [metric["mean"] for metric in found]
    if len(set(means)) < 2:
        return None
    right = term(name).right
    if right is not None:
        return min(means, key=lambda mean: abs(mean - right))
    return min(means) if found[0]["better"] == "lower" else max(means)


def _cell(metric: Row | None, name: str, best: float | None) -> object:
    if metric is None or metric["mean"] is None:
        return "–"
    text = spread(name, metric)
    return element("strong", text) if metric["mean"] == best else text


def spread(name: str, metric: Row) -> str:
    """Write the mean of a metric and its standard error, in the metric's unit.

    >>> spread("accuracy", {"mean": 0.9681, "se": 0.0006}), spread("mig", {"mean": 0.719, "se": None})
    ('96.8 ± 0.1 %', '0.719')
    """
    text = write_value(name, metric["mean"])
    if metric["se"] is None:
        return text
    error = metric["se"] if metric["se"] > ROUNDING * abs(metric["mean"]) else 0.0
    figures, _, unit = text.partition(" ")
    return f"{figures} ± {write_error(name, error)} {unit}".rstrip()


def _time(spread: Row) -> str:
    return "–" if spread["mean"] is None else duration(spread["mean"])


def _end(rows: Sequence[Row], name: str, side: str) -> str:
    value = next((row["metrics"][name][side] for row in rows if name in row["metrics"]), None)
    return "–" if value is None else write_value(name, value)


def _seeds(row: Row) -> Markup:
    """Tabulate every metric of a method, seed by seed."""
    body = [
        [
            term(name).title,
            _cell(metric, name, None),
            *(write_value(name, value) for value in metric["values"]),
        ]
        for name, metric in row["metrics"].items()
    ]
    times = row["wall_seconds"]
    body.append(["Training", _time(times), *map(duration, times["values"])])
    width = max(map(len, body))
    body = [[*line, *["–"] * (width - len(line))] for line in body]
    head = ("Metric", "Mean", *(f"seed {seed}" for seed in row["seeds"]))
    table = simple_table((*head, *[""] * (width - len(head))), body, numeric=range(1, width))
    return figure(table, title=row["name"], class_="wide")


def _stability(rows: Sequence[Row], stable: Sequence[Row]) -> list[Markup]:
    parts: list[Markup] = []
    body = [
        [
            entry["method"],
            entry["runs"],
            f"{100 * entry['finite_share']:.0f} %",
            f"{100 * entry['good_share']:.0f} %",
        ]
        for entry in stable
    ]
    metric = stable[0]["score"]
    caption = (
        f"Settings moved by factors around the defaults. Good: {term(metric).title} within 5 % of the best of all runs "
        "on this data."
    )
    table = simple_table(("Method", "Runs", "Ended finite", "Good"), body, numeric=range(1, 4))
    parts.append(figure(table, title="Stability", caption=caption, class_="wide"))
    parts += [_maps(entry, [row for row in rows if row["method"] == entry["method"]]) for entry in stable]
    return parts


def _maps(entry: Row, rows: Sequence[Row]) -> Markup:
    """Draw the mean score over two knobs, a map for each value of the third."""
    knobs = list(rows[0]["knobs"])
    maps = []
    for value in sorted({row["knobs"][knobs[0]] for row in rows}):
        mine = [row for row in rows if row["knobs"][knobs[0]] == value]
        title = f"{knobs[0].replace('_', ' ')} × {factor_name(value)}"
        maps.append(element("div", element("h5", title), _map(mine, knobs[1], knobs[2], entry)))
    caption = (
        f"Mean {term(entry['score']).title} of {entry['method']}; rows: {knobs[1].replace('_', ' ')}, columns: "
        f"{knobs[2].replace('_', ' ')}, as factors of the default. Shade: share of the best score; ∞: "
        "how many seeds diverged."
    )
    return figure(
        element("div", *maps, class_="panels"), title=str(entry["method"]), caption=caption, class_="wide"
    )


def factor_name(value: float) -> str:
    """Write a factor as people say it.

    >>> factor_name(30.0), factor_name(1 / 30), factor_name(0.1)
    ('30', '1/30', '1/10')
    """
    return f"{value:.3g}" if value >= 1 else f"1/{1 / value:.3g}"


def _map(rows: Sequence[Row], down: str, across: str, entry: Row) -> Markup:
    heights, widths = (sorted({row["knobs"][knob] for row in rows}) for knob in (down, across))
    found = {(row["knobs"][down], row["knobs"][across]): row for row in rows}
    lines = [element("tr", element("th", ""), *(element("th", factor_name(w), scope="col") for w in widths))]
    for height in heights:
        cells = [_square(found.get((height, width)), entry) for width in widths]
        lines.append(element("tr", element("th", factor_name(height), scope="row"), *cells))
    return element("table", *lines, class_="counts")


def _square(row: Row | None, entry: Row) -> Markup:
    metric = row["metrics"].get(entry["score"]) if row is not None else None
    if row is None or metric is None or metric["mean"] is None:
        return element("td", "∞" if row is not None and row["failed"] else "–", class_="heat-cell")
    share = metric["mean"] / entry["best"] if entry["best"] else 0.0
    part = float(np.clip(share, 0, 1)) if math.isfinite(share) else 0.0
    strong = " strong" if part >= 0.55 else ""
    text = write_value(entry["score"], metric["mean"])
    lost = element("small", f" {len(row['failed'])} ∞") if row["failed"] else ""
    return element("td", text, lost, class_=f"heat-cell{strong}", style=f"--part:{100 * part:.0f}%")
