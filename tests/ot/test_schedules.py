"""Schedules hit their ends and keep still outside their window."""

import pytest

from infot import ot
from infot.errors import ProblemError


def test_linear_window() -> None:
    schedule = ot.Linear(1.0, 3.0, begin=0.25, finish=0.75)
    assert [schedule(p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)] == [1.0, 1.0, 2.0, 3.0, 3.0]


def test_geometric_window() -> None:
    schedule = ot.Geometric(1.0, 1e-4, finish=0.5)
    assert schedule(0.0) == 1.0
    assert schedule(0.25) == pytest.approx(1e-2)
    assert schedule(0.9) == pytest.approx(1e-4)


def test_constant() -> None:
    assert ot.Constant(2.0)(0.3) == 2.0


def test_a_window_of_no_length_is_a_jump() -> None:
    schedule = ot.Linear(0.0, 1.0, begin=0.5, finish=0.5)
    assert (schedule(0.4), schedule(0.5)) == (0.0, 1.0)


def test_geometric_refuses_ends_that_are_not_positive() -> None:
    with pytest.raises(ProblemError, match="use Linear"):
        ot.Geometric(1.0, 0.0)
