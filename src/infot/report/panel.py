"""Points, lines and labels in the plane, equal scale on both axes, as inline SVG."""

from dataclasses import dataclass, field

import numpy as np

from infot.report.markup import Markup, element, join, number
from infot.report.scales import linear_ticks, short

__all__ = ["Panel", "Window", "find_mode", "window_around"]

SIDE = 380
MARGIN, BELOW = 44, 24
"""Width of a panel and its margins for tick labels, left and below, in SVG units; the plot is square."""


NARROW, LOOSE = 14.0, 75.0
"""Spread of a group, in SVG units, up to which its name stands beside it, beyond which it has none."""

BESIDE = 21.0
"""How far from a narrow group its name stands."""


@dataclass(frozen=True)
class Window:
    """A square part of the plane."""

    x: float
    y: float
    half: float
    """Half the side."""

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Tell which points, (n, 2), lie inside; (n,) of truth values."""
        return np.abs(points - (self.x, self.y)).max(axis=1) <= self.half


def window_around(points: np.ndarray) -> Window:
    """Find the square that shows the points, (n, 2), but for one in a thousand at each side."""
    low, high = np.quantile(points, 0.001, axis=0), np.quantile(points, 0.999, axis=0)
    centre, half = (low + high) / 2, float((high - low).max()) / 2
    return Window(float(centre[0]), float(centre[1]), half * 1.12 or 1.0)


def find_mode(points: np.ndarray, start: np.ndarray) -> Window | None:
    """Find the separate cluster nearest to a place, by the gap around it; None where there is no gap.

    The distances from the cluster's middle to all points are sorted; a cluster is separate when the next
    point beyond it is more than twice as far as its own outermost one, and when it holds at least eight
    points and at most half.

    Args:
        points: (n, 2).
        start: Where to look, (2,).
    """
    middle = points[np.square(points - start).sum(axis=1).argmin()]
    radius = None
    for _ in range(3):
        distance = np.sort(np.sqrt(np.square(points - middle).sum(axis=1)))
        inner = distance[7 : len(points) // 2]
        outer = distance[8 : len(points) // 2 + 1]
        if not len(inner) or not (inner > 0).any():
            return None
        ratio = outer / np.where(inner > 0, inner, np.inf)
        if ratio.max() < 2:
            return None
        radius = float(inner[ratio.argmax()])
        middle = points[np.sqrt(np.square(points - middle).sum(axis=1)) <= radius].mean(axis=0)
    return None if radius is None else Window(float(middle[0]), float(middle[1]), radius * 1.4)


@dataclass
class Panel:
    """A drawing of the plane that grows by marks; `svg` closes it."""

    window: Window
    marks: list[Markup] = field(default_factory=list)

    def _place(self, points: np.ndarray) -> np.ndarray:
        """Map points (n, 2) to the drawing; the second axis points up."""
        scale = (SIDE - MARGIN) / (2 * self.window.half)
        x = MARGIN + (points[:, 0] - self.window.x + self.window.half) * scale
        y = (self.window.y + self.window.half - points[:, 1]) * scale
        return np.stack([x, y], axis=1)

    def dots(self, points: np.ndarray, *, class_: str, colour: str | None = None, size: float = 4.0) -> None:
        """Draw dots of one colour."""
        inside = self._place(points[self.window.contains(points)])
        if len(inside):
            d = "".join(f"M{number(x)} {number(y)}h0" for x, y in inside)
            self.marks.append(element("path", d=d, stroke=colour, stroke_width=size, class_=f"dots {class_}"))

    def segments(
        self, start: np.ndarray, end: np.ndarray, *, colour: str, opacity: float, width: float = 1.0
    ) -> None:
        """Draw lines from `start` (n, 2) to `end` (n, 2)."""
        near = self.window.contains(start) | self.window.contains(end)
        a, b = self._place(start[near]), self._place(end[near])
        if len(a):
            d = "".join(
                f"M{number(p[0])} {number(p[1])}L{number(q[0])} {number(q[1])}"
                for p, q in zip(a, b, strict=True)
            )
            style = {"stroke": colour, "stroke_opacity": f"{opacity:.2f}", "stroke_width": width}
            self.marks.append(element("path", d=d, class_="line", **style))

    def trail(self, points: np.ndarray, *, colour: str) -> None:
        """Draw a path through points in order, with an open dot at its start and a full one at its end."""
        if not self.window.contains(points).any():
            return
        placed = self._place(points)
        d = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in placed)
        self.marks.append(element("path", d=d, stroke=colour, stroke_width=1.8, class_="line"))
        middle = "".join(f"M{number(x)} {number(y)}h0" for x, y in placed[1:-1])
        self.marks.append(element("path", d=middle, stroke=colour, stroke_width=4, class_="dots"))
        for (x, y), fill in zip(placed[[0, -1]], ("var(--paper)", colour), strict=True):
            self.marks.append(
                element(
                    "circle", cx=number(x), cy=number(y), r=3.4, stroke=colour, fill=fill, stroke_width=1.6
                )
            )

    def name(self, members: np.ndarray, text: str, colour: str) -> None:
        """Write a short name to a group of points, (n, 2), where they lie together.

        The name stands on the middle of a wide group and beside a narrow one, towards the middle of the
        drawing.
        """
        middle = np.median(members, axis=0)
        placed = self._place(np.stack([middle, *members]))
        spread = float(np.median(np.sqrt(np.square(placed[1:] - placed[0]).sum(axis=1))))
        if self.window.contains(middle[None]).all() and spread <= LOOSE:
            x, y = placed[0] + (0 if spread > NARROW else BESIDE * self._inwards(placed[0]))
            width = 9 + 6.5 * len(text)
            box = {
                "x": number(x - width / 2),
                "y": number(y - 8),
                "width": number(width),
                "height": 16,
                "rx": 4,
            }
            self.marks.append(element("rect", stroke=colour, class_="plate", **box))
            self.marks.append(
                element("text", text, x=number(x), y=number(y + 3.8), text_anchor="middle", class_="name")
            )

    def _inwards(self, place: np.ndarray) -> np.ndarray:
        """Give the direction from a place to the middle of the drawing, (2,); upwards in the middle."""
        towards = np.array([(SIDE + MARGIN) / 2, (SIDE - MARGIN) / 2]) - place
        length = float(np.sqrt(np.square(towards).sum()))
        return towards / length if length > 4 else np.array([0.0, -1.0])

    def frame(self, part: Window) -> None:
        """Mark the part of the plane that another panel shows enlarged."""
        low, high = self._place(
            np.array([[part.x - part.half, part.y + part.half], [part.x + part.half, part.y - part.half]])
        )
        side = max(float(high[0] - low[0]), 10.0)
        x, y = (low + high) / 2 - side / 2
        self.marks.append(
            element("rect", x=number(x), y=number(y), width=number(side), height=number(side), class_="zoom")
        )

    def svg(self, label: str) -> Markup:
        """Close the drawing.

        Args:
            label: What it shows, for a reader who cannot see it.
        """
        inner = SIDE - MARGIN
        clip = {
            "x": MARGIN,
            "y": 0,
            "width": inner,
            "height": inner,
            "viewBox": f"{MARGIN} 0 {inner} {inner}",
        }
        border = element("rect", x=MARGIN, y=0.5, width=inner - 1, height=inner - 1, class_="border")
        pieces = [*self._ticks(), border, element("svg", *self.marks, **clip)]
        return element(
            "svg",
            join(pieces),
            viewBox=f"0 0 {SIDE} {inner + BELOW}",
            role="img",
            aria_label=label,
            class_="plane",
        )

    def _ticks(self) -> list[Markup]:
        pieces = []
        for tick in linear_ticks(self.window.x - self.window.half, self.window.x + self.window.half):
            x = self._place(np.array([[tick, self.window.y]]))[0, 0]
            if MARGIN + 8 < x < SIDE - 12:
                pieces.append(
                    element("text", short(tick), x=number(x), y=SIDE - MARGIN + 16, text_anchor="middle")
                )
        for tick in linear_ticks(self.window.y - self.window.half, self.window.y + self.window.half):
            y = self._place(np.array([[self.window.x, tick]]))[0, 1]
            if 4 < y < SIDE - MARGIN - 4:
                pieces.append(
                    element("text", short(tick), x=MARGIN - 5, y=number(y + 3.5), text_anchor="end")
                )
        return pieces
