"""Line charts as inline SVG: text of the page's own font, colours of the page's own paper, no library."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infot.report.markup import Markup, element, figure, join, number
from infot.report.scales import finite_range, linear_ticks, log_ticks, short

__all__ = ["Chart", "Series", "line_chart"]

WIDTH, HEIGHT = 360, 208
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 8, 24
"""Size of a chart and its margins, in SVG units; a chart is shown at about this size in pixels."""

MAX_POINTS = 240
"""Points drawn of a curve; longer ones are averaged in equal stretches, the range of their values shaded."""

LOG_FROM = 30.0
"""Ratio of largest to smallest value from which a chart that may be logarithmic is."""

OUTLIER_RATIO = 6.0
"""How many times wider than its middle 96 % a curve's range is when the extremes are cut off."""

DASHES = (None, "7 3", "2 3", "9 3 2 3")
"""Line patterns, so that curves differ without colour."""


@dataclass(frozen=True)
class Series:
    """One curve."""

    name: str
    x: np.ndarray
    y: np.ndarray
    colour: str
    dash: int = 0


@dataclass(frozen=True)
class Chart:
    """What is written around the curves."""

    title: str
    caption: str
    may_be_log: bool = False
    zero: bool = False
    """Whether the value axis begins at zero."""
    reference: tuple[str, float] | None = None
    """A named horizontal line: the largest value that is possible."""


@dataclass(frozen=True)
class _Frame:
    """Maps values to the drawing."""

    x: tuple[float, float]
    y: tuple[float, float]
    log: bool

    def across(self, values: np.ndarray) -> np.ndarray:
        return LEFT + (np.asarray(values, dtype=float) - self.x[0]) / (self.x[1] - self.x[0]) * (
            WIDTH - LEFT - RIGHT
        )

    def down(self, values: np.ndarray) -> np.ndarray:
        low, high = np.log10(self.y) if self.log else self.y
        with np.errstate(divide="ignore", invalid="ignore"):
            v = np.log10(np.asarray(values, dtype=float)) if self.log else np.asarray(values, dtype=float)
        return HEIGHT - BOTTOM - (v - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def line_chart(chart: Chart, series: Sequence[Series]) -> Markup | None:
    """Draw curves over the training steps; None where nothing is finite.

    Args:
        chart: Title, caption and how to draw the axis.
        series: Curves of equal meaning; each is named in the legend when there are several.
    """
    drawn = [s for s in series if np.isfinite(s.y).any()]
    if not drawn:
        return None
    frame, cut = _frame(chart, drawn)
    label = f"{chart.title} over training steps: " + "; ".join(_describe(s) for s in drawn)
    body = join(
        [
            *_value_axis(frame),
            *_step_axis(frame),
            *_reference(frame, chart),
            element("svg", *(piece for s in drawn for piece in _curve(s, frame)), **_clip()),
        ]
    )
    svg = element("svg", body, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label, class_="chart")
    remarks = " Logarithmic axis." * frame.log + " The largest swings lie outside the picture." * cut
    return figure(_legend(drawn), svg, title=chart.title, caption=chart.caption + remarks)


def _clip() -> dict[str, object]:
    """Make an inner drawing, which clips what leaves the frame, with the coordinates of the outer one."""
    box = (LEFT, TOP - 2, WIDTH - LEFT - RIGHT + 4, HEIGHT - TOP - BOTTOM + 4)
    return {"x": box[0], "y": box[1], "width": box[2], "height": box[3], "viewBox": " ".join(map(str, box))}


def _frame(chart: Chart, series: Sequence[Series]) -> tuple[_Frame, bool]:
    steps = finite_range([s.x for s in series]) or (0.0, 1.0)
    values = np.concatenate([s.y[np.isfinite(s.y)] for s in series])
    positive = values[values > 0]
    log = chart.may_be_log and positive.size > 0 and positive.max() / positive.min() >= LOG_FROM
    if log:
        low, high = float(positive.min()), float(positive.max())
        frame = (low / 1.15, high * 1.15)
        return _Frame(_widen(*steps), frame, True), False
    low, high = float(values.min()), float(values.max())
    inner = np.quantile(values, (0.02, 0.98))
    cut = values.size >= 20 and inner[1] > inner[0] and high - low > OUTLIER_RATIO * (inner[1] - inner[0])
    if cut:
        low, high = float(inner[0]), float(inner[1])
    if chart.reference is not None:
        low, high = min(low, chart.reference[1]), max(high, chart.reference[1])
    if chart.zero and low >= 0:
        low = 0.0
    low, high = _widen(low, high)
    room = 0.06 * (high - low)
    return _Frame(_widen(*steps), (low if chart.zero and low >= 0 else low - room, high + room), False), bool(
        cut
    )


def _widen(low: float, high: float) -> tuple[float, float]:
    """Give a range that is a single value some width."""
    if high > low:
        return low, high
    room = abs(low) * 0.5 or 1.0
    return (low - room, high + room) if low < 0 else (max(0.0, low - room), high + room)


def _value_axis(frame: _Frame) -> list[Markup]:
    pieces = []
    for tick in (log_ticks if frame.log else linear_ticks)(*frame.y):
        y = float(frame.down(np.array(tick)))
        pieces.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=number(y), y2=number(y), class_="grid"))
        pieces.append(element("text", short(tick), x=LEFT - 6, y=number(y + 3.5), text_anchor="end"))
    return pieces


