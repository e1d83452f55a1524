"""What a model must know of the data it was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from infot.data import Dataset, Scaling

__all__ = ["DataShape"]


@dataclass(frozen=True, eq=False)
class DataShape:
    """What a model must know of the data it was trained on.

    Attributes:
        kind: ``"vectors"`` or ``"images"``.
        shape: Shape of a data point.
        feature_names: Columns of a table; empty otherwise.
        scaling: How the columns of a table were scaled, or None.
    """

    kind: str
    shape: tuple[int, ...]
    feature_names: tuple[str, ...] = ()
    scaling: Scaling | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> "DataShape":
        """Return what ``dataset`` looks like."""
        return cls(dataset.kind, dataset.shape, dataset.feature_names, dataset.scaling)

    @classmethod
    def from_plain(cls, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "DataShape":
        """Return what :meth:`plain` and the tensors ``mean`` and ``std`` of the scaling, if any, tell.

        Raises:
            KeyError: If a fact is missing.
            TypeError: If a fact is of the wrong kind.
        """
        return cls(
            kind=str(facts["kind"]),
            shape=tuple(int(side) for side in facts["shape"]),
            feature_names=tuple(str(name) for name in facts["feature_names"]),
            scaling=Scaling(tensors["mean"], tensors["std"]) if tensors else None,
        )

    def plain(self) -> dict[str, Any]:
        """Return kind, shape and names in plain values."""
        return {"kind": self.kind, "shape": self.shape, "feature_names": self.feature_names}
