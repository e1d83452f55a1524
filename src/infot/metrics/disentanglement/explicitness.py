"""Explicitness: whether the factors can be read off the whole code by a linear classifier."""

import numpy as np
from sklearn.metrics import roc_auc_score

from infot.metrics.disentanglement.coded import Coded
from infot.metrics.disentanglement.logistic import class_probabilities

__all__ = ["explicitness"]


def explicitness(train: Coded, test: Coded) -> float:
    """Return the area under the ROC curve of telling each value of a factor from the rest, mean over all.

    A logistic regression on the standardised codes; the mean is over the values of a factor, then over factors. It
    says nothing of disentanglement: a rotation of perfect codes scores as they do.

    Args:
        train: Data to learn from.
        test: Data to score on.

    Returns:
        Area in [0, 1]; chance is ½.

    Raises:
        ProblemError: If a value of a factor is in the test data and not in the training data.

    Reference:
        Ridgeway and Mozer, arXiv 1802.05312.
    """
    return float(np.mean([_area(train, test, k) for k in range(train.n_factors)]))


def _area(train: Coded, test: Coded, factor: int) -> float:
    probabilities, truth = class_probabilities(train, test, factor)
    return float(np.mean([roc_auc_score(truth == c, probabilities[:, c]) for c in np.unique(truth)]))
