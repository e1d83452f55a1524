"""The peers of `ot_speed.py`: value and gradient of a debiased divergence by other libraries, at equal marginal error.

Whatever has no L1 stopping test is given the number of iterations, found beforehand. Where a library's own gradient
is slower than a hand-made one from its plan, the hand-made one is timed: these are the strongest peers to be had.
"""

from collections.abc import Callable
from typing import Any

import geomloss
import numpy as np
import ot as pot
import ot.batch as pot_batch
import regot
import torch

from infot import ot

__all__ = ["STEPS_LIMIT", "Runs", "batch_peers", "plain_steps", "single_peers"]

STEPS_LIMIT = 20000
HELD = 5e9  # bytes of matrices, one an iteration, that a solver under autograd may hold; it holds several times that
Runs = dict[str, Callable[[], object]]
SPLR: Callable[..., Any] = regot.sinkhorn_splr  # pyright: ignore[reportAttributeAccessIssue]


def plain_steps(x: torch.Tensor, y: torch.Tensor, epsilon: float, tolerance: float) -> int:
    """Iterations of plain alternating Sinkhorn from zero to the tolerance, in float64."""
    cost = ot.squared_euclidean(x.double(), y.double()).numpy()
    kernel = np.exp(-(cost - cost.min()) / epsilon)
    u = np.ones(len(x))
    for step in range(1, STEPS_LIMIT):
        v = 1 / np.maximum(kernel.T @ u / len(x), 1e-300)
        rows = u * (kernel @ v) / len(y)
        if np.abs(rows - 1).mean() <= tolerance:
            return step
        u = u / np.maximum(rows, 1e-300)
    return STEPS_LIMIT


def _pot_numpy_term(x: np.ndarray, y: np.ndarray, epsilon: float, steps: int) -> np.ndarray:
    """POT's algorithm in numpy's kernel domain, with the envelope gradient made by hand."""
    a, b = np.full(len(x), 1 / len(x), np.float32), np.full(len(y), 1 / len(y), np.float32)
    cost = pot.dist(x, y)
    plan = np.asarray(
        pot.bregman.sinkhorn_knopp(a, b, cost, epsilon, numItermax=steps, stopThr=0, warn=False)
    )
    float((plan * cost).sum())
    return 2 * (x * plan.sum(1, keepdims=True) - plan @ y)


def _pot_numpy(x: np.ndarray, y: np.ndarray, epsilon: float, steps: tuple[int, int]) -> np.ndarray:
    cross, itself = _pot_numpy_term(x, y, epsilon, steps[0]), _pot_numpy_term(x, x, epsilon, steps[1])
    _pot_numpy_term(y, y, epsilon, steps[1])
    return cross - itself


def _pot_torch(x: torch.Tensor, y: torch.Tensor, epsilon: float, steps: tuple[int, int]) -> torch.Tensor:
    """POT in torch, log domain, its own envelope gradient."""
    x = x.clone().requires_grad_()

    def term(left: torch.Tensor, right: torch.Tensor, n: int) -> torch.Tensor:
        cost = pot.dist(left, right)
        return pot.solve(cost, reg=epsilon, max_iter=n, tol=0, grad="envelope").value

    loss = term(x, y, steps[0]) - term(x, x, steps[1]) / 2 - term(y, y, steps[1]) / 2
    loss.backward()
    assert x.grad is not None
    return x.grad


