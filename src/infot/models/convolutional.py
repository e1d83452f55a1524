"""Convolutional generators for images of any size."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from infot.errors import ConfigError

__all__ = ["ConvolutionalGenerator"]

COARSEST_SIDE = 8  # the first grid of features has at most this many pixels along the longer side


class ConvolutionalGenerator(nn.Module):
    """Draw an image from code and noise: a coarse grid of features, doubled and convolved up to full size.

    Values lie in [0, 1]. The first grid has 4 to 8 pixels along the longer side; each stage brings the features
    to the next size by nearest-neighbour copies (no checkerboards), convolves them and halves their number.

    Args:
        code_dim: Width of the code.
        noise_dim: Width of the noise, 0 for none.
        shape: Shape of an image, ``(channels, height, width)``, at least 8 pixels a side.
        width: Channels at full size; the stages before have more.

    Raises:
        ConfigError: If the shape is no image of at least 8 pixels a side.

    Example:
        >>> generator = ConvolutionalGenerator(10, 4, (3, 30, 20), width=8)
        >>> generator(torch.eye(10), torch.zeros(10, 4)).shape
        torch.Size([10, 3, 30, 20])
    """

    def __init__(self, code_dim: int, noise_dim: int, shape: Sequence[int], *, width: int = 32) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape[1:]) < 8 or shape[0] < 1:
            raise ConfigError(
                f"a convolutional generator makes images (channels, height, width) of at least 8 pixels a side, got "
                f"shape {tuple(shape)}; use the mlp generator for vectors"
            )
        self.shape = tuple(shape)
        self.noise_dim = noise_dim
        sizes = _sizes(shape[1], shape[2])
        channels = [min(width * 2**stage, 8 * width) for stage in reversed(range(len(sizes)))]
        self._first = (channels[0], *sizes[0])
        self._sizes = sizes[1:]
        self.project = nn.Linear(code_dim + noise_dim, channels[0] * sizes[0][0] * sizes[0][1])
        self.stages = nn.ModuleList(_stage(a, b) for a, b in pairwise(channels))
        self.paint = nn.Conv2d(channels[-1], shape[0], 3, padding=1)

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        """Return images.

        Args:
            code: Codes, shape ``(n, code_dim)``.
            noise: Noise, shape ``(n, noise_dim)``.

        Returns:
            Images in [0, 1], shape ``(n, *shape)``.
        """
        return torch.sigmoid(self.logits(code, noise))

    def logits(self, code: Tensor, noise: Tensor) -> Tensor:
        """Return the log-odds of the pixels, whose sigmoid is the image, shape ``(n, *shape)``."""
        features = self.project(torch.cat([code, noise], dim=1)).relu().view(-1, *self._first)
        for size, stage in zip(self._sizes, self.stages, strict=True):
            features = stage(interpolate(features, size=size, mode="nearest"))
        return self.paint(features)


def _stage(inputs: int, outputs: int) -> nn.Module:
    """Return a convolution with normalisation by groups, which unlike batch statistics ties no samples together."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(_groups(outputs), outputs), nn.ReLU()
    )


def _groups(channels: int) -> int:
    """Return the largest number of groups up to 8 that divides ``channels``."""
    return next(groups for groups in range(min(8, channels), 0, -1) if channels % groups == 0)


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return the sizes of the stages from coarse to full: halves, rounded up, the coarsest at most 8 on a side."""
    sizes = [(height, width)]
    while len(sizes) < 2 or max(sizes[0]) > COARSEST_SIDE:
        sizes.insert(0, ((sizes[0][0] + 1) // 2, (sizes[0][1] + 1) // 2))
    return sizes
