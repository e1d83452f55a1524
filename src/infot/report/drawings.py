"""Drawings as files of their own: SVG that needs no page around it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infot.report.markup import Markup, element, join
from infot.report.palette import ACCENT

__all__ = ["HeatMap", "heat_maps", "standing_alone"]

STYLE = (
    "svg{--paper:#fff;--ink:#1b2430;--soft:#5a6675;--line:#c3cad3;--data:#9aa4b0;"
    "font-family:system-ui,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif}"
    "text{font-size:11px;fill:var(--soft)}.border{fill:var(--paper);stroke:var(--line)}"
    ".dots{fill:none;stroke-linecap:round}.line{fill:none;stroke-linejoin:round}.dots.data{stroke:var(--data);"
    "stroke-opacity:.38}.dots.samples{stroke-opacity:.85}.plate{fill:var(--paper);fill-opacity:.88;stroke-width:1.4}"
    "text.name{fill:var(--ink);font-weight:650}.zoom{fill:none;stroke:var(--ink);stroke-width:1.3;stroke-dasharray:3 2}"
    ".cell{stroke:#e1e5ea}text.on{fill:#fff;font-weight:650}text.number{fill:var(--ink)}text.title{font-weight:650;"
    "fill:var(--ink);font-size:12px}"
)
"""The page's look on white paper, which shows in light and dark surroundings alike."""

HEADER, ROOM, SIDE = 40, 74, 46
"""Space above a map and left of it, and the width of a cell (its height is two thirds), in SVG units."""


def standing_alone(drawings: Sequence[Markup], *, side: int = 404) -> str:
    """Put drawings of a page side by side in one file.

    Args:
        drawings: SVG elements with a viewBox, each about as wide as high.
        side: Width of each, in pixels.
    """
    placed = [
        Markup(str(drawing).replace("<svg ", f'<svg x="{k * side}" y="0" width="{side}" height="{side}" ', 1))
        for k, drawing in enumerate(drawings)
    ]
    return _file(placed, len(drawings) * side, side)


@dataclass(frozen=True)
class HeatMap:
    """A table of numbers as shades.

    Attributes:
        title: What stands above.
        shades: Strength of each cell, in [0, 1], shape (rows, columns).
        texts: What stands in each cell, row by row.
        rows: Name of each row.
        columns: Name of each column.
    """

    title: str
    shades: np.ndarray
    texts: Sequence[Sequence[str]]
    rows: Sequence[str]
    columns: Sequence[str]

    @property
    def width(self) -> int:
        """Width of the drawing."""
        return ROOM + SIDE * len(self.columns) + 12

    @property
    def height(self) -> int:
        """Height of the drawing."""
        return HEADER + SIDE * 2 // 3 * len(self.rows) + 12


def heat_maps(maps: Sequence[HeatMap]) -> str:
    """Draw maps side by side, as a file of their own."""
    pieces, at = [], 0
    for found in maps:
        pieces.append(element("g", *_cells(found), transform=f"translate({at} 0)"))
        at += found.width
    return _file(pieces, at, max(found.height for found in maps))


def _cells(found: HeatMap) -> list[Markup]:
    high = SIDE * 2 // 3
    pieces = [element("text", found.title, x=ROOM, y=14, class_="title")]
    for c, name in enumerate(found.columns):
        pieces.append(element("text", name, x=ROOM + (c + 0.5) * SIDE, y=HEADER - 6, text_anchor="middle"))
    for r, name in enumerate(found.rows):
        top = HEADER + r * high
        pieces.append(element("text", name, x=ROOM - 6, y=top + high / 2 + 4, text_anchor="end"))
        for c, text in enumerate(found.texts[r]):
            shade = float(np.clip(found.shades[r, c], 0, 1))
            box = {
                "x": ROOM + c * SIDE,
                "y": top,
                "width": SIDE,
                "height": high,
                "fill_opacity": f"{shade:.2f}",
            }
            pieces.append(element("rect", fill="#{:02x}{:02x}{:02x}".format(*ACCENT), class_="cell", **box))
            if not text:
                continue
            kind = "on" if shade >= 0.55 else "number"
            middle = {"x": ROOM + (c + 0.5) * SIDE, "y": top + high / 2 + 4, "text_anchor": "middle"}
            pieces.append(element("text", text, class_=kind, **middle))
    return pieces


def _file(pieces: Sequence[Markup], width: int, height: int) -> str:
    paper = element("rect", width=width, height=height, fill="#fff")
    content = join([element("style", Markup(STYLE)), paper, *pieces])
    frame = {"width": width, "height": height, "viewBox": f"0 0 {width} {height}"}
    return str(element("svg", content, xmlns="http://www.w3.org/2000/svg", **frame)) + "\n"