def _regot(
    solver: Callable[..., Any], x: np.ndarray, y: np.ndarray, epsilon: float, tolerance: float
) -> np.ndarray:
    """RegOT, dense float64; its tolerance is on the L2 norm, which bounds L1 by the root of the size."""

    def term(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        n, m = len(left), len(right)
        cost = np.asfortranarray(pot.dist(left, right), dtype=np.float64)
        a, b = np.full(n, 1 / n), np.full(m, 1 / m)
        result = solver(cost, a, b, epsilon, tol=tolerance / max(n, m) ** 0.5, max_iter=STEPS_LIMIT)
        plan = result.plan
        float((plan * cost).sum())
        return 2 * (left * plan.sum(1, keepdims=True) - plan @ right)

    cross, itself = term(x, y), term(x, x)
    term(y, y)
    return cross - itself


def _geomloss(x: torch.Tensor, y: torch.Tensor, epsilon: float, scaling: float) -> torch.Tensor:
    """GeomLoss's divergence and gradient; its cost is half the square."""
    x = x.clone().requires_grad_()
    loss = geomloss.SamplesLoss(
        "sinkhorn", p=2, blur=(epsilon / 2) ** 0.5, scaling=scaling, backend="tensorized"
    )
    loss(x, y).sum().backward()
    assert x.grad is not None
    return 2 * x.grad


def geomloss_scaling(x: torch.Tensor, y: torch.Tensor, epsilon: float, tolerance: float) -> float | None:
    """The coarsest schedule of GeomLoss whose cross term meets the tolerance."""
    x, y = x.double(), y.double()
    cost = ot.squared_euclidean(x, y).numpy()
    for scaling in (0.5, 0.7, 0.9, 0.95, 0.99):
        loss = geomloss.SamplesLoss(
            "sinkhorn",
            p=2,
            blur=(epsilon / 2) ** 0.5,
            scaling=scaling,
            debias=False,
            potentials=True,
            backend="tensorized",
        )
        f, g = (2 * part.numpy().ravel() for part in loss(x, y))
        plan = np.exp((f[:, None] + g[None, :] - cost) / epsilon) / cost.size
        rows, columns = plan.sum(1) - 1 / len(x), plan.sum(0) - 1 / len(y)
        if max(np.abs(rows).sum(), np.abs(columns).sum()) <= tolerance:
            return scaling
    return None


def _reaches(run: Callable[[], object], truth: torch.Tensor, tolerance: float) -> bool:
    """Whether a peer's gradient is that of the divergence, up to what its marginal error allows.

    POT's kernel underflows in float32 at small epsilon; it then breaks off early, with a warning and another gradient.
    """
    gradient = torch.as_tensor(run()).reshape(truth.shape)
    return bool((gradient - truth).norm() <= 100 * tolerance * truth.norm())


def single_peers(
    x: torch.Tensor, y: torch.Tensor, epsilon: float, tolerance: float, steps: tuple[int, int]
) -> Runs:
    """The peers on one pair of clouds, but for those that would take minutes or miss the gradient."""
    xn, yn, n = x.numpy(), y.numpy(), len(x)
    runs: Runs = {"pot_numpy": lambda: _pot_numpy(xn, yn, epsilon, steps)}
    if steps[0] * n <= 300_000:
        runs["pot_torch"] = lambda: _pot_torch(x, y, epsilon, steps)
    if n <= 1024:
        runs["regot_splr"] = lambda: _regot(SPLR, xn, yn, epsilon, tolerance)
    scaling = geomloss_scaling(x, y, epsilon, tolerance) if n <= 512 else None
    if scaling is not None:
        runs["geomloss"] = lambda: _geomloss(x, y, epsilon, scaling)
    truth = _truth(x, y, epsilon, tolerance)
    return {name: run for name, run in runs.items() if _reaches(run, truth, tolerance)}


def _truth(x: torch.Tensor, y: torch.Tensor, epsilon: float, tolerance: float) -> torch.Tensor:
    """Gradient of the divergence in float64, at a tenth of the error."""
    x = x.double().requires_grad_()
    value = ot.sinkhorn_divergence(
        x, y.double(), epsilon=epsilon, tolerance=tolerance / 10, max_steps=STEPS_LIMIT
    )
    (gradient,) = torch.autograd.grad(value.sum(), x)
    return gradient


def _pot_batch_kernel(
    x: torch.Tensor, y: torch.Tensor, epsilon: float, steps: tuple[int, int]
) -> torch.Tensor:
    """POT's batch solver in the kernel domain, without autograd, with the gradient made by hand."""

    def term(left: torch.Tensor, right: torch.Tensor, n: int) -> torch.Tensor:
        cost = pot_batch.dist_batch(left, right, metric="sqeuclidean")
        result: Any = pot_batch.solve_batch(
            cost, epsilon, method="sinkhorn", max_iter=n, tol=0, grad="detach"
        )
        return 2 * (left * result.plan.sum(-1, keepdim=True) - result.plan @ right)

    with torch.no_grad():
        cross, itself = term(x, y, steps[0]), term(x, x, steps[1])
        term(y, y, steps[1])
        return cross - itself


def _pot_batch_log(x: torch.Tensor, y: torch.Tensor, epsilon: float, steps: tuple[int, int]) -> torch.Tensor:
    """POT's batch solver as documented: log domain, envelope gradient."""
    x = x.clone().requires_grad_()

    def term(left: torch.Tensor, right: torch.Tensor, n: int) -> torch.Tensor:
        cost = pot_batch.dist_batch(left, right, metric="sqeuclidean")
        result: Any = pot_batch.solve_batch(cost, epsilon, max_iter=n, tol=0, grad="envelope")
        return result.value

    loss = term(x, y, steps[0]) - term(x, x, steps[1]) / 2 - term(y, y, steps[1]) / 2
    loss.sum().backward()
    assert x.grad is not None
    return x.grad


def batch_peers(
    x: torch.Tensor, y: torch.Tensor, epsilon: float, tolerance: float, steps: tuple[int, int]
) -> Runs:
    """The peers on a batch of clouds, likewise, and but for those that would not fit into memory."""
    runs: Runs = {"pot_batch_kernel": lambda: _pot_batch_kernel(x, y, epsilon, steps)}
    matrices = x.element_size() * x.shape[0] * x.shape[1] * y.shape[1]
    if (steps[0] + 2 * steps[1]) * matrices <= HELD:
        runs["pot_batch_log"] = lambda: _pot_batch_log(x, y, epsilon, steps)
    scaling = geomloss_scaling(x[0], y[0], epsilon, tolerance)
    if scaling is not None:
        runs["geomloss"] = lambda: _geomloss(x, y, epsilon, scaling)
    truth = _truth(x, y, epsilon, tolerance)
    return {name: run for name, run in runs.items() if _reaches(run, truth, tolerance)}
