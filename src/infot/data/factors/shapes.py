"""Square, ellipse and heart at sub-pixel accuracy: which share of each pixel a shape covers.

All shapes have the same area at the same scale, so that brightness tells the scale and nothing else, and turn around
their centroid. Lengths are in pixels; x points right, y up.
"""

from collections.abc import Callable
from math import pi, sqrt

import torch
from torch import Tensor

__all__ = ["AREA", "PATCH", "SHAPES", "SYMMETRIES", "coverage"]

Distance = Callable[[Tensor, Tensor], Tensor]

AREA = 441.0
"""Area of every shape at scale 1, square pixels: the largest square that may turn within a patch, of side 21."""
PATCH = 31
"""Side of a patch in pixels, odd: a shape's centroid lies at the centre of a pixel."""
SUBPIXELS = 16
"""Samples along a side of a pixel on the edge, each soft over its own width: coverage to 0.005, areas to 0.1 %."""
EDGE = 1.0
"""Distance to the edge, in pixels, beyond which a pixel (half diagonal 0.71) is all inside or all outside."""

SQUARE_HALF = sqrt(AREA) / 2
ELLIPSE_MINOR = sqrt(AREA / (1.5 * pi))  # half axes of ratio 3 : 2
ELLIPSE_MAJOR = 1.5 * ELLIPSE_MINOR
HEART_SIDE = sqrt(AREA / (1 + pi / 4))  # a square on its tip with a half disc on each of its two upper sides
HALF_DISC_HEIGHT = 1 / 2 + 2 / (
    3 * pi
)  # of a half disc's centroid over the square's centre, in sides of the square
HEART_CENTROID = HEART_SIDE * (pi / 4) * HALF_DISC_HEIGHT / sqrt(2) / (1 + pi / 4)  # over the square's centre


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - SQUARE_HALF


def _ellipse(x: Tensor, y: Tensor) -> Tensor:
    """Return the distance to the ellipse, to first order around it: f / |grad f|."""
    across, along = x / ELLIPSE_MAJOR, y / ELLIPSE_MINOR
    radius = torch.hypot(across, along)
    slope = torch.hypot(across / ELLIPSE_MAJOR, along / ELLIPSE_MINOR).clamp_min(1e-6)
    return (radius - 1) * radius / slope


def _heart(x: Tensor, y: Tensor) -> Tensor:
    """Return the distance to the union of a square on its tip and the discs over its upper sides."""
    x, y = x.abs(), y + HEART_CENTROID
    diamond = (x + y.abs()) / sqrt(2) - HEART_SIDE / 2
    middle = HEART_SIDE / sqrt(8)
    return torch.minimum(diamond, torch.hypot(x - middle, y - middle) - HEART_SIDE / 2)


SHAPES: dict[str, Distance] = {"square": _square, "ellipse": _ellipse, "heart": _heart}
"""Signed distance to each shape at scale 1, negative inside, exact near its edge."""
SYMMETRIES = {"square": 4, "ellipse": 2, "heart": 1}
"""How often a shape looks the same in a full turn."""


def coverage(shape: str, scale: float, n_angles: int) -> Tensor:
    """Return the share of each pixel that a shape covers, at equally spaced angles counter-clockwise from 0.

    Angles that the symmetry of the shape makes equal share one image, so they agree bit for bit.

    Args:
        shape: A name of :data:`SHAPES`.
        scale: Scale in (0, 1].
        n_angles: Number of angles in a full turn, a multiple of the shape's symmetry.

    Returns:
        Coverage in [0, 1], shape (n_angles, PATCH, PATCH); row 0 is at the top.

    Example:
        >>> round(float(coverage("square", 1.0, 4)[0].sum()), 2)
        441.0
    """
    n_distinct = n_angles // SYMMETRIES[shape]
    angles = 2 * pi * torch.arange(n_distinct) / n_angles
    line = torch.arange(PATCH) - PATCH // 2.0
    x, y = line.expand(PATCH, PATCH), -line[:, None].expand(PATCH, PATCH)
    distance = _turned(shape, scale, x, y, angles[:, None, None])
    covered = (distance < 0).float()
    edge = distance.abs() < EDGE
    which, row, column = (entry[:, None, None] for entry in edge.nonzero(as_tuple=True))
    part = ((torch.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5).expand(SUBPIXELS, SUBPIXELS)
    near = _turned(shape, scale, line[column] + part, -line[row] + part.T, angles[which])
    covered[edge] = (0.5 - near * SUBPIXELS).clamp(0, 1).mean((1, 2))
    return covered.repeat(SYMMETRIES[shape], 1, 1)


def _turned(shape: str, scale: float, x: Tensor, y: Tensor, angle: Tensor) -> Tensor:
    """Return the signed distance of points, in pixels, to a shape scaled and turned counter-clockwise."""
    along, across = angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x
    return SHAPES[shape](along / scale, across / scale) * scale
