"""The table of what each code dimension tells about each factor of the data."""

from collections.abc import Sequence

import numpy as np

from infot.report.markup import Markup, element, figure
from infot.report.pictures import heat_picture

__all__ = ["factor_table"]

MAX_CELLS = 1600
"""Cells above which the table is drawn without numbers."""


def factor_table(shares: np.ndarray, *, factors: Sequence[str], codes: Sequence[str]) -> Markup:
    """Draw which share of each factor each code dimension tells: a heat map with its numbers.

    Args:
        shares: (K, D), information on the factor over its entropy, from 0 to 1.
        factors: Name of each factor, in the order of the rows.
        codes: Name of each code dimension, in the order of the columns.
    """
    caption = (
        "Each row is a factor that the images were made from, each column a dimension of the code; a number says "
        "how much of the factor the dimension tells, in percent of its entropy. A disentangled code has one dark cell "
        "in every row and at most one in a column. MIG is the largest number of a row less the second largest, mean "
        "over rows. Factors with more values than the code has bins (20) stay below 100 % even for perfect codes. "
        "Training never saw the factors."
    )
    if shares.size > MAX_CELLS:
        alt = f"Heat map of {len(shares)} factors by {shares.shape[1]} code dimensions, shade by share told."
        return figure(heat_picture(shares, alt), caption=caption, class_="wide")
    header = element(
        "tr", element("th", "factor", scope="col"), *(element("th", name, scope="col") for name in codes)
    )
    rows = [
        element("tr", element("th", name, scope="row"), *map(_cell, row))
        for name, row in zip(factors, shares.tolist(), strict=True)
    ]
    table = element("table", element("thead", header), element("tbody", *rows), class_="counts")
    return figure(element("div", table, class_="scroll", tabindex=0), caption=caption, class_="wide")


def _cell(share: float) -> Markup:
    strong = " strong" if share >= 0.55 else ""
    percent = round(100 * share)
    text = str(percent) if percent else Markup('<span class="nil">·</span>')
    return element("td", text, class_=f"heat-cell{strong}", style=f"--part:{min(max(percent, 0), 100)}%")
