"""Where the pixels of an image lie in the plane, in half widths from its middle."""

import torch
from torch import Tensor

__all__ = ["centres", "homogeneous_pixels"]


def centres(size: int) -> Tensor:
    """Return the centres of ``size`` pixels along a side, in (-1, 1)."""
    return torch.linspace(-1 + 1 / size, 1 - 1 / size, size)


def homogeneous_pixels(height: int, width: int) -> Tensor:
    """Return (x, y, 1) of every pixel, row by row, shape ``(3, height * width)``."""
    y, x = torch.meshgrid(centres(height), centres(width), indexing="ij")
    return torch.stack([x.flatten(), y.flatten(), torch.ones(height * width)])