def _step_axis(frame: _Frame) -> list[Markup]:
    pieces = []
    ticks = [t for t in linear_ticks(*frame.x) if float(t).is_integer()]
    for tick in ticks:
        x = float(frame.across(np.array(tick)))
        anchor = "end" if x > WIDTH - RIGHT - 14 else "middle"
        pieces.append(element("text", short(tick), x=number(x), y=HEIGHT - 8, text_anchor=anchor))
    base = HEIGHT - BOTTOM
    pieces.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=base, y2=base, class_="axis"))
    return pieces


def _reference(frame: _Frame, chart: Chart) -> list[Markup]:
    if chart.reference is None:
        return []
    name, value = chart.reference
    y = float(frame.down(np.array(value)))
    line = element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=number(y), y2=number(y), class_="reference")
    return [
        line,
        element("text", name, x=WIDTH - RIGHT, y=number(y + 12), text_anchor="end", class_="reference"),
    ]


def _curve(series: Series, frame: _Frame) -> list[Markup]:
    x, mean, low, high = _thin(series.x.astype(float), series.y)
    pieces = []
    if low is not None and high is not None:
        pieces.append(
            element("path", d=_band(frame, x, low, high), fill=series.colour, class_="band"),
        )
    points = _path(frame.across(x), frame.down(mean))
    dash = DASHES[series.dash % len(DASHES)]
    pieces.append(element("path", d=points, stroke=series.colour, stroke_dasharray=dash, class_="curve"))
    return pieces


def _thin(
    x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    if len(x) <= MAX_POINTS:
        return x, y, None, None
    parts = [np.arange(len(x))[k] for k in np.array_split(np.arange(len(x)), MAX_POINTS)]
    kept = [part[np.isfinite(y[part])] for part in parts]
    kept = [part for part in kept if len(part)]
    return (
        np.array([x[p].mean() for p in kept]),
        np.array([y[p].mean() for p in kept]),
        np.array([y[p].min() for p in kept]),
        np.array([y[p].max() for p in kept]),
    )


def _path(across: np.ndarray, down: np.ndarray) -> str:
    """Join the points; a value that is not finite lifts the pen, a point alone becomes a dot."""
    pieces, pen_down = [], False
    for x, y in zip(across, down, strict=True):
        if not np.isfinite(y):
            pen_down = False
            continue
        y = float(np.clip(y, -4 * HEIGHT, 5 * HEIGHT))
        pieces.append(f"L{number(x)} {number(y)}" if pen_down else f"M{number(x)} {number(y)}h0")
        pen_down = True
    return "".join(pieces)


def _band(frame: _Frame, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    floor = np.full_like(low, frame.y[0]) if frame.log else low
    lower = np.where(low > 0, low, floor) if frame.log else low
    upper = np.maximum(high, lower)
    across = np.concatenate([frame.across(x), frame.across(x)[::-1]])
    down = np.clip(np.concatenate([frame.down(upper), frame.down(lower)[::-1]]), -4 * HEIGHT, 5 * HEIGHT)
    return "M" + "L".join(f"{number(a)} {number(b)}" for a, b in zip(across, down, strict=True)) + "Z"


def _legend(series: Sequence[Series]) -> Markup:
    if len(series) < 2:
        return Markup("")
    entries = []
    for s in series:
        dash = DASHES[s.dash % len(DASHES)]
        line = element(
            "line", x1=0, x2=24, y1=5, y2=5, stroke=s.colour, stroke_dasharray=dash, class_="curve"
        )
        key = element("svg", line, viewBox="0 0 24 10", width=24, height=10, aria_hidden="true")
        entries.append(element("li", key, " ", s.name))
    return element("ul", *entries, class_="legend")


def _describe(series: Series) -> str:
    finite = series.y[np.isfinite(series.y)]
    return f"{series.name} from {finite[0]:.3g} to {finite[-1]:.3g}"
