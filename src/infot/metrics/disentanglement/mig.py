"""The mutual information gap."""

import numpy as np

from infot.metrics.disentanglement.coded import Coded
from infot.metrics.disentanglement.information import information_share

__all__ = ["mig"]


def mig(data: Coded, *, bins: int = 20) -> float:
    """Return how far the best code dimension of a factor is ahead of the second best, mean over factors.

    mean_k (I(c_(1); v_k) − I(c_(2); v_k)) / H(v_k), dimensions ordered by their information on v_k; with a single
    dimension the second best tells nothing.

    Perfect codes do not score 1 where factors have more values than there are bins: the codes that *are* the factors of
    dSprites (3, 6, 40, 32, 32 values) score .895 at 20 bins and .987 at 40. State the bins and the identity's score.

    Args:
        data: Codes and factors.
        bins: Bins of equal width of each code dimension.

    Returns:
        Value in [0, 1].

    Reference:
        Chen et al., Isolating Sources of Disentanglement in VAEs, arXiv 1802.04942; with bins as in Locatello et al.,
        arXiv 1811.12359.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> factors = rng.integers(np.array([3, 6, 40, 32, 32]), size=(10_000, 5))
        >>> round(mig(Coded(factors.astype(float), factors)), 2)
        0.9
    """
    shares = np.sort(information_share(data, bins=bins), axis=1)
    second = shares[:, -2] if data.n_codes > 1 else 0.0
    return float(np.mean(shares[:, -1] - second))
