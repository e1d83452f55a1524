"""Latent batches laid out for structured plans: code values times noise draws."""

from dataclasses import dataclass

import torch
from torch import Tensor

from infot import ot
from infot.models.latents import Latent, LatentSpace

__all__ = ["LatentBatch", "LatentGrid"]


@dataclass(frozen=True)
class LatentBatch:
    """Latents whose rows run over codes, and within a code over noise draws.

    Attributes:
        latent: Codes ``(n, code_dim)`` and noises ``(n, noise_dim)``.
        blocks: Layout of the rows.
        code_weights: Prior weight of each of the ``blocks.n_codes`` code values.
    """

    latent: Latent
    blocks: ot.Blocks
    code_weights: Tensor

    def row_weights(self, code_weights: Tensor) -> Tensor:
        """Spread weights of the code values evenly over their noise draws."""
        return (code_weights / self.blocks.n_noise).repeat_interleave(self.blocks.n_noise)


@dataclass(frozen=True)
class LatentGrid:
    """How latent batches are drawn.

    A code of categorical blocks is listed in full, with its prior as weights. A code with a continuous block is drawn
    ``codes_per_batch`` times. An ordered code is nested: each value of a block has its own draws of the next one, and
    ``codes_per_batch`` is the number of draws in each block.

    Args:
        latents: The latent space.
        noise_per_code: Noise draws for each code.
        codes_per_batch: Code draws where the code cannot be listed.
        ordered: Whether the code blocks are ordered.
    """

    latents: LatentSpace
    noise_per_code: int
    codes_per_batch: int
    ordered: bool = False

    def draw(self, rng: torch.Generator) -> LatentBatch:
        """Draw a batch, stratified within each group that shares its earlier blocks."""
        codes, sizes, weights = self._codes(rng)
        noise = self.latents.noise.stratified(self.noise_per_code, rng, groups=len(codes))
        latent = Latent(codes.repeat_interleave(self.noise_per_code, dim=0), noise.flatten(0, 1))
        return LatentBatch(latent, ot.Blocks(code=(*sizes, self.noise_per_code)), weights)

    def _codes(self, rng: torch.Generator) -> tuple[Tensor, tuple[int, ...], Tensor]:
        if self.ordered:
            return self._ordered_codes(rng)
        if self.latents.n_codes is not None:
            return self.latents.code_values(), (self.latents.n_codes,), self.latents.code_weights()
        n = self.codes_per_batch
        parts = [block.stratified(n, rng)[0] for block in self.latents.code]
        return torch.cat(parts, dim=1), (n,), torch.full((n,), 1 / n)

    def _ordered_codes(self, rng: torch.Generator) -> tuple[Tensor, tuple[int, ...], Tensor]:
        n, codes = self.codes_per_batch, torch.zeros(1, 0)
        for block in self.latents.code:
            drawn = block.stratified(n, rng, groups=len(codes)).flatten(0, 1)
            codes = torch.cat([codes.repeat_interleave(n, dim=0), drawn], dim=1)
        return codes, (n,) * len(self.latents.code), torch.full((len(codes),), 1 / len(codes))
