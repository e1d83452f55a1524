"""What a classifier says of samples: whether they are clear and varied, and whether a code keeps to one class."""

import numpy as np
from jaxtyping import Int, Num
from scipy.special import rel_entr

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array, chance
from infot.metrics.clustering import contingency, purity

__all__ = ["classifier_score", "classifier_score_metric", "code_agreement_metric"]

SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may be from summing to one: float32 rounding."""


def classifier_score(probabilities: Num[Array, "n L"]) -> float:
    r"""Return the classifier score :math:`\exp \frac1n \sum_i KL(p(y|x_i) \| p(y))`, p(y) the mean over the samples.

    Between 1 and the number of classes: high where every sample is clearly of one class and all classes are equally
    common. It is the Inception score (Salimans et al., arXiv 1606.03498) under a classifier of the data at hand,
    without splits. It cannot tell varied samples of a class from copies of one.

    Args:
        probabilities: p(y|x) of each sample; rows sum to 1.

    Raises:
        ProblemError: If a row is no distribution.

    Example:
        >>> classifier_score(np.eye(4)), classifier_score(np.full((3, 4), 0.25))
        (4.0, 1.0)
    """
    p = as_array(probabilities, "probabilities", ndim=2)
    if p.min() < 0 or abs(p.sum(axis=1) - 1).max() > SUM_TOLERANCE:
        raise ProblemError("probabilities of classes must be non-negative and sum to one in each row")
    p = p / p.sum(axis=1, keepdims=True)
    return float(np.exp(rel_entr(p, p.mean(axis=0)).sum(axis=1).mean()))


def classifier_score_metric(samples: Num[Array, "n L"], held_out: Num[Array, "m L"]) -> Metric:
    """Return ``classifier_score`` of samples; the ceiling is that of held-out data under the same classifier.

    Args:
        samples: p(y|x) of generated data.
        held_out: p(y|x) of held-out data.
    """
    return Metric(
        "classifier_score", classifier_score(samples), 1.0, classifier_score(held_out), "higher", len(samples)
    )


def code_agreement_metric(
    codes: Int[Array, " n"],
    classes: Int[Array, " n"],
    *,
    labels: Int[Array, " m"],
    classes_of_data: Int[Array, " m"],
) -> Metric:
    """Return ``code_agreement``: how far samples at a fixed code are of one class, whichever it is.

    Share of samples whose class is the commonest of their code. Two codes may share a class. The floor is the mean over
    20 random pairings of the same codes with the same classes, the ceiling the agreement of held-out data at a fixed
    label: what the classifier's own errors leave.

    Args:
        codes: Code of each sample, drawn from its prior.
        classes: Class that a classifier gives each sample.
        labels: True label of held-out data.
        classes_of_data: Class that the classifier gives them.
    """
    shape = {"n_codes": int(codes.max()) + 1, "n_labels": int(classes.max()) + 1}
    value = purity(contingency(codes, classes, **shape))
    paired = np.asarray(classes)
    floor = np.mean([purity(contingency(codes, rng.permutation(paired), **shape)) for rng in chance()])
    ceiling = purity(contingency(labels, classes_of_data))
    return Metric("code_agreement", value, float(floor), ceiling, "higher", len(codes))
