"""What a reader hands on: examples in the user's units, before any split or scaling."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from infot.data.base import Kind

__all__ = ["Array", "RawData"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class RawData:
    """Hold examples as they were read.

    Attributes:
        points: Images (n, channels, height, width), float32 in [0, 1], or vectors (n, d), float64.
        kind: ``"images"`` or ``"vectors"``.
        labels: Label of each example, integers or text, shape (n,), or ``None``.
        names: Name of each example: a file name, or its number counted from 0.
        n_test: How many examples at the end the source itself holds out; 0 where it says nothing.
        feature_names: Column names of a table; empty where there are none.
    """

    points: Array
    kind: Kind
    labels: Array | None
    names: tuple[str, ...]
    n_test: int = 0
    feature_names: tuple[str, ...] = ()
