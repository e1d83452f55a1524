"""Vectors in the plane: samples of the chosen code over data, and what the plan couples a datum with."""

from dataclasses import dataclass

import numpy as np

from infot.report.palette import Groups, group
from infot.report.panel import Panel, Window, window_around
from infot.report.vectors import Plane, plane_of

__all__ = ["ModelPlane"]

DATA_SHOWN = 1200
CLOSE = 0.4
"""Share of the whole up to which a part is drawn enlarged as well."""
INK = "var(--ink)"
PARTNER = "var(--accent)"


@dataclass(frozen=True, eq=False)
class ModelPlane:
    """The plane of a model's data, with what stands behind every drawing.

    Attributes:
        plane: Where to draw.
        data: Data in the plane, shape ``(n, 2)``.
        samples: Samples of all codes in the plane, shape ``(m, 2)``.
        groups: These by code.
    """

    plane: Plane
    data: np.ndarray
    samples: np.ndarray
    groups: Groups

    @classmethod
    def of(cls, samples: np.ndarray, codes: np.ndarray, data: np.ndarray | None) -> "ModelPlane":
        """Choose the plane.

        Args:
            samples: Samples of all codes, shape ``(m, d)``.
            codes: Their codes, shape ``(m,)``.
            data: Data, shape ``(n, d)``, or None.
        """
        arrays = {"samples": samples} | ({} if data is None else {"data": data})
        plane = plane_of(arrays)
        assert plane is not None  # data and samples come from one model
        shown = samples[:0] if data is None else data[:DATA_SHOWN]
        return cls(plane, plane.project(shown), plane.project(samples), group(codes))

    def samples_at(self, points: np.ndarray, one: np.ndarray) -> str:
        """Draw samples of one code, shape ``(n, d)``, and the point that the sliders stand for, ``(1, d)``.

        Where they lie close together a second drawing enlarges their place.
        """
        chosen, place = self.plane.project(points), self.plane.project(one)
        label = f"{len(points)} samples of the chosen code over data and samples of all codes"
        drawings = []
        for window, part in self._windows(chosen):
            panel = self._behind(window)
            panel.dots(chosen, class_="chosen", colour=INK, size=3.5 if part else 5)
            self._finish(panel, place, part)
            drawings.append(panel.svg(f"{label}{', enlarged' if window is not self.plane.whole else ''}."))
        return "".join(drawings)

    def datum(self, x: np.ndarray) -> str:
        """Draw a datum, shape ``(1, d)``."""
        panel = self._behind(self.plane.whole)
        self._finish(panel, self.plane.project(x), None)
        return str(panel.svg("The chosen datum among data and samples of all codes."))

    def coupled(self, x: np.ndarray, partners: np.ndarray, mass: np.ndarray, rebuilt: np.ndarray) -> str:
        """Draw a datum, shape ``(1, d)``, with lines to its partners, ``(k, d)``, the wider the heavier.

        Args:
            x: The datum.
            partners: What the plan couples it with.
            mass: Share of its mass that goes there, shape ``(k,)``.
            rebuilt: What the plan rebuilds it as, shape ``(1, d)``.
        """
        start, ends, back = (self.plane.project(points) for points in (x, partners, rebuilt))
        widths = 0.6 + 3 * mass / max(float(mass.max()), 1e-30)
        label = f"The chosen datum, joined to the {len(ends)} generated points that hold most of it"
        drawings = []
        for window, part in self._windows(np.concatenate([start, ends, back])):
            panel = self._behind(window)
            for end, width in zip(ends, widths, strict=True):
                panel.segments(start, end[None], colour=PARTNER, opacity=0.7, width=float(width))
            panel.dots(ends, class_="chosen", colour=PARTNER, size=3 if part else 6)
            panel.dots(back, class_="chosen", colour="var(--good)", size=4 if part else 9)
            self._finish(panel, start, part)
            drawings.append(panel.svg(f"{label}{', enlarged' if window is not self.plane.whole else ''}."))
        return "".join(drawings)

    def _windows(self, points: np.ndarray) -> list[tuple[Window, Window | None]]:
        """Return the windows to draw, each with the part of it that another one enlarges."""
        whole = self.plane.whole
        near = window_around(points)
        room = Window(near.x, near.y, max(1.6 * near.half, 0.02 * whole.half))
        if room.half > CLOSE * whole.half:
            return [(whole, None)]
        return [(whole, room), (room, None)]

    def _behind(self, window: Window) -> Panel:
        panel = Panel(window)
        size = 3 if window is self.plane.whole else 5
        panel.dots(self.data, class_="data", size=size + 1)
        for k, hue in enumerate(self.groups.colours):
            panel.dots(self.samples[self.groups.index == k], class_="behind", colour=hue, size=size)
        return panel

    def _finish(self, panel: Panel, point: np.ndarray, part: Window | None) -> None:
        """Mark the part that is enlarged elsewhere, or put a ring around a point, shape ``(1, 2)``."""
        if part is not None:
            panel.frame(part)
            return
        panel.dots(point, class_="chosen", colour=INK, size=13)
        panel.dots(point, class_="chosen", colour="var(--paper)", size=8)
