"""Latent spaces: blocks with a prior, grouped into the informative code and the nuisance noise."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from infot.errors import ConfigError
from infot.models.blocks import Block, Categorical
from infot.models.charts import Charts

__all__ = ["Latent", "LatentSpace"]


class Latent(NamedTuple):
    """A batch of latents.

    Attributes:
        code: Informative part, shape ``(n, code_dim)``.
        noise: Nuisance part, shape ``(n, noise_dim)``.
    """

    code: Tensor
    noise: Tensor


@dataclass(frozen=True)
class LatentSpace:
    """The product of a code (one or more blocks) and a noise block: ζ = ζ_c ⊗ ζ_e.

    Args:
        code: Informative blocks, at least one.
        noise: Nuisance block; :class:`Empty` for none.

    Example:
        >>> from infot.models.blocks import Normal, Uniform
        >>> space = LatentSpace(code=(Categorical(3), Uniform(1)), noise=Normal(2))
        >>> latent = space.sample(6, torch.Generator().manual_seed(0))
        >>> tuple(latent.code.shape), tuple(latent.noise.shape), space.n_codes
        ((6, 4), (6, 2), None)
    """

    code: tuple[Block, ...]
    noise: Block

    def __post_init__(self) -> None:
        if not self.code:
            raise ConfigError("the code is empty: give latent.categorical, latent.uniform or latent.normal")

    @property
    def code_dim(self) -> int:
        """Width of the code."""
        return sum(block.dim for block in self.code)

    @property
    def noise_dim(self) -> int:
        """Width of the noise."""
        return self.noise.dim

    def coordinates(self, code: Tensor) -> Tensor:
        """Return each code as numbers that a metric can read, shape ``(n, n_coordinates)``.

        One for each categorical block (the likeliest value's index), continuous dimension and angle (radians), in the
        order of the blocks.

        Args:
            code: Codes, or means of codes, shape ``(n, code_dim)``.

        Example:
            >>> from infot.models.blocks import Normal, Uniform
            >>> space = LatentSpace(code=(Categorical(3), Uniform(1)), noise=Normal(2))
            >>> space.coordinates(torch.tensor([[0.1, 0.2, 0.7, -0.5]]))
            tensor([[ 2.0000, -0.5000]])
        """
        parts = code.split([block.dim for block in self.code], dim=1)
        return torch.cat([b.coordinates(part) for b, part in zip(self.code, parts, strict=True)], dim=1)

    @property
    def n_codes(self) -> int | None:
        """Number of code values, or None when a block is continuous."""
        sizes = [block.n for block in self.code if isinstance(block, Categorical)]
        return int(torch.tensor(sizes).prod()) if len(sizes) == len(self.code) else None

    @property
    def categorical(self) -> tuple[Categorical, ...]:
        """The categorical blocks, whose combinations of values are the categories of a code."""
        return tuple(block for block in self.code if isinstance(block, Categorical))

    def category_index(self, code: Tensor) -> Tensor:
        """Return the category of each code: the index of the combination of values, the last block varying fastest.

        Args:
            code: Codes, shape ``(n, code_dim)``.

        Example:
            >>> from infot.models.blocks import Normal, Uniform
            >>> space = LatentSpace(code=(Categorical(3), Uniform(1), Categorical(2)), noise=Normal(2))
            >>> space.category_index(torch.tensor([[0.0, 0.0, 1.0, -0.5, 0.0, 1.0]]))
            tensor([5])
        """
        parts = code.split([block.dim for block in self.code], dim=1)
        index = torch.zeros(len(code), dtype=torch.int64, device=code.device)
        for block, part in zip(self.code, parts, strict=True):
            if isinstance(block, Categorical):
                index = index * block.n + part.argmax(1)
        return index

    def category_weights(self) -> Tensor:
        """Return the prior over the categories, shape ``(n_categories,)``; one where no block is categorical."""
        return Charts.of(self.categorical).weights

    def sample(self, n: int, rng: torch.Generator) -> Latent:
        """Draw ``n`` independent latents from the prior."""
        return Latent(self.sample_codes(n, rng), self.sample_noise(n, rng))

    def stratified(self, n: int, rng: torch.Generator) -> Latent:
        """Draw ``n`` latents that follow the prior of each coordinate as closely as ``n`` points allow."""
        codes = torch.cat([block.stratified(n, rng)[0] for block in self.code], dim=1)
        return Latent(codes, self.noise.stratified(n, rng)[0])

    def sample_codes(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw ``n`` independent codes, shape ``(n, code_dim)``."""
        return torch.cat([block.sample(n, rng) for block in self.code], dim=1)

    def sample_noise(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw ``n`` independent noises, shape ``(n, noise_dim)``."""
        return self.noise.sample(n, rng)

    def code_values(self) -> Tensor:
        """Return every code value, shape ``(n_codes, code_dim)``; the last block varies fastest.

        Raises:
            ConfigError: If a block is continuous.
        """
        charts = self._categorical_charts()
        return charts.codes(torch.arange(len(charts)), torch.zeros(len(charts), 0))

    def code_weights(self) -> Tensor:
        """Return the prior over :meth:`code_values`, shape ``(n_codes,)``."""
        return self._categorical_charts().weights

    def _categorical_charts(self) -> Charts:
        if self.n_codes is None:
            raise ConfigError("this code has a continuous block, so its values cannot be listed")
        return Charts.of(self.code)
