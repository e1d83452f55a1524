"""Amortised encoders: the law of the noise given a datum and each code."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from infot.errors import ConfigError
from infot.numerics import tempered

__all__ = ["GaussianNoise", "NoiseEncoder"]

COARSE_SIDE = 10  # pixels a side from which an image is seen as a whole
INITIAL_LOG_STD = -1.0  # narrow enough that a first sample stays near the mean
# No law that pays for its information lies nearly as far off, in standard deviations of the prior, nor is as wide:
# beyond these two, only first steps go.
FARTHEST_MEAN, WIDEST_LOG_STD = 10.0, 3.0
APART_LOG_STD = -3.0  # narrow enough that first samples of data whose means lie apart lie apart


class GaussianNoise(NamedTuple):
    """Independent normal laws of the noise.

    Attributes:
        mean: Means, shape ``(..., noise_dim)``.
        log_std: Logarithms of the standard deviations, same shape.
    """

    mean: Tensor
    log_std: Tensor

    def sample(self, rng: torch.Generator) -> Tensor:
        """Draw one noise from each law, differentiably in its parameters; ``rng`` lives on the CPU."""
        standard = torch.randn(self.mean.shape, generator=rng).to(self.mean)
        return self.mean + self.log_std.exp() * standard

    def information(self) -> Tensor:
        """Return ``KL(q_i | N(0, 1))`` of each coordinate in nats, shape of ``mean``."""
        return 0.5 * (self.mean**2 + torch.exp(2 * self.log_std) - 1) - self.log_std

    def pick(self, rows: Tensor, codes: Tensor) -> "GaussianNoise":
        """Return the laws of the pairs (row, code), shape ``(p, noise_dim)``, of laws ``(n, n_codes, noise_dim)``."""
        return GaussianNoise(self.mean[rows, codes], self.log_std[rows, codes])


class NoiseEncoder(nn.Module):
    """Give q(e | c, x) for every code c at once: a trunk on the datum, then one linear head for each code.

    Images (channels, height, width) go through two convolutions, vectors through one hidden layer. The heads start at
    mean zero, where a generator gives its templates.

    Args:
        shape: Shape of a datum: ``(channels, height, width)`` or ``(d,)``.
        n_codes: Number of code values.
        noise_dim: Number of noise coordinates.
        sharing: Codes that share a head: each head serves that many, ``n_codes / sharing`` apart.
        width: Size of the trunk: ``2 * width`` features, ``width / 8`` and ``width / 4`` channels.

    Raises:
        ConfigError: If the shape is neither an image nor a vector, or ``width`` is below 8.

    Example:
        >>> encoder = NoiseEncoder((1, 8, 8), n_codes=10, noise_dim=6, width=32)
        >>> encoder(torch.zeros(3, 1, 8, 8)).mean.shape
        torch.Size([3, 10, 6])
    """

    def __init__(
        self, shape: Sequence[int], *, n_codes: int, noise_dim: int, width: int = 128, sharing: int = 1
    ) -> None:
        super().__init__()
        if len(shape) not in (1, 3):
            raise ConfigError(
                f"an encoder reads images (channels, height, width) or vectors (d,), got {tuple(shape)}"
            )
        if width < 8:
            raise ConfigError(f"the encoder's width must be at least 8, got {width}")
        self.n_heads, self.sharing, self.noise_dim = n_codes // sharing, sharing, noise_dim
        layers = (
            _image_trunk(shape, width) if len(shape) == 3 else [nn.Linear(shape[0], 2 * width), nn.ReLU()]
        )
        inputs = nn.Sequential(*layers)(torch.zeros(1, *shape)).shape[1]
        self.trunk = nn.Sequential(*layers, nn.Linear(inputs, 2 * width), nn.ReLU())
        self.mean = nn.Linear(2 * width, self.n_heads * noise_dim)
        self.log_std = nn.Linear(2 * width, self.n_heads * noise_dim)
        for head, start in ((self.mean, 0.0), (self.log_std, INITIAL_LOG_STD)):
            nn.init.zeros_(head.weight)
            nn.init.constant_(head.bias, start)

    @torch.no_grad()
    def tell_apart(self, points: Tensor, std: float) -> None:
        """Start with means that differ from datum to datum, and narrow laws around them.

        Where all data have one law, a generator without templates draws one image, whatever the code, and codes that it
        has learned to ignore seldom come back. So every unit starts centred and scaled on data (Salimans and Kingma,
        arXiv 1602.07868, section 3), for how far features vary by themselves depends on the size of images and on what
        they show, and weights that had to make up for it would turn a small step of the layers below into a large one.

        Args:
            points: Data, shape ``(n, *shape)``.
            std: Standard deviation of every mean over the data, where that of the prior is 1.

        Raises:
            ConfigError: If the data are all alike.
        """
        nn.init.normal_(self.mean.weight)
        seen = points
        for layer in self.trunk:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                _standardise(layer, seen, 1.0)
            seen = layer(seen)
        _standardise(self.mean, seen, std)
        nn.init.constant_(self.log_std.bias, APART_LOG_STD)

    def forward(self, x: Tensor) -> GaussianNoise:
        """Return the laws of the noise for data ``x`` (n, *shape), arrays ``(n, n_codes, noise_dim)``."""
        features = self.trunk(x)
        shape, shared = (len(x), self.n_heads, self.noise_dim), (1, self.sharing, 1)
        mean, log_std = (head(features).view(shape).repeat(shared) for head in (self.mean, self.log_std))
        return GaussianNoise(_near(mean), _narrow(log_std))


def _near(mean: Tensor) -> Tensor:
    """Hold means within reach of the prior on both sides."""
    return -tempered(-tempered(mean, FARTHEST_MEAN), FARTHEST_MEAN)


def _narrow(log_std: Tensor) -> Tensor:
    """Let variances beyond the widest law grow no faster than what the head says: they are what a law pays for."""
    return 0.5 * tempered(2 * log_std, 2 * WIDEST_LOG_STD)


def _standardise(layer: nn.Conv2d | nn.Linear, inputs: Tensor, std: float) -> None:
    """Scale and shift each unit of a layer to mean 0 and standard deviation ``std`` over these inputs."""
    units = layer(inputs).transpose(0, 1).flatten(1)
    spread = units.std(1)
    if not bool((spread > 0).all()):
        raise ConfigError("model.codes_apart: the data are all alike, so no code can tell them apart; use 0")
    gain = std / spread
    bias = layer.bias
    assert bias is not None
    bias.copy_(gain * (bias - units.mean(1)))
    layer.weight.mul_(gain.view(-1, *[1] * (layer.weight.ndim - 1)))


def _image_trunk(shape: Sequence[int], width: int) -> list[nn.Module]:
    """Return convolutions that bring an image to a grid of at most 10 x 10, flattened."""
    channels, *size = shape
    side = max(size)
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width // 8, 5, stride=2 if side >= 16 else 1, padding=2),
        nn.ReLU(),
        nn.Conv2d(width // 8, width // 4, 3, stride=2, padding=1),
        nn.ReLU(),
    ]
    side = side / 4 if side >= 16 else side / 2
    while side > COARSE_SIDE:
        layers += [nn.Conv2d(width // 4, width // 4, 3, stride=2, padding=1), nn.ReLU()]
        side /= 2
    return [*layers, nn.Flatten()]
