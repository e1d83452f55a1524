"""Mutual information of single factors with single code dimensions, on bins of equal width."""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import xlogy

from infot.metrics.clustering import contingency
from infot.metrics.disentanglement.coded import Coded

__all__ = ["bin_codes", "factor_entropies", "factor_information", "information_share"]


def bin_codes(codes: Float[np.ndarray, "n D"], bins: int = 20) -> Int[np.ndarray, "n D"]:
    """Return the bin of each value, 0 … bins − 1: bins of equal width over the range of each dimension.

    The range is that of the sample, so that a single outlier widens all bins; a constant dimension lies in one bin.
    """
    columns = []
    for column in codes.T:
        edges = np.histogram_bin_edges(column, bins)
        columns.append(np.digitize(column, edges[1:-1]))
    return np.stack(columns, axis=1)


def factor_information(data: Coded, *, bins: int = 20) -> Float[np.ndarray, "K D"]:
    """Return I(c_d; v_k) in nats for every factor k (rows) and code dimension d (columns).

    Plug-in estimate on :func:`bin_codes`. It is biased upwards by about (bins − 1)(size − 1) / 2n and cannot exceed
    log(bins), so that factors of more values than bins are never fully informed of.

    Args:
        data: Codes and factors.
        bins: Bins of each code dimension.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> factors = rng.integers(4, size=(10_000, 2))
        >>> np.round(factor_information(Coded(factors.astype(float), factors)), 2)
        array([[1.39, 0.  ],
               [0.  , 1.39]])
    """
    binned = bin_codes(data.codes, bins)
    return np.array(
        [[_mutual_information(contingency(code, factor)) for code in binned.T] for factor in data.factors.T]
    )


def factor_entropies(data: Coded) -> Float[np.ndarray, " K"]:
    """Return the entropy H(v_k) of each factor in the sample, in nats."""
    shares = [np.bincount(factor) / data.n for factor in data.factors.T]
    return np.array([-xlogy(p, p).sum() for p in shares])


def information_share(data: Coded, *, bins: int = 20) -> Float[np.ndarray, "K D"]:
    """Return I(c_d; v_k) / H(v_k), the share of each factor that each code dimension tells, from 0 to 1."""
    return factor_information(data, bins=bins) / factor_entropies(data)[:, None]


def _mutual_information(table: np.ndarray) -> float:
    p = table / table.sum()
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    return max(float(xlogy(p, p).sum() - xlogy(rows, rows).sum() - xlogy(columns, columns).sum()), 0.0)
