"""The user's own data as an array in memory."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from infot.data.arrays import raw_from_arrays
from infot.data.base import Dataset, DatasetInfo, Scaling
from infot.data.checks import check_raw
from infot.data.files import check_float32, scaled
from infot.data.raw import Array, RawData
from infot.errors import DataError

__all__ = ["ARRAY", "array_dataset", "array_examples"]

ARRAY = "array"
"""Name of data sets that were never in a file."""
_X = Path("X")  # what messages call the array


def array_dataset(points: Array, *, standardise: bool = True, feature_names: tuple[str, ...] = ()) -> Dataset:
    """Make a data set of an array: all of it is trained on, nothing held out.

    Args:
        points: Vectors (n, d), or images (n, h, w) or (n, channels, h, w) with 1 or 3 channels: floats in [0, 1] or
            unsigned integers.
        standardise: Bring the columns of vectors to mean 0 and variance 1.
        feature_names: Names of the columns of vectors.

    Raises:
        DataError: The array cannot be trained on.

    Example:
        >>> array_dataset(np.array([[1.0, 5.0], [3.0, 5.0]])).train
        tensor([[-1.,  0.],
                [ 1.,  0.]])
    """
    raw = _raw(points)
    check_raw(_X, raw, at_least=2)
    standardised = torch.arange(len(points)) if standardise else None
    tensor, scaling = scaled(_X, raw, standardised)
    info = DatasetInfo(
        name=ARRAY,
        kind=raw.kind,
        description=f"An array of {raw.kind}.",
        size=f"{len(tensor):,} {raw.kind} of {'x'.join(map(str, tensor.shape[1:]))}",
        source="memory",
        licence="the user's own data",
    )
    return Dataset(
        ARRAY,
        raw.kind,
        tensor,
        tensor[:0],
        None,
        None,
        info=info,
        feature_names=feature_names,
        scaling=scaling,
    )


def array_examples(points: Array, *, scaling: Scaling | None = None) -> Tensor:
    """Bring an array of new data to the units of a trained model; float32 (n, \\*shape).

    Args:
        points: As for :func:`array_dataset`.
        scaling: Scaling that the training data went through.

    Raises:
        DataError: The array holds no finite examples of either kind.
    """
    raw = _raw(points)
    check_raw(_X, raw, at_least=1)
    tensor = torch.from_numpy(raw.points)
    tensor = tensor.float() if scaling is None else scaling.apply(tensor)
    check_float32(_X, tensor)
    return tensor


def _raw(points: Array) -> RawData:
    raw = raw_from_arrays(_X, np.asarray(points))
    if raw.kind == "images" and raw.points.shape[1:] not in (points.shape[1:], (1, *points.shape[1:])):
        raise DataError(
            f"X: expected images (n, h, w) or (n, channels, h, w) with 1 or 3 channels; got shape {points.shape}. "
            "Move the channels to the second axis."
        )
    return raw
