"""How often codes are used: by data, and by the generator against how often each class occurs."""

import numpy as np
from jaxtyping import Int, Num
from scipy.special import xlogy

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array
from infot.metrics.plan import code_frequencies

__all__ = ["class_share_distance", "class_share_metric", "usage_metrics"]


def usage_metrics(posterior: Num[Array, "n K"]) -> dict[str, Metric]:
    """Return ``code_frequency_min`` and ``code_use_entropy`` of the codes of data.

    The share of the data that the rarest code receives, between 0 (a dead code) and 1 / K (all alike), and the entropy
    of the shares in nats, between 0 (one code for all) and log K. Neither says that alike is right: where classes are
    of unequal size, so should codes be.

    Args:
        posterior: r(c|x) for ``n`` data points, rows that sum to 1.
    """
    shares = code_frequencies(posterior)
    n, k = posterior.shape
    entropy = max(float(-xlogy(shares, shares).sum()), 0.0)
    return {
        "code_frequency_min": Metric("code_frequency_min", float(shares.min()), 0.0, 1 / k, "higher", n),
        "code_use_entropy": Metric("code_use_entropy", entropy, 0.0, float(np.log(k)), "higher", n),
    }


def class_share_distance(table: Int[Array, "K L"], prior: Num[Array, " C"]) -> float:
    r"""Return the total variation between how often the generator draws each class and how often data are of it.

    .. math:: \frac12 \sum_l \Big| \sum_c \zeta_c \frac{n_{cl}}{n_c} - \frac{n_l}{n} \Big|
              + \frac12 \sum_{c: n_c = 0} \zeta_c

    A code stands for the classes of the data that it is given; one that no datum is given stands for none. Codes that
    say nothing of the class have 0 as well: read it beside the accuracy.

    Args:
        table: Counts of codes × labels of data, see :func:`infot.metrics.contingency`.
        prior: How often the generator draws each code.

    Raises:
        ProblemError: If there is not one prior share for each code, or no datum.

    Example:
        >>> class_share_distance(np.array([[30, 0], [0, 10]]), np.array([0.5, 0.5]))
        0.25
    """
    counts, shares = as_array(table, "contingency table", ndim=2), as_array(prior, "prior", ndim=1)
    if len(shares) != len(counts) or counts.sum() == 0:
        raise ProblemError(
            f"expected counts of {len(shares)} codes with a positive sum, got shape {counts.shape}"
        )
    shares = shares / shares.sum()
    of_code = counts.sum(axis=1)
    drawn = shares @ (counts / np.maximum(of_code, 1)[:, None])
    held = counts.sum(axis=0) / counts.sum()
    return float((abs(drawn - held).sum() + shares[of_code == 0].sum()) / 2)


def class_share_metric(table: Int[Array, "K L"], prior: Num[Array, " C"]) -> Metric:
    """Return :func:`class_share_distance` as a metric, from 0 to that of a generator of the rarest class alone."""
    labels = as_array(table, "contingency table", ndim=2).sum(axis=0)
    worst = 1 - float(labels[labels > 0].min() / labels.sum())
    n = int(labels.sum())
    return Metric("class_share_distance", class_share_distance(table, prior), 0.0, worst, "lower", n)
