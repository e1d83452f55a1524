"""The score of the β-VAE paper: a shared factor should be told from differences of codes."""

import numpy as np
from jaxtyping import Float

from infot.metrics.disentanglement.factor_vae import VOTES, Votes
from infot.metrics.disentanglement.groups import Groups
from infot.metrics.disentanglement.logistic import fit_logistic

__all__ = ["beta_vae", "differences"]


def beta_vae(train: Groups, test: Groups, rng: np.random.Generator, *, votes: Votes = VOTES) -> float:
    """Return how well a linear classifier tells which factor pairs share from how much their codes differ.

    Each group is summed up by mean |c − c'| over its pairs, (D,), and a logistic regression names the factor that its
    pairs share. It is lenient: random linear mixtures of
    the factors of dSprites score .92 (5 codes) and .99 (10).

    Args:
        train: Where the groups that teach come from.
        test: Where the groups that are scored come from.
        rng: Source of randomness.
        votes: Number of groups, and pairs in each. Factors are shared in turn.

    Returns:
        Accuracy in [0, 1]; chance is 1/K. It depends on the scale of codes, through the classifier's penalty.

    Reference:
        Higgins et al., beta-VAE, ICLR 2017.
    """
    x = differences(train, rng, count=votes.train, size=votes.size)
    y = np.arange(votes.train) % train.n_factors
    model = fit_logistic(x, y)
    if votes.test:
        x = differences(test, rng, count=votes.test, size=votes.size)
        y = np.arange(votes.test) % test.n_factors
    return float(model.score(x, y))


def differences(
    groups: Groups, rng: np.random.Generator, *, count: int, size: int
) -> Float[np.ndarray, "m D"]:
    """Return mean |c − c'| over the pairs of each group.

    Args:
        groups: Where codes come from; group i shares factor i mod K.
        rng: Source of randomness.
        count: Number m of groups.
        size: Pairs in a group.
    """
    codes = groups.pairs(np.arange(count) % groups.n_factors, size, rng)
    return np.abs(codes[:, :, 0] - codes[:, :, 1]).mean(axis=1)
