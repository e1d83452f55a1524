"""Figures of runs on vectors: samples over data, the plan, the reach of the noise."""

from dataclasses import dataclass

import numpy as np

from infot.report.markup import Markup, element, figure
from infot.report.palette import Groups, colour, group
from infot.report.panel import Panel, Window, find_mode, window_around
from infot.report.pictures import heat_picture
from infot.report.scales import short
from infot.report.tables import chip

__all__ = [
    "Plane",
    "code_density",
    "plan_figure",
    "plane_of",
    "samples_figure",
    "samples_panels",
    "thumbnail",
    "traversal_figure",
]

MAX_NAMES = 40
"""Codes above which they are not named in the picture."""

MAX_LINES = 700
"""Pairs of the plan that are drawn, heaviest first."""

MAX_COLUMNS = 400
"""Data points in the picture of r(c, x)."""


@dataclass(frozen=True)
class Plane:
    """The plane in which vectors are drawn."""

    origin: np.ndarray
    axes: np.ndarray
    """(d, 2); the identity for two-dimensional data. Columns of a table count in units of their spread."""
    whole: Window
    mode: Window | None
    """One separate mode, to be shown enlarged."""
    remark: str
    """Empty, or how the plane was chosen."""

    def project(self, points: np.ndarray) -> np.ndarray:
        """Bring points (n, d) into the plane, (n, 2)."""
        return (points.astype(np.float64) - self.origin) @ self.axes


def plane_of(arrays: dict[str, np.ndarray]) -> Plane | None:
    """Choose the plane: the coordinates of 2-D data, else the two axes along which the data vary most.

    Samples stand in for data that are missing, or a single point, which varies along no axis.
    """
    data, samples = arrays.get("data"), arrays.get("samples")
    base = samples if data is None or (len(data) < 2 and samples is not None) else data
    if base is None or (samples is not None and samples.shape[1] != base.shape[1]):
        return None
    dim = base.shape[1]
    origin, axes, remark = np.zeros(dim), np.eye(dim, 2), ""
    if dim > 2:
        origin = base.mean(axis=0, dtype=np.float64)
        scales = arrays.get("column_scales", np.ones(dim))
        centred = (base.astype(np.float64)[:4000] - origin) / scales
        _, spread, directions = np.linalg.svd(centred, full_matrices=False)
        axes = (directions[:2] / scales).T
        held = float(np.square(spread[:2]).sum() / max(np.square(spread).sum(), 1e-30))
        remark = (
            f" The data have {dim} dimensions; shown are the two directions in which they vary most, which "
            f"hold {100 * held:.0f} % of their variance"
            f"{', each column in units of its spread' if 'column_scales' in arrays else ''}."
        )
    elif dim == 1:
        remark = " The data are numbers, so all points lie on one line."
    plane = Plane(origin, axes, Window(0, 0, 1), None, remark)
    flat = plane.project(base)
    mode = None
    if data is not None:
        seen = plane.project(samples) if samples is not None else flat
        mode = find_mode(flat[:3000], seen[0])
    return Plane(origin, axes, window_around(flat), mode, remark)


def samples_figure(arrays: dict[str, np.ndarray], plane: Plane, *, limit: int) -> Markup | None:
    """Draw samples coloured by code over held-out data, and one mode enlarged."""
    if "samples" not in arrays:
        return None
    panels = samples_panels(arrays, plane, limit=limit)
    groups = _groups(arrays.get("sample_codes"), len(arrays["samples"]))
    colours = (
        "generated points, from dark blue for a low code to yellow for a high one"
        if groups.ordered
        else "generated points, one colour for each code, its number beside them where they lie together"
    )
    caption = f"Grey: held-out data. Colour: {colours}."
    if plane.mode:
        caption += (
            " Second picture: the framed mode enlarged; the generated points should fill it as the data do."
        )
    return figure(element("div", *panels, class_="panels"), caption=caption + plane.remark, class_="wide")


def samples_panels(arrays: dict[str, np.ndarray], plane: Plane, *, limit: int) -> list[Markup]:
    """Draw samples over data: the whole, and one mode where there are separate ones."""
    windows = (plane.whole, plane.mode)
    return [_scatter(arrays, plane, window, limit) for window in windows if window is not None]


def thumbnail(arrays: dict[str, np.ndarray], plane: Plane) -> Markup | None:
    """Draw samples over data, small, for the overview of several runs."""
    return _scatter(arrays, plane, plane.whole, 500) if "samples" in arrays else None


