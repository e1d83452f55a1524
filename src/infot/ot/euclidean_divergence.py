"""The debiased divergence between clouds at squared Euclidean cost, in few passes over one matrix.

No cost matrix is kept: exponents are written by one product of lifted points into a buffer that the three terms
share, and the gradient ``2 (a_i x_i - (pi y)_i)`` takes one product of each plan with points before the next term
overwrites it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from infot.errors import ProblemError
from infot.numerics import from_loop, namespace, to_loop
from infot.ot.costs import check_clouds
from infot.ot.failure import Outcome, tell
from infot.ot.solvers.approach import ACCELERATED
from infot.ot.solvers.base import statuses_of
from infot.ot.solvers.cloud_cost import Cloud, CloudCost, SelfCost
from infot.ot.solvers.drive import AveragingDrive, Drive
from infot.ot.solvers.fixed_point import FixedPoint, Stage, approach
from infot.ot.solvers.flat_kernel import CostRows, FlatKernel
from infot.ot.solvers.kernel import Kernel
from infot.ot.status import Status
from infot.ot.weights import checked_weights

__all__ = ["Clouds", "Wishes"]


@dataclass(frozen=True)
class Wishes:
    """How the three terms are solved.

    Args:
        epsilon: Smoothing, in units of cost.
        tolerance: L1 marginal error of each term.
        max_steps: Limit on the steps of each solve.
        on_failure: See :func:`infot.ot.solve`.
    """

    epsilon: float
    tolerance: float
    max_steps: int
    on_failure: str


class Clouds:
    """Two weighted clouds, and their divergence.

    Args:
        x: Points, ``(n, d)`` or ``(B, n, d)``.
        y: Points, ``(m, d)`` or ``(B, m, d)``.
        a: Weights of ``x``, ``(n,)`` or ``(B, n)``, uniform if left out.
        b: Weights of ``y``, likewise.

    Raises:
        ProblemError: if points or weights are no measures in one space.
    """

    def __init__(self, x: Tensor, y: Tensor, a: Tensor | None, b: Tensor | None) -> None:
        check_clouds(x, y)
        self._single = x.ndim == 2
        a = checked_weights(a, "a", x.shape[-2], x)
        b = checked_weights(b, "b", y.shape[-2], y)
        self._given = (x, y, a, b)
        points = [to_loop(_batched(cloud, 3)) for cloud in (x, y)]
        with np.errstate(all="ignore"):  # what is not finite is named below
            centre = points[1].sum(-2)[:, None] * (1 / y.shape[-2])
            self._x, self._y = (Cloud(cloud - centre) for cloud in points)
            self.mean_cost = self._x.mean_cost(self._y)
        self._a, self._b = (_batched(w.detach(), 2).expand(len(points[0]), -1) for w in (a, b))
        if not math.isfinite(self.mean_cost):
            raise ProblemError("expected finite clouds, got NaN or Inf among their points")

    def divergence(self, wishes: Wishes, own: Tensor | None = None) -> Float[Tensor, "*batch"]:
        """Return ``W(x, y) - W(x, x) / 2 - W(y, y) / 2``, once differentiable in points and (centred) weights.

        Args:
            wishes: How the terms are solved.
            own: ``W(y, y)`` where it is known; then nothing flows to ``y`` and its weights.
        """
        wanted = [torch.is_grad_enabled() and given.requires_grad for given in self._given]
        with torch.no_grad():
            terms = _Terms((self._x, self._y), (self._a, self._b), wishes)
            value, gradients = terms.sum(wanted, self.mean_cost, own)
        value = value[0] if self._single else value
        if not any(wanted):
            return value
        result = _Held.apply(*self._given, value, *(self._out(gradient) for gradient in gradients))
        assert isinstance(result, Tensor)
        return result

    def _out(self, gradient: Tensor | None) -> Tensor | None:
        return gradient if gradient is None or not self._single else gradient[0]


def _batched(array: Tensor, ndim: int) -> Tensor:
    return array if array.ndim == ndim else array.unsqueeze(0)


class _Held(torch.autograd.Function):
    """A value whose gradients are known."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor | None) -> Tensor:
        """Return the value, the fifth tensor, and keep the gradients that follow it."""
        ctx.dims = [tensor.ndim for tensor in tensors[:4] if tensor is not None]
        value, *gradients = tensors[4:]
        ctx.save_for_backward(*gradients)
        assert value is not None
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator hides the names
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Return the held gradients, scaled."""
        (grad,) = grads
        scaled = [
            None if held is None else held * grad.view(-1, *[1] * (held.ndim - 1))
            for held in ctx.saved_tensors
        ]
        return (*scaled, *[None] * 5)


@dataclass(frozen=True)
class _Plan:
    """A solved term: ``pi = rows * kernel * columns``, on the arrays of inner loops; its rows are exact."""

    value: Any
    f: Any
    g: Any
    rows: Any
    kernel: Any
    columns: Any

    @classmethod
    def of(cls, stage: Stage, a: Any, b: Any, epsilon: float) -> "_Plan":
        """Make the rows exact, and value the semi-dual before that."""
        last, xp = stage.last, namespace(a)
        value = (a * last.f).sum(-1) + (b * last.g).sum(-1)
        mass = last.row_mass + xp.finfo(a.dtype).tiny
        scaling, loads = (factor[:, 0] for factor in last.factors)
        f = last.f - epsilon * xp.log(mass)
        return cls(value, f, last.g, scaling * (a / mass), stage.kernel.matrix[:, 0], loads)

    def apply(self, v: Any) -> Any:
        """Return ``pi v``."""
        return self.rows[..., None] * (self.kernel @ (self.columns[..., None] * v))

    def apply_transposed(self, u: Any) -> Any:
        """Return ``pi^T u``."""
        return self.columns[..., None] * (self.kernel.mT @ (self.rows[..., None] * u))


class _Terms:
    """The three terms of the divergence, one after the other in one buffer."""

    def __init__(self, clouds: tuple[Cloud, Cloud], weights: tuple[Tensor, Tensor], wishes: Wishes) -> None:
        (self.x, self.y), (self.a, self.b) = clouds, weights
        self.wishes = wishes
        # one flat stretch of memory, viewed in the shape of each term
        size = max(self.a.shape[-1], self.b.shape[-1])
        self._memory = self.a.new_empty(len(self.a) * size**2)

    def sum(
        self, wanted: list[bool], mean_cost: float, own: Tensor | None
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Return the divergence and its gradients where they are wanted, in the order x, y, a, b."""
        a, b = to_loop(self.a), to_loop(self.b)
        value, gradients = self._between((a, b), wanted, mean_cost)
        sides = [(self.x, self.a, 0, 2), (self.y, self.b, 1, 3)]
        if own is not None:
            value = value - 0.5 * to_loop(own.reshape(-1))
            sides = sides[:1]
        for cloud, weights, points_at, weights_at in sides:
            plan = self._itself(cloud, weights)
            value = value - 0.5 * plan.value
            held = to_loop(weights)
            if wanted[points_at]:
                gradients[points_at] -= 2 * (held[..., None] * cloud.points - plan.apply(cloud.points))
            if wanted[weights_at]:
                gradients[weights_at] -= 0.5 * (_centred(plan.f, held) + _centred(plan.g, held))
        return from_loop(value), [None if gradient is None else from_loop(gradient) for gradient in gradients]

    def _between(
        self, weights: tuple[Any, Any], wanted: list[bool], mean_cost: float
    ) -> tuple[Any, list[Any]]:
        """Return value and gradients of the first term."""
        a, b = weights
        factors = ACCELERATED.factors(mean_cost / self.wishes.epsilon)
        settings = self._settings("Sinkhorn", ACCELERATED.drive)
        plan = self._solve(CloudCost(self.x, self.y), (self.a, self.b), settings, factors)
        for_x = for_y = None
        if wanted[0]:
            for_x = 2 * (a[..., None] * self.x.points - plan.apply(self.y.points))
        if wanted[1]:
            moved = plan.apply_transposed(self.x.right[..., :-1, :].mT)
            for_y = 2 * (moved[..., -1:] * self.y.points - moved[..., :-1])
        for_a = _centred(plan.f, a) if wanted[2] else None
        for_b = _centred(plan.g, b) if wanted[3] else None
        return plan.value, [for_x, for_y, for_a, for_b]

    def _itself(self, cloud: Cloud, weights: Tensor) -> _Plan:
        # the potential of a point without weight is as far off as its neighbours: only rows can be anchored there
        costs = SelfCost(cloud) if bool((weights > 0).all()) else CloudCost(cloud, cloud)
        return self._solve(costs, (weights, weights), self._settings("SymmetricSinkhorn", AveragingDrive), [])

    def _settings(self, name: str, drive: Callable[[Kernel, Any], Drive]) -> FixedPoint:
        wishes = self.wishes
        return FixedPoint(drive=drive, tolerance=wishes.tolerance, max_steps=wishes.max_steps, name=name)

    def _solve(
        self, costs: CostRows, weights: tuple[Tensor, Tensor], settings: FixedPoint, factors: list[float]
    ) -> _Plan:
        wishes, (a, b) = self.wishes, weights
        shape = (len(a), a.shape[-1], b.shape[-1])
        buffer = self._memory[: shape[0] * shape[1] * shape[2]].view(shape)

        def kernel_at(factor: float, tolerance: float) -> Kernel:
            return FlatKernel(costs, a, b, epsilon=factor * wishes.epsilon, buffer=buffer)

        stage = approach(kernel_at, to_loop(a), settings, factors=factors, f=None)
        if wishes.on_failure != "return":
            _tell(stage, settings, wishes)
        return _Plan.of(stage, to_loop(a), to_loop(b), wishes.epsilon)


def _tell(stage: Stage, settings: FixedPoint, wishes: Wishes) -> None:
    statuses = statuses_of(from_loop(stage.error), settings.tolerance, stage.otherwise)
    failures = [status for status in statuses if status is not Status.CONVERGED]
    if failures:
        error, n_steps = float(stage.error.max()), int(stage.n_steps.max())
        tell(Outcome(settings.name, error, n_steps, failures[0]), wishes.on_failure, wishes.tolerance)


def _centred(potential: Any, weights: Any) -> Any:
    return potential - (weights * potential).sum(-1)[:, None]
