"""Representations of the factors of dSprites whose scores are known."""

import numpy as np

from infot.metrics.disentanglement import Coded, Represent

SIZES = (3, 6, 40, 32, 32)
"""Number of values of shape, scale, orientation, x and y."""


def unit(factors: np.ndarray) -> np.ndarray:
    """Perfect codes: the factors, at mean 0 and variance 1."""
    sizes = np.array(SIZES)
    return (factors - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12)


def rotation(dim: int = 5, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]


def mixture(n_codes: int, seed: int = 0) -> Represent:
    """A random linear mixture of the factors: rotated for five codes, Gaussian weights otherwise."""
    weights = rotation(seed=seed) if n_codes == 5 else np.random.default_rng(seed).normal(size=(5, n_codes))
    return lambda factors: unit(factors) @ weights


def noise(n_codes: int, seed: int = 0) -> Represent:
    """Codes that know nothing."""
    rng = np.random.default_rng(seed)
    return lambda factors: rng.standard_normal((len(factors), n_codes))


def draw(represent: Represent, n: int = 10_000, seed: int = 0) -> Coded:
    return Coded.draw(represent, SIZES, n, np.random.default_rng([1, seed]))