def _scatter(arrays: dict[str, np.ndarray], plane: Plane, window: Window, limit: int) -> Markup:
    points = plane.project(arrays["samples"])
    groups = _groups(arrays.get("sample_codes"), len(points))
    data = plane.project(arrays["data"]) if "data" in arrays else np.empty((0, 2))
    enlarged = window is not plane.whole
    panel, size, inside = Panel(window), 4.5 if enlarged else 3.2, window.contains(points)
    panel.dots(data[window.contains(data)][:limit], class_="data", size=size + 1.4)
    each = max(1, limit // len(groups.names))
    for k, hue in enumerate(groups.colours):
        panel.dots(points[inside & (groups.index == k)][:each], class_="samples", colour=hue, size=size)
    if plane.mode and not enlarged:
        panel.frame(plane.mode)
    if not enlarged:
        _name_codes(panel, points, groups)
    what = (
        "one mode enlarged"
        if enlarged
        else f"{len(points)} generated points in {len(groups.names)} colours of codes"
    )
    return panel.svg(f"Scatter plot: {what}, over {len(data)} held-out data points.")


def plan_figure(arrays: dict[str, np.ndarray], plane: Plane, *, source: str = "") -> Markup | None:
    """Draw the heaviest pairs of the plan as lines from generated to data points.

    Args:
        arrays: Of `evaluation.npz`.
        plane: Where to draw.
        source: How the plan was computed, in words.
    """
    needed = ("plan_latent_points", "plan_data_points", "plan_pairs")
    if any(name not in arrays for name in needed):
        return None
    latent, data = plane.project(arrays[needed[0]]), plane.project(arrays[needed[1]])
    pairs = arrays["plan_pairs"].astype(np.int64)
    mass = arrays.get("plan_mass", np.ones(len(pairs))).astype(np.float64)
    groups = _groups(arrays.get("plan_latent_codes"), len(latent))
    windows = [plane.whole] + ([plane.mode] if plane.mode else [])
    panels = []
    for window in windows:
        panel = Panel(window)
        panel.dots(data, class_="data matched", size=5)
        near = window.contains(latent[pairs[:, 0]]) | window.contains(data[pairs[:, 1]])
        _draw_pairs(panel, (latent, data), pairs[near], mass[near], groups)
        for k in range(len(groups.names)):
            panel.dots(latent[groups.index == k], class_="samples", colour=groups.colours[k], size=3.6)
        if window is plane.whole and plane.mode:
            panel.frame(plane.mode)
        panels.append(
            panel.svg(
                f"{len(latent)} generated points joined to the {len(data)} data points they are matched with."
            )
        )
    more = f" The {MAX_LINES} heaviest pairs are drawn in each picture." if len(pairs) > MAX_LINES else ""
    caption = (
        "Each line joins a generated point (colour of its code) to a data point (grey) that it is matched "
        "with; a stronger line is a larger share of mass. Short lines of one colour at each group of data "
        "mean that the code says where the data lie and the noise only places the point within the group. "
        "A few lines between groups even out chance: one group got more data, its neighbour more generated "
        "points."
        + more
        + (" Second picture: the framed mode enlarged." if plane.mode else "")
        + (f" Computed as: {source}." if source else "")
    )
    return figure(
        element("div", *panels, class_="panels"),
        title="Who is matched with whom",
        caption=caption,
        class_="wide",
    )


def code_density(arrays: dict[str, np.ndarray]) -> Markup | None:
    """Draw r(c, x), the density of the plan between codes and data, as a heat map sorted into blocks."""
    if any(
        name not in arrays for name in ("plan_pairs", "plan_mass", "plan_latent_codes", "plan_data_points")
    ):
        return None
    pairs, mass = arrays["plan_pairs"].astype(np.int64), arrays["plan_mass"].astype(np.float64)
    groups = _groups(arrays["plan_latent_codes"], len(arrays["plan_latent_codes"]))
    if pairs[:, 0].max() >= len(groups.index):
        return None
    joint = np.zeros((len(groups.names), len(arrays["plan_data_points"])))
    np.add.at(joint, (groups.index[pairs[:, 0]], pairs[:, 1]), mass)
    joint = joint[:, joint.sum(axis=0) > 0]
    if not joint.size:
        return None
    density = joint / joint.sum(axis=0) / np.maximum(joint.sum(axis=1, keepdims=True) / joint.sum(), 1e-12)
    order = np.lexsort((-density.max(axis=0), density.argmax(axis=0)))
    order = order[np.linspace(0, len(order) - 1, min(MAX_COLUMNS, len(order))).round().astype(int)]
    names = [element("div", chip(k) if not groups.ordered else name) for k, name in enumerate(groups.names)]
    top = float(np.quantile(density.max(axis=0), 0.9))
    picture = heat_picture(
        density[:, order] / max(top, 1e-12),
        f"Heat map of r(c,x): {density.shape[0]} codes by {len(order)} data points, largest value "
        f"{density.max():.2f}.",
    )
    caption = (
        "r(c,x): how much more often code and data point are matched than if they were matched blindly (1 "
        f"is blind, {len(groups.names)} the most with equally likely codes, full shade here is {top:.1f}). "
        "A row is a code, a column a data point; columns are sorted by the code they go with. A clean "
        "staircase means that each data point belongs to one code. This r is also what lowers the cost in "
        "training: C − (ε − ε_c)·log r."
    )
    height = f"--rows:{len(names)};--row:{26 if len(names) <= 12 else 19}px"
    layout = element("div", element("div", *names, class_="rows"), picture, class_="density", style=height)
    return figure(layout, title="Codes against data under the plan", caption=caption, class_="wide")


def traversal_figure(arrays: dict[str, np.ndarray], plane: Plane) -> Markup | None:
    """Draw the path of a generated point while one noise coordinate is swept, for each code."""
    sweeps = arrays.get("traversals")
    if sweeps is None or sweeps.ndim != 4 or sweeps.shape[3] != len(plane.origin):
        return None
    data = plane.project(arrays["data"]) if "data" in arrays else np.empty((0, 2))
    window = plane.mode if plane.mode is not None else plane.whole
    panels = []
    for j, sweep in enumerate(sweeps[:4]):
        panel = Panel(window)
        panel.dots(data[window.contains(data)][:600], class_="data", size=5)
        for k in range(sweep.shape[1]):
            panel.trail(plane.project(sweep[:, k]), colour=colour(k))
        label = f"Paths of generated points while noise coordinate {j + 1} is swept, one path a code."
        panels.append(element("div", element("h5", f"Noise coordinate {j + 1}"), panel.svg(label)))
    values = arrays.get("traversal_values")
    reach = (
        f" from {short(float(values[0]))} to {short(float(values[-1]))} standard deviations"
        if values is not None and len(values)
        else ""
    )
    caption = (
        f"One coordinate of the noise is swept{reach} while the other is held at its mean, for each code in "
        "its colour; open dot: start, full dot: end."
        + (
            " Shown is the mode framed above: within it the noise moves the point about,"
            if plane.mode
            else " The noise moves the point about,"
        )
        + " and it should not carry it to another code's place."
    )
    return figure(element("div", *panels, class_="panels"), caption=caption, class_="wide")


def _draw_pairs(
    panel: Panel, ends: tuple[np.ndarray, np.ndarray], pairs: np.ndarray, mass: np.ndarray, groups: Groups
) -> None:
    """Draw the heaviest pairs in three strengths, one path for each code and strength."""
    order = np.argsort(-mass)[:MAX_LINES]
    pairs, mass = pairs[order], mass[order]
    strength = np.digitize(mass / max(float(mass.max(initial=0.0)), 1e-30), (0.1, 0.4))
    for level, opacity in enumerate((0.25, 0.5, 0.85)):
        for k in range(len(groups.names)):
            chosen = pairs[(strength == level) & (groups.index[pairs[:, 0]] == k)]
            start, end = ends[0][chosen[:, 0]], ends[1][chosen[:, 1]]
            panel.segments(start, end, colour=groups.colours[k], opacity=opacity)


def _groups(codes: np.ndarray | None, n: int) -> Groups:
    return group(codes[:n] if codes is not None and len(codes) >= n else np.zeros(n))


def _name_codes(panel: Panel, points: np.ndarray, groups: Groups) -> None:
    """Write each code's number at its points."""
    if groups.ordered or not 1 < len(groups.names) <= MAX_NAMES:
        return
    for k, name in enumerate(groups.names):
        members = points[groups.index == k]
        if len(members):
            panel.name(members, name, groups.colours[k])
