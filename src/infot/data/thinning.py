"""Data in which classes are rarer than they were."""

from collections.abc import Sequence

import torch
from torch import Tensor

from infot.data.base import Dataset, DatasetInfo
from infot.errors import ProblemError

__all__ = ["thinned"]


def thinned(dataset: Dataset, info: DatasetInfo, *, kept: Sequence[float], rng: torch.Generator) -> Dataset:
    """Return what ``info`` describes: of each class of ``dataset`` a share, in both parts and in the order they had.

    Args:
        dataset: Labelled data whose training part is a tensor.
        info: What the thinned data are called.
        kept: Share of each class that stays, in (0, 1]; of n examples round(share * n) stay.
        rng: Chooses them.

    Raises:
        ProblemError: If the data have no labels or are rendered as they are asked for, or a share is none.
    """
    train, labels, test_labels = dataset.train, dataset.train_labels, dataset.test_labels
    if not isinstance(train, Tensor) or labels is None or test_labels is None:
        raise ProblemError(f"expected labelled tensors to thin, got {dataset.name}")
    if not all(0 < share <= 1 for share in kept):
        raise ProblemError(f"expected shares in (0, 1], got {tuple(kept)}")
    rows, test_rows = _stay(labels, kept, rng), _stay(test_labels, kept, rng)
    return Dataset(
        info.name,
        info.kind,
        train[rows],
        dataset.test[test_rows],
        labels[rows],
        test_labels[test_rows],
        info,
    )


def _stay(labels: Tensor, kept: Sequence[float], rng: torch.Generator) -> Tensor:
    chosen = []
    for label, share in enumerate(kept):
        rows = (labels == label).nonzero().squeeze(1)
        chosen.append(rows[torch.randperm(len(rows), generator=rng)[: round(share * len(rows))]])
    return torch.cat(chosen).sort().values
