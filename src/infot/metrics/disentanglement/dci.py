"""Disentanglement, completeness and informativeness, from the importance of each code for each factor."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor

from infot.errors import ProblemError
from infot.metrics.base import Array, as_array
from infot.metrics.disentanglement.coded import Coded

__all__ = [
    "DCI",
    "FOREST",
    "Boosting",
    "Forest",
    "Predictor",
    "RegressionForest",
    "completeness",
    "dci",
    "disentanglement",
]


class Predictor(ABC):
    """What reads a factor off the codes and tells which of them it used."""

    @abstractmethod
    def read(self, train: Coded, test: Coded, factor: int, seed: int) -> tuple[np.ndarray, float]:
        """Return the importance of each code dimension, (D,), non-negative, and how well the factor is read.

        Args:
            train: Data to learn from.
            test: Data to score on.
            factor: Which factor.
            seed: Seed of the learner.
        """


@dataclass(frozen=True)
class Boosting(Predictor):
    """Gradient boosting with scikit-learn's defaults, as in disentanglement_lib: the reference, and slow.

    It grows a tree for each value of a factor and each round: minutes for factors of 32 values at 10,000 data.

    Attributes:
        rounds: Trees for each value.
    """

    rounds: int = 100

    def read(self, train: Coded, test: Coded, factor: int, seed: int) -> tuple[np.ndarray, float]:
        """Fit; see :meth:`Predictor.read`. The score is the accuracy."""
        model = GradientBoostingClassifier(n_estimators=self.rounds, random_state=seed)
        model.fit(train.codes, train.factors[:, factor])
        return np.asarray(model.feature_importances_), float(model.score(test.codes, test.factors[:, factor]))


@dataclass(frozen=True)
class Forest(Predictor):
    """A forest of shallow trees that look at all codes in each split, as boosting does.

    Attributes:
        trees: Trees for each factor.
        depth: Splits from root to leaf, at most.
    """

    trees: int = 10
    depth: int = 8

    def read(self, train: Coded, test: Coded, factor: int, seed: int) -> tuple[np.ndarray, float]:
        """Fit; see :meth:`Predictor.read`. The score is the accuracy."""
        model = RandomForestClassifier(
            self.trees,
            max_features=1.0,  # pyright: ignore[reportArgumentType]
            max_depth=self.depth,
            random_state=seed,
        )
        model.fit(train.codes, train.factors[:, factor])
        return np.asarray(model.feature_importances_), float(model.score(test.codes, test.factors[:, factor]))


FOREST = Forest()
"""Ten trees of depth eight."""


@dataclass(frozen=True)
class RegressionForest(Predictor):
    """A regression forest for each factor, whose depth is given: the settings of IB-GAN and InfoGAN-CR.

    Attributes:
        depths: Depth of the trees for each factor; those for dSprites by default.
        trees: Trees for each factor.
    """

    depths: tuple[int, ...] = (4, 2, 4, 2, 2)
    trees: int = 100

    def read(self, train: Coded, test: Coded, factor: int, seed: int) -> tuple[np.ndarray, float]:
        """Fit; see :meth:`Predictor.read`. The score is R², at least 0.

        Raises:
            ProblemError: If there are not as many factors as depths.
        """
        if train.n_factors != len(self.depths):
            raise ProblemError(
                f"expected a depth for each of {train.n_factors} factors, got {len(self.depths)}: {self.depths}"
            )
        model = RandomForestRegressor(self.trees, max_depth=self.depths[factor], random_state=seed)
        model.fit(train.codes, train.factors[:, factor].astype(float))
        score = model.score(test.codes, test.factors[:, factor].astype(float))
        return np.asarray(model.feature_importances_), max(float(score), 0.0)


@dataclass(frozen=True, eq=False)
class DCI:
    """The three scores and what they come from.

    Attributes:
        disentanglement: Whether each code dimension serves one factor; see :func:`disentanglement`.
        completeness: Whether each factor is served by one code dimension; see :func:`completeness`.
        informativeness: Mean over factors of how well they are read on data not learnt from: accuracy, or R².
        importance: Importance of each code dimension (rows) for each factor (columns), (D, K).
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: Float[np.ndarray, "D K"]


def dci(train: Coded, test: Coded, rng: np.random.Generator, *, predictor: Predictor = FOREST) -> DCI:
    """Return disentanglement, completeness and informativeness.

    Args:
        train: Data from which each factor's predictor is learnt.
        test: Data on which it is scored.
        rng: Source of randomness.
        predictor: What reads factors; values of different predictors do not compare.

    Reference:
        Eastwood and Williams, A Framework for the Quantitative Evaluation of Disentangled Representations, ICLR 2018;
        with boosted trees as in Locatello et al., arXiv 1811.12359.
    """
    seeds = rng.integers(2**31, size=train.n_factors)
    readings = [predictor.read(train, test, k, int(seed)) for k, seed in enumerate(seeds)]
    importance = np.stack([weights for weights, _ in readings], axis=1)
    score = float(np.mean([score for _, score in readings]))
    return DCI(disentanglement(importance), completeness(importance), score, importance)


def disentanglement(importance: Float[Array, "D K"]) -> float:
    """Return Σ_d ρ_d (1 − H(P_d) / log K), P_d row d as shares and ρ_d its share of all importance.

    1 where every code dimension of importance serves a single factor; 0 where each serves all alike, or none does.

    Example:
        >>> disentanglement(np.array([[1.0, 0.0], [0.5, 0.5]]))
        0.5
    """
    r = _importance(importance)
    total = r.sum()
    return float((_concentration(r) * r.sum(axis=1)).sum() / total) if total > 0 else 0.0


def completeness(importance: Float[Array, "D K"]) -> float:
    """Return Σ_k ρ_k (1 − H(Q_k) / log D), Q_k column k as shares and ρ_k its share of all importance.

    1 where every factor is served by a single code dimension.
    """
    return disentanglement(_importance(importance).T)


def _importance(importance: Array) -> np.ndarray:
    r = as_array(importance, "importance", ndim=2)
    if r.min() < 0:
        raise ProblemError(f"importances must not be negative, got {r.min()}; give their absolute values")
    return r


def _concentration(rows: np.ndarray) -> np.ndarray:
    """Return 1 − H / log m of each row of m entries; 1 where there is but one entry, 0 for a row of zeros."""
    total = rows.sum(axis=1)
    shares = rows / np.where(total > 0, total, 1.0)[:, None]
    m = rows.shape[1]
    entropy = -xlogy(shares, shares).sum(axis=1) / np.log(m) if m > 1 else np.zeros(len(rows))
    return np.where(total > 0, 1 - entropy, 0.0)
