"""Data sets by name, the user's own data by path, and the batches made of them."""

from infot.data.base import Dataset, DatasetInfo, GaussianMixture, Points, Scaling
from infot.data.catalogue import catalogue, describe, load
from infot.data.factors import FactorImages, FactorSpace
from infot.data.files import Examples, read_examples
from infot.data.gaussians import gaussian_mixture
from infot.data.loaders import BatchSampler

__all__ = [
    "BatchSampler",
    "Dataset",
    "DatasetInfo",
    "Examples",
    "FactorImages",
    "FactorSpace",
    "GaussianMixture",
    "Points",
    "Scaling",
    "catalogue",
    "describe",
    "gaussian_mixture",
    "load",
    "read_examples",
]
