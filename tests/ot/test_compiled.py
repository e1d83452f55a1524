"""Compiled loops take the steps that numpy takes, and end for the same reasons.

Extrapolation makes a thousandfold of what rounding does every forty steps, whatever takes them, so these are few here.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot
from infot.ot.solvers.compiled import seam
from infot.ot.status import Status

pytest.importorskip("numba")
from infot.ot.solvers.compiled import compiler
from infot.ot.solvers.compiled.elimination import solve
from infot.ot.solvers.compiled.transcendental import exponentials, logarithms

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
CODES = ot.Blocks(code=(4, 6))


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], tuple[Any, Any]]:
    """Run something with compiled loops and without."""

    def run(what: Callable[[], Any]) -> tuple[Any, Any]:
        fast = what()
        with monkeypatch.context() as patch:
            patch.setattr(seam, "_module", lambda name: None)
            return fast, what()

    return run


def problem(
    dtype: torch.dtype, price: float | None, *, zeros: int = 0, epsilon: float = 0.05
) -> ot.OTProblem:
    """Two clouds with weights of which some are zero, plain or with codes at a price."""
    entropic = ot.Entropic(epsilon)
    return ot.OTProblem(
        cost=random_cost(24, 17, 0).to(dtype),
        regulariser=entropic if price is None else ot.Structured(entropic, CODES, epsilon_code=price),
        a=random_weights(24, 1, zeros).to(dtype),
        b=random_weights(17, 2, min(zeros, 2)).to(dtype),
    )


def assert_same(fast: ot.Plan, slow: ot.Plan, atol: float) -> None:
    assert fast.status is slow.status
    assert int(fast.n_steps) == int(slow.n_steps)
    torch.testing.assert_close(fast.matrix(), slow.matrix(), atol=atol, rtol=0)
    torch.testing.assert_close(fast.value, slow.value, atol=10 * atol, rtol=0)
    torch.testing.assert_close(fast.f, slow.f, atol=100 * atol, rtol=0)
    torch.testing.assert_close(fast.g, slow.g, atol=100 * atol, rtol=0)


@DTYPES
@pytest.mark.parametrize("zeros", [0, 3, 7])  # of 24 rows in 4 codes: a code may have no weight at all
@pytest.mark.parametrize("price", [None, 0.05, 0.01])
def test_plans_are_the_same(both: Any, dtype: torch.dtype, zeros: int, price: float | None) -> None:
    given = problem(dtype, price, zeros=zeros)
    fast, slow = both(lambda: ot.solve(given, tolerance=1e-3))
    assert fast.status is Status.CONVERGED
    assert_same(fast, slow, atol=1e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("price", [None, 0.02])
@pytest.mark.parametrize("max_steps", [1, 2, 3, 4, 5, 7])
def test_limits_on_the_steps_are_the_same(both: Any, price: float | None, max_steps: int) -> None:
    given = problem(torch.float64, price)
    fast, slow = both(lambda: ot.solve(given, tolerance=1e-9, max_steps=max_steps, on_failure="return"))
    assert fast.status is Status.MAX_STEPS
    assert_same(fast, slow, atol=1e-12)


@pytest.mark.parametrize("price", [None, 0.02])
def test_what_stalls_stalls(both: Any, price: float | None) -> None:
    """In single precision nothing is known to a relative 1e-9; after how many steps that shows is up to rounding."""
    given = problem(torch.float32, price)
    fast, slow = both(lambda: ot.solve(given, tolerance=1e-9, max_steps=5000, on_failure="return"))
    assert fast.status is slow.status is Status.STALLED
    torch.testing.assert_close(fast.value, slow.value, atol=1e-6, rtol=0)


@pytest.mark.parametrize("price", [None, 0.02])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1e38])
def test_a_start_that_is_no_number_is_told(both: Any, price: float | None, wrong: float) -> None:
    given = problem(torch.float32, price)
    start = torch.zeros(24)
    start[3] = wrong
    fast, slow = both(lambda: ot.solve(given, start=start, tolerance=1e-3, on_failure="return"))
    assert fast.status is slow.status is Status.NON_FINITE


@pytest.mark.parametrize("price", [None, 0.02])
@pytest.mark.parametrize("distance", [0.5, 30.0])
def test_starts_far_from_the_anchor_are_the_same(both: Any, price: float | None, distance: float) -> None:
    """Large steps and small prices leave the anchor behind, which is then moved."""
    given = problem(torch.float64, price, epsilon=0.02 if price is None else 0.05)
    start = distance * torch.randn(24, generator=rng(3), dtype=torch.float64)
    fast, slow = both(lambda: ot.solve(given, start=start, tolerance=1e-3, max_steps=40, on_failure="return"))
    assert_same(fast, slow, atol=1e-7)


@pytest.mark.parametrize("price", [None, 0.02])
@pytest.mark.parametrize("scale", [1e4, 1e9])
def test_potentials_whose_rounding_is_many_nats_end_too(both: Any, price: float | None, scale: float) -> None:
    given = problem(torch.float32, price).derived(cost=scale * random_cost(24, 17, 0).float())
    fast, slow = both(lambda: ot.solve(given, tolerance=1e-3, max_steps=30, on_failure="return"))
    assert fast.status is slow.status


@pytest.mark.parametrize("relative", [0.02, 0.01])
def test_small_prices_in_stages_are_the_same(both: Any, relative: float) -> None:
    given = problem(torch.float64, None, epsilon=relative)
    fast, slow = both(lambda: ot.solve(given, solver=ot.Sinkhorn(), tolerance=1e-3))
    assert_same(fast, slow, atol=1e-8)


@DTYPES
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("epsilon", [2.0, 0.2])
def test_divergences_are_the_same(both: Any, dtype: torch.dtype, weighted: bool, epsilon: float) -> None:
    x, y = (torch.randn(n, 3, generator=rng(n), dtype=dtype) for n in (30, 21))
    a, b = random_weights(30, 1).to(dtype), random_weights(21, 2, zeros=2).to(dtype)

    def divergence() -> list[Tensor]:
        points = [z.clone().requires_grad_() for z in (x, y, *((a, b) if weighted else ()))]
        value = ot.sinkhorn_divergence(*points, epsilon=epsilon, tolerance=1e-3)
        return [value.detach(), *torch.autograd.grad(value, points)]

    fast, slow = both(divergence)
    for one, other in zip(fast, slow, strict=True):
        # slopes of about 3, and what extrapolation makes of rounding within the steps that this takes
        torch.testing.assert_close(one, other, atol=1e-3 if dtype == torch.float32 else 1e-9, rtol=0)


def test_an_item_alone_is_as_it_is_in_a_batch() -> None:
    """Batches go without compiled loops."""
    costs = torch.stack([random_cost(24, 17, seed) for seed in (0, 1)])
    structured = ot.Structured(ot.Entropic(0.1), CODES, epsilon_code=0.02)
    together = ot.solve(ot.OTProblem(cost=costs, regulariser=structured), tolerance=1e-6)
    for k in range(2):
        alone = ot.solve(ot.OTProblem(cost=costs[k], regulariser=structured), tolerance=1e-6)
        torch.testing.assert_close(alone.value, together.value[k], atol=1e-7, rtol=0)


def test_batches_and_other_types_are_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seam.compiled_for(np.zeros((2, 3)), "flat") is None
    assert seam.compiled_for(np.zeros((1, 3), np.float16), "flat") is None
    assert seam.compiled_for(torch.zeros(1, 3), "flat") is None
    assert seam.compiled_for(np.zeros((1, 3)), "flat") is not None


def test_without_numba_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    seam._module.cache_clear()
    assert seam.compiled_for(np.zeros((1, 3)), "flat") is None
    seam._module.cache_clear()


def test_where_nothing_can_be_written_functions_are_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = compiler.numba.njit

    def without_a_place(cache: bool = False, **settings: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**settings)

    monkeypatch.setattr(compiler.numba, "njit", without_a_place)
    assert compiler.compiled(lambda x: x + 1)(1) == 2


def test_exponentials_and_logarithms_are_those_of_numpy() -> None:
    x = np.linspace(-87, 88, 20001, dtype=np.float32)
    truth, found = np.exp(x.astype(np.float64)), x.copy()
    exponentials(found)
    np.testing.assert_allclose(found, truth, rtol=2e-7)
    of_these, logs = truth.astype(np.float32), np.empty_like(x)
    logarithms(of_these, logs)
    np.testing.assert_allclose(logs, np.log(of_these.astype(np.float64)), rtol=2e-7, atol=1e-7)


def test_what_is_no_number_stays_none() -> None:
    odd = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    logs = np.empty(2, np.float32)
    logarithms(odd[:2], logs)
    assert np.isnan(logs[0]) and logs[1] == np.inf
    exponentials(odd)
    assert np.isnan(odd[0]) and odd[1] == np.inf and 0 < odd[2] < 1.3e-38 and odd[3] == 1


def test_small_systems_are_solved_and_singular_ones_give_no_numbers() -> None:
    matrix = torch.randn(7, 7, generator=rng(0), dtype=torch.float64).numpy()
    right = torch.randn(7, generator=rng(1), dtype=torch.float64).numpy()
    found = right.copy()
    solve(matrix.copy(), found)
    np.testing.assert_allclose(matrix @ found, right, atol=1e-12)
    solve(np.ones((2, 2)), found[:2])
    assert not np.isfinite(found[:2]).all()


def test_what_is_kept_on_disk_is_of_all_sources_as_they_stand(tmp_path: Path) -> None:
    """A function holds the code of those that it calls, from other files."""
    (tmp_path / "one.py").write_text("a = 1")
    before = compiler.digest(tmp_path)
    (tmp_path / "two.py").write_text("b = 2")
    both = compiler.digest(tmp_path)
    (tmp_path / "two.py").write_text("b = 3")
    assert len({before, both, compiler.digest(tmp_path)}) == 3
    assert compiler.digest(Path(compiler.__file__).parent) in solve.py_func.__qualname__
