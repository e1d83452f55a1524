"""The reconstruction error: none for a copy, that of the mean as worst, and shapes that must agree."""

import numpy as np
import pytest
import torch

from infot.errors import ProblemError
from infot.metrics import reconstruction_metric

DATA = np.random.default_rng(0).random((50, 6))


def test_a_copy_has_no_error() -> None:
    metric = reconstruction_metric(DATA, DATA)
    assert (metric.value, metric.floor, metric.better, metric.n) == (0.0, 0.0, "lower", 50)


def test_the_mean_datum_is_the_ceiling() -> None:
    metric = reconstruction_metric(DATA, np.tile(DATA.mean(axis=0), (50, 1)))
    assert metric.value == pytest.approx(metric.ceiling)


def test_a_shift_has_its_square_as_error() -> None:
    assert reconstruction_metric(torch.from_numpy(DATA), DATA + 0.5).value == pytest.approx(0.25)


def test_shapes_must_agree() -> None:
    with pytest.raises(ProblemError, match=r"must have the shape of the data, \(50, 6\), got \(49, 6\)"):
        reconstruction_metric(DATA, DATA[1:])
