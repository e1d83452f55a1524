"""From a configuration to data."""

from infot import data
from infot.config import RunConfig
from infot.data import Dataset

__all__ = ["build_dataset"]


def build_dataset(config: RunConfig) -> Dataset:
    """Load the data of a run."""
    wanted = config.data
    return data.load(
        wanted.name,
        path=wanted.path,
        seed=wanted.seed,
        image_size=wanted.image_size,
        standardise=wanted.standardise,
        labels=wanted.labels,
    )
