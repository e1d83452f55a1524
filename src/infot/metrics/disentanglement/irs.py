"""The interventional robustness score."""

import numpy as np
from jaxtyping import Float

from infot.metrics.disentanglement.coded import Coded
from infot.metrics.disentanglement.information import bin_codes

__all__ = ["irs", "robustness"]


def irs(data: Coded, *, quantile: float = 0.99, bins: int | None = None) -> float:
    """Return how little the other factors move a code dimension while its own factor stays.

    For each dimension the best entry of :func:`robustness` over factors; mean weighted by the largest deviation of
    each dimension. Constant dimensions do not count; 0 where all are constant.

    Args:
        data: Codes and factors.
        quantile: Deviation that counts as the largest of a group; 1 in the paper, .99 in disentanglement_lib.
        bins: Bins of equal width that the values of factors are put in first, as disentanglement_lib does with 20;
            None takes the values.

    Returns:
        Value in [0, 1].

    Reference:
        Suter et al., Robustly Disentangled Causal Mechanisms, arXiv 1811.00007.
    """
    largest = np.abs(data.codes - data.codes.mean(axis=0)).max(axis=0)
    moving = data.codes.std(axis=0) > 0
    if not moving.any():
        return 0.0
    kept = Coded(data.codes[:, moving], data.factors)
    best = robustness(kept, quantile=quantile, bins=bins).max(axis=0)
    return float(np.average(best, weights=largest[moving]))


def robustness(data: Coded, *, quantile: float = 0.99, bins: int | None = None) -> Float[np.ndarray, "K D"]:
    """Return 1 − mean_v Q(|c_d − E[c_d | v_k = v]|) / max |c_d − E c_d| for every factor k and dimension d.

    Q is the quantile over the data that share the value v, and the mean is over the values.
    """
    largest = np.abs(data.codes - data.codes.mean(axis=0)).max(axis=0)
    factors = data.factors if bins is None else bin_codes(data.factors.astype(float), bins)
    return np.array([1 - _deviation(data.codes, factor, quantile) / largest for factor in factors.T])


def _deviation(codes: np.ndarray, factor: np.ndarray, quantile: float) -> np.ndarray:
    groups = [codes[factor == value] for value in np.unique(factor)]
    return np.mean([np.quantile(np.abs(g - g.mean(axis=0)), quantile, axis=0) for g in groups], axis=0)
