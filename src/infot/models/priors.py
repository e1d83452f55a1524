"""A prior over categorical codes that is learned: it follows how often data use each code."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot.errors import ConfigError
from infot.models.blocks import Block, Categorical
from infot.models.charts import Charts
from infot.models.latents import LatentSpace

__all__ = ["LearnedPrior", "at_least", "follow_codes", "learned_latents"]


def at_least(shares: Float[Tensor, " n"], least: float) -> Float[Tensor, " n"]:
    r"""Return the distribution nearest to ``shares`` none of whose entries is below ``least``.

    .. math:: \arg\min_q KL(q | p) \quad\text{s.t.}\quad q_i \ge m, \; \sum_i q_i = 1

    whose solution is :math:`q_i = \max(m, t p_i)`: entries below the bound are put on it, the others shrink alike.

    Args:
        shares: Non-negative, not all zero; brought to sum 1.
        least: Smallest entry allowed, at most 1 / n.

    Raises:
        ConfigError: If ``least`` is negative or above 1 / n.

    Example:
        >>> at_least(torch.tensor([0.0, 0.4, 0.6]), 0.1)
        tensor([0.1000, 0.3600, 0.5400])
    """
    n, scale = len(shares), 1 / shares.sum()
    if not 0 <= least * n <= 1 + 1e-6:
        raise ConfigError(f"expected a smallest share between 0 and 1/{n}, got {least}")
    bound = torch.zeros_like(shares, dtype=torch.bool)
    low = scale * shares < least
    while bool(low.any()) and not bool(
        (bound | low).all()
    ):  # a pass puts at least one more entry on the bound
        bound |= low
        scale = (1 - least * bound.sum()) / shares.masked_fill(bound, 0).sum()
        low = ~bound & (scale * shares < least)
    return torch.where(bound, least, scale * shares)


class LearnedPrior(nn.Module):
    r"""Frequencies of the values of each categorical block, moved by training and saved with the networks.

    .. math:: \zeta_b \leftarrow (1 - \eta)\, \zeta_b + \eta\, \hat r_b, \qquad \zeta_b(c) \ge m / n_b

    where :math:`\hat r_b` is the marginal, on block b, of how often a batch used each chart. Blocks stay independent of
    each other; continuous blocks keep their prior. The bound keeps a code that no datum uses at a small share, where it
    can be seen and can come back, and bounds the entropy of the prior from below.

    Args:
        code: The blocks of the code, with the prior to start from.
        rate: How far one batch moves the prior, in (0, 1].
        least: Smallest share of a value relative to that of equal shares, in [0, 1]; 1 keeps the shares equal.

    Raises:
        ConfigError: If no block is categorical, or a number is out of its range.

    Example:
        >>> prior = LearnedPrior((Categorical(2),), rate=0.5, least=0.1)
        >>> prior.follow(torch.tensor([0.9, 0.1]))
        >>> prior.shares()[0]
        tensor([0.7000, 0.3000])
    """

    frequencies: Tensor

    def __init__(self, code: Sequence[Block], *, rate: float, least: float) -> None:
        super().__init__()
        categorical = [block for block in code if isinstance(block, Categorical)]
        if not categorical:
            raise ConfigError("a prior is learned over categorical codes, and this code has none")
        if not (0 < rate <= 1 and 0 <= least <= 1):
            raise ConfigError(
                f"expected a rate in (0, 1] and a least share in [0, 1], got {rate} and {least}"
            )
        self.code = tuple(code)
        self.rate, self.least = rate, least
        self.register_buffer("frequencies", torch.cat([block.probabilities() for block in categorical]))

    def shares(self) -> tuple[Float[Tensor, " n"], ...]:
        """Return the frequencies of the values of each categorical block, in the order of the blocks."""
        return self.frequencies.split([block.n for block in self.code if isinstance(block, Categorical)])

    @torch.no_grad()
    def follow(self, frequencies: Float[Tensor, " k"]) -> None:
        """Move towards how often a batch used each combination of charts, in the order of :class:`Charts`."""
        index = Charts.of(self.code).index.to(frequencies.device)
        columns = [i for i, block in enumerate(self.code) if isinstance(block, Categorical)]
        moved = []
        for column, old in zip(columns, self.shares(), strict=True):
            used = torch.zeros_like(old).index_add_(0, index[:, column], frequencies.to(old))
            moved.append(at_least(torch.lerp(old, used / used.sum(), self.rate), self.least / len(old)))
        self.frequencies.copy_(torch.cat(moved))

    def of(self, latents: LatentSpace) -> LatentSpace:
        """Return the latent space with these frequencies in the place of its categorical blocks' own."""
        shares = iter(self.shares())
        code = [_weighted(b, next(shares)) if isinstance(b, Categorical) else b for b in latents.code]
        return replace(latents, code=tuple(code))


def _weighted(block: Categorical, shares: Tensor) -> Categorical:
    exact = shares.double().cpu()
    return Categorical(block.n, tuple((exact / exact.sum()).tolist()))


def learned_latents(latents: LatentSpace, nets: nn.ModuleDict) -> LatentSpace:
    """Return ``latents`` with the frequencies that ``nets["prior"]`` has learned; as they are where there is none."""
    if "prior" not in nets:
        return latents
    prior = nets["prior"]
    assert isinstance(prior, LearnedPrior)
    return prior.of(latents)


def follow_codes(nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
    """Move ``nets["prior"]``, where there is one, towards the ``code_frequencies`` that a loss found."""
    if "prior" in nets:
        prior = nets["prior"]
        assert isinstance(prior, LearnedPrior)
        prior.follow(found["code_frequencies"])
