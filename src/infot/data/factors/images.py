"""Images made from known factors, one image for each combination."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from infot.data.factors.space import FactorSpace

__all__ = ["FactorImages", "Rendered"]


class FactorImages(ABC):
    """Render images from their factors: the same factors give the same image, bit for bit.

    Attributes:
        factors: Names and sizes of the factors.
        shape: Channels, height and width of an image.
    """

    factors: FactorSpace
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        """Number of images: one for each combination of factors."""
        return len(self.factors)

    def render(self, factors: Tensor) -> Tensor:
        """Return images of the given factors.

        Args:
            factors: int64 (n, K), entry k in 0..sizes[k]-1.

        Returns:
            Images, float32 (n, channels, height, width) in [0, 1].

        Raises:
            DataError: A factor out of range, or an array of another shape or dtype.
        """
        self.factors.check(factors)
        return self._draw(factors)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw factors; see :meth:`FactorSpace.sample`."""
        return self.factors.sample(n, rng)

    def sample_holding(self, factor: int, value: int | Tensor, n: int, rng: torch.Generator) -> Tensor:
        """Draw factors with one of them held; see :meth:`FactorSpace.sample_holding`."""
        return self.factors.sample_holding(factor, value, n, rng)

    @abstractmethod
    def _draw(self, factors: Tensor) -> Tensor:
        """Render factors that are known to be in range."""


class Rendered:
    """Stand in for a tensor of images too large to hold: index it with int64 rows and they are rendered.

    Args:
        images: What renders.
        numbers: Which images, by number of combination, int64 (n,).

    Attributes:
        shape: ``(n, channels, height, width)``.
        device: The CPU, where images are rendered.
    """

    def __init__(self, images: FactorImages, numbers: Tensor) -> None:
        self.images = images
        self.numbers = numbers
        self.shape = torch.Size((len(numbers), *images.shape))
        self.device = torch.device("cpu")

    def __len__(self) -> int:
        """Number of images."""
        return len(self.numbers)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Return the images at ``rows``, int64 (m,), as float32 (m, channels, height, width)."""
        return self.images.render(self.factors_at(rows))

    def factors_at(self, rows: Tensor) -> Tensor:
        """Return the factors of the images at ``rows``, int64 (m,), as int64 (m, K)."""
        return self.images.factors.at(self.numbers[rows])
