"""How likely a datum is given what a generator draws: the reconstruction terms of autoencoders."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, cast

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from infot.models.latents import Latent

__all__ = ["Bernoulli", "Gaussian", "Likelihood"]


class Likelihood(ABC):
    """The law p(x | G(z)) of a datum about what its latent generates."""

    @abstractmethod
    def surprise(self, generator: nn.Module, latent: Latent, data: Tensor) -> Float[Tensor, " n"]:
        """Return ``-log p(x | G(z))`` of each datum in nats.

        Args:
            generator: Draws the points.
            latent: One latent for each datum.
            data: Data, shape ``(n, *shape)``.
        """


class _DrawsLogits(Protocol):
    def logits(self, code: Tensor, noise: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    r"""Independent pixels in [0, 1], each with the generated probability p.

    .. math:: -\sum_i x_i \log p_i + (1 - x_i) \log(1 - p_i)

    For pixels between 0 and 1 it is the cross-entropy that autoencoders of images are trained with, at least the
    entropy of the pixels. It is taken from the generator's ``logits``, which keeps it exact where p is 0 or 1 to
    rounding.
    """

    def surprise(self, generator: nn.Module, latent: Latent, data: Tensor) -> Float[Tensor, " n"]:
        """Return the cross-entropy summed over pixels."""
        logits = cast(_DrawsLogits, generator).logits(*latent)
        return binary_cross_entropy_with_logits(logits, data, reduction="none").flatten(1).sum(1)


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """Independent normal coordinates about the generated point.

    Attributes:
        std: Their standard deviation, in units of the data.
    """

    std: float

    def surprise(self, generator: nn.Module, latent: Latent, data: Tensor) -> Float[Tensor, " n"]:
        """Return half the squared distance over the variance, and the normalising constant."""
        distance = (generator(*latent) - data).flatten(1).square().sum(1)
        constant = data[0].numel() * math.log(self.std * math.sqrt(2 * math.pi))
        return distance / (2 * self.std**2) + constant
