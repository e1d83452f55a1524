"""The linear classifier of several metrics: scikit-learn's logistic regression, stopped after a hundred steps."""

import warnings

import numpy as np
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from infot.errors import ProblemError
from infot.metrics.disentanglement.coded import Coded

__all__ = ["class_probabilities", "fit_logistic", "standardised"]

STEPS = 100
"""scikit-learn's limit, which the published code leaves as it is: the metrics are defined with it."""


def fit_logistic(
    x: Float[np.ndarray, "n D"], y: Int[np.ndarray, " n"], *, penalty: float = 1.0, balanced: bool = False
) -> LogisticRegression:
    """Fit a multinomial logistic regression and return it, converged or not.

    Args:
        x: Inputs.
        y: Classes.
        penalty: Weight of ½|w|² beside the sum of the losses; 0 for none.
        balanced: Whether every class has the same weight in the loss.
    """
    strength = np.inf if penalty == 0 else 1 / penalty
    weights = "balanced" if balanced else None
    model = LogisticRegression(C=strength, class_weight=weights, max_iter=STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is part of the definition
        model.fit(x, y)
    return model


def class_probabilities(
    train: Coded, test: Coded, factor: int, *, penalty: float = 1.0, balanced: bool = False
) -> tuple[Float[np.ndarray, "m C"], Int[np.ndarray, " m"]]:
    """Return the probabilities of a factor's values on test data, and the column of the true value of each.

    Raises:
        ProblemError: If a value of the factor is in the test data and not in the training data.
    """
    x, held_out = standardised(train, test)
    model = fit_logistic(x, train.factors[:, factor], penalty=penalty, balanced=balanced)
    truth = test.factors[:, factor]
    unseen = np.setdiff1d(truth, model.classes_)
    if len(unseen):
        raise ProblemError(
            f"value {unseen[0]} of factor {factor} is in the test data and not in the training data: give more data"
        )
    return np.asarray(model.predict_proba(held_out)), np.searchsorted(model.classes_, truth)


def standardised(train: Coded, test: Coded) -> tuple[Float[np.ndarray, "n D"], Float[np.ndarray, "m D"]]:
    """Return the codes of both at mean 0 and variance 1 on the training data; constant dimensions stay at 0."""
    mean, spread = train.codes.mean(axis=0), train.codes.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    return (train.codes - mean) / scale, (test.codes - mean) / scale
