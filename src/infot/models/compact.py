"""The small convolutional networks that papers on disentanglement share, for images of 64 pixels a side or so."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from infot.errors import ConfigError
from infot.models.critics import SLOPE, Trunk

__all__ = ["CHANNELS", "CompactGenerator", "CompactTrunk"]

CHANNELS = (32, 32, 64, 64)
"""Channels of four convolutions of stride 2, the finest first."""
MULTIPLE = 2 ** len(CHANNELS)


class CompactGenerator(nn.Module):
    """Draw an image by two linear layers and four transposed convolutions of 4x4 pixels and stride 2.

    The decoder of arXiv 1804.03599, whose sizes the study of arXiv 1811.12359 and InfoGAN-CR (arXiv 1906.06034) have as
    well: ``width`` units, a grid of 64 channels at a sixteenth of the size, then 64, 32, 32 channels and the image.

    Args:
        code_dim: Width of the code.
        noise_dim: Width of the noise, 0 for none.
        shape: Shape of an image, ``(channels, height, width)``; sides are multiples of 16.
        width: Units of the first layer; 256 in autoencoders, 128 in InfoGAN-CR.
        groups: Groups of channels that are normalised together, for each image by itself; 0 normalises nothing, as
            autoencoders do not.

    Raises:
        ConfigError: If the shape is no image with such sides.

    Example:
        >>> generator = CompactGenerator(5, 5, (1, 64, 64))
        >>> generator(torch.zeros(2, 5), torch.zeros(2, 5)).shape
        torch.Size([2, 1, 64, 64])
    """

    def __init__(
        self, code_dim: int, noise_dim: int, shape: Sequence[int], *, width: int = 256, groups: int = 0
    ) -> None:
        super().__init__()
        _check(shape)
        channels, height, across = shape
        self.shape = tuple(shape)
        self.noise_dim = noise_dim
        self._first = (CHANNELS[-1], height // MULTIPLE, across // MULTIPLE)
        grid = self._first[0] * self._first[1] * self._first[2]
        self.project = nn.Sequential(
            nn.Linear(code_dim + noise_dim, width), nn.ReLU(), nn.Linear(width, grid), nn.ReLU()
        )
        stages: list[nn.Module] = []
        for inputs, outputs in pairwise(reversed(CHANNELS)):
            stages += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)]
            stages += [nn.GroupNorm(groups, outputs)] if groups else []
            stages += [nn.ReLU()]
        self.paint = nn.Sequential(*stages, nn.ConvTranspose2d(CHANNELS[0], channels, 4, stride=2, padding=1))

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
        return self.paint(self.project(torch.cat([code, noise], dim=1)).view(-1, *self._first))


class CompactTrunk(Trunk):
    """Turn images into features by four convolutions of 4x4 pixels and stride 2, and one layer of ``width`` units.

    The encoder that belongs to :class:`CompactGenerator`, and InfoGAN-CR's critic; see :class:`Trunk`.

    Args:
        shape: Shape of an image, ``(channels, height, width)``; sides are multiples of 16.
        width: Number of features; 256 in autoencoders, 128 in InfoGAN-CR.
        pack: Data taken together.
        centre: Mean of the data, shape ``shape``; zero if omitted.
        spread: Root mean square deviation of the data from its mean.

    Raises:
        ConfigError: If the shape is no image with such sides.
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        width: int = 256,
        pack: int = 1,
        centre: Tensor | None = None,
        spread: float = 1.0,
    ) -> None:
        _check(shape)
        super().__init__(shape, width=width, depth=1, pack=pack, centre=centre, spread=spread)

    def _body(self, shape: Sequence[int], width: int, depth: int) -> tuple[nn.Sequential, int]:
        channels, height, across = shape
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((channels, *CHANNELS)):
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        flat = CHANNELS[-1] * (height // MULTIPLE) * (across // MULTIPLE)
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, width), nn.LeakyReLU(SLOPE)), width


def _check(shape: Sequence[int]) -> None:
    if len(shape) != 3 or min(shape) < 1 or any(side % MULTIPLE for side in shape[1:]):
        raise ConfigError(
            f"compact networks are for images (channels, height, width) whose sides are multiples of {MULTIPLE}, got "
            f"shape {tuple(shape)}; use --model.generator convolutional"
        )
