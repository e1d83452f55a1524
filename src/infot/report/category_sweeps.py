"""Figures of mixed codes: what each continuous coordinate changes in every category."""

from collections.abc import Sequence

import numpy as np

from infot.report.arrays import class_name, sweep_names
from infot.report.films import moving_picture
from infot.report.images import pick_steps
from infot.report.markup import Markup, element, figure
from infot.report.pictures import strip
from infot.report.sheets import side_by_side, sweeps_film
from infot.report.tables import chip

__all__ = ["category_sweep_figures"]

LIMIT = 130_000
"""Bytes of a film of all categories inside a page."""


def category_sweep_figures(arrays: dict[str, np.ndarray], *, angles: int = 0) -> list[Markup]:
    """Draw for each continuous coordinate of the code a row for each category, swept from end to end.

    Args:
        arrays: Of `evaluation.npz`.
        angles: How many of the coordinates, the first ones, are angles.
    """
    by_category = arrays.get("category_traversals")
    if by_category is None or by_category.ndim != 6:
        return []
    names = sweep_names(arrays, "code_traversals", "code")
    labels = _commonest(arrays, by_category.shape[1])
    return [
        _figure(name, sweeps, labels, closed=j < angles)
        for j, (name, sweeps) in enumerate(zip(names, by_category, strict=True))
    ]


def _figure(name: str, sweeps: np.ndarray, labels: Sequence[str], *, closed: bool) -> Markup:
    """Draw one coordinate, (K, T, C, H, W): all categories moving side by side, then step by step."""
    rows = []
    for k, (sweep, label) in enumerate(zip(sweeps, labels, strict=True)):
        steps = pick_steps(sweep, closed=closed)
        pieces = [
            element("div", chip(k), class_="code"),
            element("div", label, class_="template"),
            element("div", strip(steps, f"{name} swept at code {k} in {len(steps)} steps."), class_="draws"),
        ]
        rows.append(element("div", *pieces, class_="code-row sweep"))
    content = [element("div", *rows, class_="codes")]
    moving = sweeps_film(sweeps, closed=closed, limit=LIMIT)
    if moving is not None:
        middle = side_by_side(sweeps[:, sweeps.shape[1] // 2][:, None])[0]
        alt = f"{name} moving in every category."
        content.insert(0, moving_picture(moving, middle, alt, width=middle.shape[1]))
    caption = (
        f"A row for each category: “{name}” is swept from end to end, the rest of the code and the noise stay. It "
        "should change one thing, the same in every row."
    )
    return figure(*content, title=f"{name[:1].upper()}{name[1:]}", caption=caption, class_="wide")


def _commonest(arrays: dict[str, np.ndarray], n: int) -> list[str]:
    """Return the commonest label of the data of each category, where labels are known."""
    counts = arrays.get("code_label_counts")
    if counts is None or len(counts) < n:
        return [""] * n
    return [f"label {class_name(arrays, int(row.argmax()))}" if row.sum() else "" for row in counts[:n]]
