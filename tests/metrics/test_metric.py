"""The record that every metric returns, and the checks at its front door."""

import json

import numpy as np
import pytest
import torch

from infot.errors import NumericalError, ProblemError
from infot.metrics import Metric, to_json
from infot.metrics.base import as_array, as_indices, chance


def test_json_has_the_keys_of_the_contract_and_survives_a_round_trip() -> None:
    metrics = {"w2": Metric("w2", 0.1, floor=0.003, ceiling=None, better="lower", n=2000)}
    record = json.loads(json.dumps(to_json(metrics), allow_nan=False))
    assert record == {"w2": {"value": 0.1, "floor": 0.003, "ceiling": None, "better": "lower", "n": 2000}}
    assert to_json(metrics.values()) == record


def test_the_aim_is_the_better_end_of_the_scale() -> None:
    assert Metric("nmi", 0.5, 0.0, 1.0, "higher", 10).aim == 1.0
    assert Metric("reverse_kl", 0.5, 0.0014, 2.08, "lower", 10).aim == 0.0014


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_an_error(value: float) -> None:
    with pytest.raises(NumericalError, match="metric w2 is"):
        Metric("w2", value, 0.0, None, "lower", 10)


def test_arrays_and_tensors_give_one_float64_array() -> None:
    tensor = torch.tensor([[1.5, 2.0]], requires_grad=True)
    array = as_array(tensor, "x", ndim=2)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, as_array(np.array([[1.5, 2.0]], dtype=np.float32), "x", ndim=2))


def test_bad_arrays_are_refused_with_what_was_expected() -> None:
    with pytest.raises(ProblemError, match=r"x must have 2 dimensions, got shape \(3,\)"):
        as_array(np.zeros(3), "x", ndim=2)
    with pytest.raises(ProblemError, match="x is empty"):
        as_array(np.zeros((0, 2)), "x", ndim=2)
    with pytest.raises(ProblemError, match="x holds NaN or infinite"):
        as_array(np.array([1.0, np.nan]), "x", ndim=1)
    with pytest.raises(ProblemError, match="codes must hold whole numbers from 0"):
        as_indices(np.array([0.5]), "codes")
    with pytest.raises(ProblemError, match="codes must hold whole numbers from 0"):
        as_indices(np.array([-1, 2]), "codes")


def test_chance_draws_are_the_same_in_every_run_and_differ_among_themselves() -> None:
    first, second = ([rng.random() for rng in chance(3)] for _ in range(2))
    assert first == second
    assert len(set(first)) == 3
