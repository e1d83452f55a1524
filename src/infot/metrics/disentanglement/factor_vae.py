"""The score of the FactorVAE paper: a fixed factor should show as a still code dimension."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from infot.metrics.base import Array, as_array
from infot.metrics.disentanglement.groups import Groups

__all__ = ["VOTES", "Votes", "factor_vae", "still_dimensions"]


@dataclass(frozen=True)
class Votes:
    """How many groups vote.

    Attributes:
        size: Data in a group, or pairs in it.
        train: Groups from which the classifier is learnt.
        test: Groups on which it is scored; 0 scores it on those it was learnt from.
    """

    size: int = 64
    train: int = 1000
    test: int = 1000

    @property
    def scored(self) -> int:
        """Groups that the score rests on."""
        return self.test or self.train


VOTES = Votes()
"""A thousand groups of 64 each to learn from and to score."""


def factor_vae(
    train: Groups,
    test: Groups,
    rng: np.random.Generator,
    *,
    spread: Float[Array, " D"],
    votes: Votes = VOTES,
    dead_below: float = 0.05,
) -> float:
    """Return how well the stillest code dimension tells which factor is fixed.

    In each group one factor is fixed; the dimension d of least Var_group(c_d) / Var(c_d) votes for it. The factor
    that a dimension is mostly moved still by is learnt from the votes of ``train``; the score is the share of the
    votes of ``test`` that name the right one.

    Do not report it alone: random linear mixtures of the factors of dSprites score .85 (5 codes) and .95 (10).

    Args:
        train: Where the groups that teach come from.
        test: Where the groups that are scored come from.
        rng: Source of randomness.
        spread: Standard deviation of each code dimension over all data.
        votes: Number and size of the groups. Factors are fixed in turn.
        dead_below: Dimensions with a smaller spread have no vote; so have constant ones.

    Returns:
        Accuracy in [0, 1]; 0 where no dimension is alive. Chance is 1/K.

    Reference:
        Kim and Mnih, Disentangling by Factorising, arXiv 1802.05983.
    """
    scale = as_array(spread, "spread", ndim=1)
    alive = (scale >= dead_below) & (scale > 0)
    if not alive.any():
        return 0.0
    learnt = still_dimensions(train, rng, count=votes.train, size=votes.size, spread=scale, alive=alive)
    factor_of = learnt.argmax(axis=0)
    scored = learnt
    if votes.test:
        scored = still_dimensions(test, rng, count=votes.test, size=votes.size, spread=scale, alive=alive)
    return float(scored[factor_of, np.arange(len(scale))].sum() / scored.sum())


def still_dimensions(
    groups: Groups,
    rng: np.random.Generator,
    *,
    count: int,
    size: int,
    spread: Float[np.ndarray, " D"],
    alive: np.ndarray,
) -> Int[np.ndarray, "K D"]:
    """Count how often each dimension is the stillest while each factor is fixed.

    Args:
        groups: Where codes come from.
        rng: Source of randomness.
        count: Number of groups.
        size: Data in a group.
        spread: Standard deviation of each code dimension over all data.
        alive: Which dimensions have a vote.
    """
    held = np.arange(count) % groups.n_factors
    codes = groups.holding(held, size, rng)[..., alive] / spread[alive]
    stillest = np.flatnonzero(alive)[codes.var(axis=1).argmin(axis=1)]
    table = np.zeros((groups.n_factors, len(spread)), dtype=np.int64)
    np.add.at(table, (held, stillest), 1)
    return table
