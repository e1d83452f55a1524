"""Pixels: any common layout and depth to (n, channels, height, width) float32 in [0, 1]."""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from infot.data.raw import Array
from infot.errors import DataError

__all__ = ["images_from_array", "on_white", "resize", "unit_range"]

_CHANNELS = (1, 3, 4)
_FULL_SCALE = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


def images_from_array(path: Path, images: Array) -> Array:
    """Bring images (n, h, w), (n, h, w, c) or (n, c, h, w) to (n, c, h, w), float32 in [0, 1].

    The channel axis is the one of length 1 (grey), 3 (RGB) or 4 (RGB and alpha, laid on white).

    Args:
        path: Where the images came from, for messages.
        images: Unsigned integers (divided by 255 or 65535), integers 0..255, booleans or 0/1 masks, or floats
            in [0, 1].

    Returns:
        The images.

    Raises:
        DataError: No channel axis can be told, or values lie outside their range.
    """
    images = unit_range(path, images)
    if images.ndim == 3:
        return images[:, None]
    first, last = images.shape[1] in _CHANNELS, images.shape[3] in _CHANNELS
    if first == last:
        what = "both" if first else "neither"
        raise DataError(
            f"{path}: expected 1, 3 or 4 channels in the second or the last axis of shape {images.shape}; "
            f"{what} can be channels. Save the images as (n, h, w), or pad them."
        )
    images = images if first else np.ascontiguousarray(np.moveaxis(images, 3, 1))
    return on_white(images) if images.shape[1] == 4 else images


def unit_range(path: Path, values: Array) -> Array:
    """Bring pixel values to float32 in [0, 1]; integers of which none is above 1 are taken for a 0/1 mask.

    Raises:
        DataError: Floats outside [0, 1], or integers that are neither 0..255 nor unsigned.
    """
    if values.dtype.kind == "f":
        return _checked_range(path, values, expected="floats in [0, 1]", top=1.0).astype(np.float32)
    if values.dtype.kind == "b" or values.size == 0 or (values.min() >= 0 and values.max() <= 1):
        return values.astype(np.float32)
    full = _FULL_SCALE.get(values.dtype, 255.0)
    if values.dtype not in _FULL_SCALE:
        values = _checked_range(path, values, expected="integers in 0..255", top=255.0)
    return np.divide(values, np.float32(full), dtype=np.float32)


def _checked_range(path: Path, values: Array, *, expected: str, top: float) -> Array:
    low, high = np.nanmin(values, initial=0), np.nanmax(values, initial=0)
    if np.isfinite(low) and np.isfinite(high) and (low < 0 or high > top):
        raise DataError(
            f"{path}: expected pixels as uint8, uint16 or {expected}; got {values.dtype} from {low:g} to "
            f"{high:g}. Rescale before saving."
        )
    return values


def on_white(images: Array) -> Array:
    """Lay images (n, 4, h, w) with alpha on a white ground; returns (n, 3, h, w)."""
    alpha = images[:, 3:]
    return np.ascontiguousarray(images[:, :3] * alpha + (1.0 - alpha), dtype=np.float32)


def resize(images: Array, side: int) -> Array:
    """Crop images (n, c, h, w) to their central square and resample them to ``side`` pixels, anti-aliased."""
    height, width = images.shape[2:]
    if (height, width) == (side, side):
        return images
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = torch.from_numpy(np.ascontiguousarray(images[:, :, top : top + edge, left : left + edge]))
    resized = interpolate(square, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    return resized.clamp(0.0, 1.0).numpy()
