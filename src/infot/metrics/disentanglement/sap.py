"""Separated attribute predictability."""

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from infot.metrics.disentanglement.coded import Coded

__all__ = ["predictability", "sap"]

STRENGTH = 0.01
"""C of the support vector machine in disentanglement_lib and InfoGAN-CR."""


def sap(train: Coded, test: Coded, *, continuous: Sequence[int] = ()) -> float:
    """Return how far the best code dimension predicts a factor ahead of the second best, mean over factors.

    A factor is predicted from one dimension at a time; see :func:`predictability`. With a single dimension the second
    best is the commonest class, or R² = 0.

    Perfect codes score far below 1 where factors have many values that are treated as classes: a linear classifier of
    a single number cannot pick out a value in the middle.

    Args:
        train: Data to learn from.
        test: Data to score on.
        continuous: Factors taken as numbers, by their R²; all others are classes.

    Reference:
        Kumar et al., Variational Inference of Disentangled Latent Concepts, arXiv 1711.00848; classifiers as in
        Locatello et al., arXiv 1811.12359.
    """
    scores = predictability(train, test, continuous=continuous)
    if train.n_codes == 1:
        constant = Coded(np.zeros((train.n, 1)), train.factors), Coded(np.zeros((test.n, 1)), test.factors)
        scores = np.concatenate([scores, predictability(*constant, continuous=continuous)], axis=1)
    ordered = np.sort(scores, axis=1)
    return float(np.mean(ordered[:, -1] - ordered[:, -2]))


def predictability(train: Coded, test: Coded, *, continuous: Sequence[int] = ()) -> Float[np.ndarray, "K D"]:
    """Return how well each factor (rows) is predicted from each code dimension (columns) alone.

    Classes: accuracy on the test data of a linear support vector machine, C = 0.01, classes balanced. Numbers: squared
    correlation on the training data, as published.
    """
    return np.array(
        [
            [
                _squared_correlation(train.codes[:, d], train.factors[:, k])
                if k in continuous
                else _accuracy(train, test, d, k)
                for d in range(train.n_codes)
            ]
            for k in range(train.n_factors)
        ]
    )


def _accuracy(train: Coded, test: Coded, code: int, factor: int) -> float:
    x, y = train.codes[:, [code]], train.factors[:, factor]
    model = LinearSVC(C=STRENGTH, class_weight="balanced", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is part of the definition
        model.fit(x, y)
    return float(model.score(test.codes[:, [code]], test.factors[:, factor]))


def _squared_correlation(code: np.ndarray, factor: np.ndarray) -> float:
    spread = code.std()
    if spread == 0:
        return 0.0
    covariance = np.mean((code - code.mean()) * (factor - factor.mean()))
    return float((covariance / (spread * factor.std())) ** 2)
