"""Attributes of pictures of single bright shapes, as digits are, and how they go with numbers such as codes."""

import numpy as np
from jaxtyping import Float, Num

from infot.errors import ProblemError
from infot.metrics.base import Array, as_array

__all__ = ["ATTRIBUTES", "correlations", "picture_attributes"]

ATTRIBUTES = ("slant", "width", "height", "stroke", "ink")
"""What is measured, in this order."""
TINY = 1e-12


def picture_attributes(pictures: Num[Array, "n c h w"]) -> Float[np.ndarray, "n 5"]:
    r"""Measure each picture, brightness taken as mass, channels averaged.

    - slant: :math:`-\mathrm{cov}(x, y) / \mathrm{var}(y)` with rows y counted downwards, the tangent of its lean to the
      right;
    - width and height: standard deviation of columns and of rows, in pixels;
    - stroke: twice the area over the length of the outline, :math:`2 \sum I / \sum |\nabla I|`, in pixels, which is
      the width of a long bar;
    - ink: mean brightness.

    Args:
        pictures: Bright on dark. A picture without brightness has 0 everywhere.

    Returns:
        A column for each of :data:`ATTRIBUTES`.

    Example:
        >>> bar = np.zeros((1, 1, 20, 20))
        >>> bar[:, :, 3:17, 8:11] = 1
        >>> slant, width, height, stroke, ink = picture_attributes(bar)[0]
        >>> float(slant) + 0.0, round(float(width), 3), round(float(height), 3)
        (0.0, 0.816, 4.031)
    """
    images = as_array(pictures, "pictures", ndim=4).mean(axis=1)
    mass = np.maximum(images.sum(axis=(1, 2)), TINY)
    rows, columns = np.arange(images.shape[1]), np.arange(images.shape[2])
    down = rows - (images.sum(axis=2) @ rows / mass)[:, None]
    right = columns - (images.sum(axis=1) @ columns / mass)[:, None]
    var_y = np.einsum("nhw,nh->n", images, down**2) / mass
    var_x = np.einsum("nhw,nw->n", images, right**2) / mass
    cov = np.einsum("nhw,nh,nw->n", images, down, right) / mass
    framed = np.zeros((len(images), len(rows) + 2, len(columns) + 2))
    framed[:, 1:-1, 1:-1] = images
    slopes = np.hypot(np.diff(framed, axis=1)[:, :, :-1], np.diff(framed, axis=2)[:, :-1])
    outline = np.maximum(slopes.sum(axis=(1, 2)), TINY)
    stroke = 2 * images.sum(axis=(1, 2)) / outline
    slant = -cov / np.maximum(var_y, TINY)
    return np.stack([slant, np.sqrt(var_x), np.sqrt(var_y), stroke, images.mean(axis=(1, 2))], axis=1)


def correlations(left: Num[Array, "n d"], right: Num[Array, "m a"]) -> Float[np.ndarray, "d a"]:
    """Return Pearson's correlation of every column with every other; 0 where a column is constant.

    Raises:
        ProblemError: If there are not as many rows on both sides, or fewer than 2.
    """
    x, y = as_array(left, "left", ndim=2), as_array(right, "right", ndim=2)
    if len(x) != len(y) or len(x) < 2:
        raise ProblemError(f"expected as many rows, at least 2, on both sides, got {len(x)} and {len(y)}")
    return _standard(x).T @ _standard(y) / len(x)


def _standard(columns: np.ndarray) -> np.ndarray:
    centred = columns - columns.mean(axis=0)
    spread = centred.std(axis=0)
    return np.where(spread > TINY, centred / np.maximum(spread, TINY), 0.0)
