"""Saturated colours at equal steps around the colour wheel."""

import torch
from torch import Tensor

__all__ = ["hues"]


def hues(n: int) -> Tensor:
    """Return ``n`` colours of full saturation and value from red on, as RGB in [0, 1], shape (n, 3).

    Example:
        >>> hues(3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    sixths = 6 * torch.arange(n)[:, None] / n
    start = torch.tensor([0.0, 4.0, 2.0])  # where the ramps of red, green and blue begin
    return (((sixths + start) % 6 - 3).abs() - 1).clamp(0, 1)
