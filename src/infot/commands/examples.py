"""The user's data in the units of a trained model."""

from pathlib import Path

from infot.data import Examples, read_examples
from infot.model import TrainedModel

__all__ = ["examples_for"]


def examples_for(model: TrainedModel, path: Path) -> Examples:
    """Read all that lies at ``path``, in its order, scaled as the model's training data was.

    Raises:
        DataError: The data cannot be read, or does not fit the model.
    """
    return read_examples(
        path,
        shape=model.data.shape,
        image_size=model.config.data.image_size,
        scaling=model.data.scaling,
        labels=model.config.data.labels,
        feature_names=model.data.feature_names,
    )
