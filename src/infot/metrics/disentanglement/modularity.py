"""Modularity: whether each code dimension tells about one factor only."""

import numpy as np

from infot.metrics.disentanglement.coded import Coded
from infot.metrics.disentanglement.information import factor_information

__all__ = ["modularity"]


def modularity(data: Coded, *, bins: int = 20) -> float:
    """Return 1 − Σ_{k≠k*} m_dk² / ((K − 1) m_dk*²), mean over code dimensions d.

    m_dk is the information of dimension d on factor k, in nats, and k* its best factor. A dimension that tells nothing
    counts 0, so that dead dimensions lower the score. Noise scores high (about .6): what little a dimension tells by
    chance is unevenly spread.

    Args:
        data: Codes and factors.
        bins: Bins of equal width of each code dimension.

    Returns:
        Value in [0, 1].

    Reference:
        Ridgeway and Mozer, Learning Deep Disentangled Embeddings with the F-Statistic Loss, arXiv 1802.05312.
    """
    squares = factor_information(data, bins=bins) ** 2
    best = squares.max(axis=0)
    informative = best > 0
    rest = (squares.sum(axis=0) - best) / (np.where(informative, best, 1.0) * max(data.n_factors - 1, 1))
    return float(np.where(informative, 1 - rest, 0.0).mean())
