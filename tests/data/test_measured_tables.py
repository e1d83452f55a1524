"""Tables of measurements: split class by class, standardised by what is trained on, and nothing lost on the way."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from infot.data import describe, load

TABLES = [("wine", load_wine), ("breast-cancer", load_breast_cancer), ("iris", load_iris)]


@pytest.mark.parametrize(("name", "reader"), TABLES)
def test_the_two_parts_are_the_whole_table_standardised(name: str, reader: Callable[[], Any]) -> None:
    dataset, table = load(name), reader()
    assert dataset.feature_names == tuple(table.feature_names)
    assert dataset.scaling is not None
    assert torch.allclose(dataset.training_sample().mean(0), torch.zeros(dataset.dim), atol=1e-5)
    assert torch.allclose(dataset.training_sample().var(0, correction=0), torch.ones(dataset.dim), atol=1e-5)
    rows = dataset.scaling.undo(torch.cat([dataset.training_sample(), dataset.test])).numpy()
    assert dataset.train_labels is not None and dataset.test_labels is not None
    labels = torch.cat([dataset.train_labels, dataset.test_labels]).numpy()
    found, meant = np.column_stack([rows, labels]), np.column_stack([table.data, table.target])
    order, wanted = np.lexsort(found.round(2).T[::-1]), np.lexsort(meant.round(2).T[::-1])
    np.testing.assert_allclose(found[order], meant[wanted], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(("name", "reader"), TABLES)
def test_the_entry_tells_the_sizes(name: str, reader: Callable[[], Any]) -> None:
    dataset, info = load(name), describe(name)
    train, held = f"{len(dataset.train)} training", f"{len(dataset.test)} held-out"
    assert train in info.size and held in info.size and f"{dataset.dim} columns" in info.size
    assert info.class_names and len(info.class_names) == len(reader().target_names)


def test_each_class_is_held_out_in_its_share_and_the_seed_chooses_which_rows() -> None:
    first, again, other = load("iris"), load("iris"), load("iris", seed=1)
    assert first.test_labels is not None
    assert torch.equal(torch.bincount(first.test_labels), torch.tensor([10, 10, 10]))
    assert torch.equal(first.test, again.test)
    assert not torch.equal(first.test, other.test)
