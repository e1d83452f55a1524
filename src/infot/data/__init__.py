"""Data sets by name, the user's own data by path, and the batches made of them."""

from infot.data.base import Dataset, DatasetInfo, GaussianMixture, Points, Scaling
from infot.data.catalogue import catalogue, describe, load
from infot.data.factors import FactorImages, FactorSpace
from infot.data.files import Examples, read_examples
from infot.data.gaussians import gaussian_mixture
from infot.data.loaders import BatchSampler
from infot.data.memory import ARRAY, array_dataset, array_examples

__all__ = [
    "ARRAY",
    "BatchSampler",
    "Dataset",
    "DatasetInfo",
    "Examples",
    "FactorImages",
    "FactorSpace",
    "GaussianMixture",
    "Points",
    "Scaling",
    "array_dataset",
    "array_examples",
    "catalogue",
    "describe",
    "gaussian_mixture",
    "load",
    "read_examples",
]
