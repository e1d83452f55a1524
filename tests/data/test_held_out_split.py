"""The held-out part is disjoint, of the right size, stratified, and fixed by the generator."""

import numpy as np
import pytest
import torch

from infot.data.split import held_out_split


def split(n: int, labels: np.ndarray | None = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return held_out_split(n, labels, share=0.2, rng=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n", "held"), [(2, 1), (3, 1), (10, 2), (101, 20)])
def test_parts_are_disjoint_and_complete(n: int, held: int) -> None:
    train, test = split(n)
    assert len(test) == held
    assert sorted([*train, *test]) == list(range(n))


def test_each_class_is_held_out_by_a_fifth() -> None:
    labels = np.repeat([0, 1, 2], [50, 20, 5])
    train, test = split(75, labels)
    assert np.bincount(labels[test]).tolist() == [10, 4, 1]
    assert np.bincount(labels[train]).tolist() == [40, 16, 4]


def test_classes_of_one_example_still_leave_something_held_out() -> None:
    train, test = split(4, np.arange(4))
    assert len(test) == 1 and len(train) == 3


def test_parts_are_shuffled_and_fixed_by_the_seed() -> None:
    labels = np.repeat([0, 1], 100)
    train, test = split(200, labels)
    assert len(set(labels[train[:40]])) == 2 and len(set(labels[test[:20]])) == 2
    again, other = split(200, labels), split(200, labels, seed=1)
    assert np.array_equal(train, again[0]) and np.array_equal(test, again[1])
    assert not np.array_equal(test, other[1])
