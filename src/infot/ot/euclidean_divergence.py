"""The debiased divergence between clouds at squared Euclidean cost, in few passes over one matrix.

No cost matrix is kept: exponents are written by one product of lifted points into a buffer that the three terms
share, and the gradient ``2 (a_i x_i - (pi y)_i)`` takes one product of each plan with points before the next term
overwrites it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import empty_loop, from_loop, inner, namespace, to_loop
from infot.ot.costs import check_clouds
from infot.ot.failure import Outcome, check_wishes, tell
from infot.ot.once import differentiable_once
from infot.ot.solvers.approach import ACCELERATED
from infot.ot.solvers.averages import Averaged, SelfKernel, average
from infot.ot.solvers.base import statuses_of
from infot.ot.solvers.cloud_cost import Cloud, CloudCost, SelfCost
from infot.ot.solvers.drive import AveragingDrive
from infot.ot.solvers.fixed_point import FixedPoint, approach
from infot.ot.solvers.flat_kernel import CostRows, FlatKernel
from infot.ot.solvers.kernel import Kernel, Stage
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
        of_x, of_y = self._in(x, len(x)), self._in(y, len(y))
        a, self._a = self._weights(a, "a", x, of_x)
        b, self._b = self._weights(b, "b", y, of_y)
        self._given = (x, y, a, b)
        with np.errstate(all="ignore"):  # what is not finite is named below
            centre = self._b[:, None] @ of_y
            self._x, self._y = Cloud(of_x, self._a, centre), Cloud(of_y, self._b, centre)
            self.mean_cost = self._x.mean_cost(self._y)
        if not math.isfinite(self.mean_cost):
            raise ProblemError("expected finite clouds, got NaN or Inf among their points")

    def divergence(self, wishes: Wishes, own: Tensor | None = None) -> Float[Tensor, "*batch"]:
        """Return ``W(x, y) - W(x, x) / 2 - W(y, y) / 2``, once differentiable in points and (centred) weights.

        Args:
            wishes: How the terms are solved.
            own: ``W(y, y)`` where it is known; then nothing flows to ``y`` and its weights.

        Raises:
            ProblemError: if a wish asks for nothing a solver can do.
            ConvergenceError: if a term missed its tolerance and that is wished for.
        """
        check_wishes(wishes.tolerance, wishes.max_steps, wishes.on_failure)
        recorded = torch.is_grad_enabled()
        wanted = [recorded and given is not None and given.requires_grad for given in self._given]
        terms = _Terms((self._x, self._y), (self._a, self._b), wishes)
        value, gradients = terms.sum(
            wanted, self.mean_cost, None if own is None else to_loop(own.reshape(-1))
        )
        total = from_loop(value)
        total = total[0] if self._single else total
        followed = [
            (given, self._out(g)) for given, g in zip(self._given, gradients, strict=True) if g is not None
        ]
        if not followed:
            return total
        inputs, held = zip(*followed, strict=True)
        result = _Held.apply(total, held, *inputs)
        assert isinstance(result, Tensor)
        return result

    def _weights(
        self, given: Tensor | None, name: str, points: Tensor, array: Any
    ) -> tuple[Tensor | None, Any]:
        """Return weights as they are followed, None if left out, and as an array of inner loops."""
        if given is None:
            uniform = empty_loop(array, *array.shape[:2])
            uniform[:] = 1 / array.shape[1]
            return None, uniform
        checked = checked_weights(given, name, points.shape[-2], points)
        return checked, self._in(checked, len(points))

    def _in(self, tensor: Tensor, batch: int) -> Any:
        """Return a tensor as an array of inner loops with a batch axis."""
        if self._single:
            return to_loop(tensor)[None]
        return to_loop(tensor.expand(batch, -1) if tensor.ndim == 1 else tensor)

    def _out(self, array: Any) -> Tensor:
        """Return a gradient that comes out of the loops as a tensor, without a batch axis where there was none."""
        return from_loop(array[0] if self._single else array)


class _Held(torch.autograd.Function):
    """A value whose gradients are known."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: tuple[Tensor, ...], *inputs: Tensor) -> Tensor:
        """Return the value, and keep its gradients in the inputs."""
        ctx.held, ctx.inputs = gradients, inputs
        return value.clone()

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the held gradients, scaled."""
        (grad,) = grads
        scaled = [held * grad.reshape(grad.shape + (1,) * (held.ndim - grad.ndim)) for held in ctx.held]
        return (None, None, *scaled)


@dataclass(frozen=True)
class _Plan:
    """A solved term: ``pi = rows * kernel * columns``, on the arrays of inner loops; its rows are exact.

    Value and potentials are those of the semi-dual before rows were made exact by dividing by their ``mass``.
    """

    value: Any
    f: Any
    g: Any
    mass: Any
    rows: Any
    kernel: Any
    columns: Any

    @classmethod
    def between(cls, stage: Stage, a: Any, b: Any) -> "_Plan":
        """Make the rows of a plan between two clouds exact."""
        last, xp = stage.last, namespace(a)
        value = inner(a, last.f) + inner(b, last.g)
        mass = last.row_mass + xp.finfo(a.dtype).tiny
        scaling, loads = (factor[:, 0] for factor in last.factors)
        return cls(value, last.f, last.g, mass, scaling * (a / mass), stage.kernel.matrix[:, 0], loads)

    @classmethod
    def itself(cls, end: Averaged, kernel: SelfKernel, epsilon: float) -> "_Plan":
        """Make the rows of the plan of a cloud with itself exact."""
        a, xp = kernel.a, namespace(kernel.a)
        f, g = epsilon * end.f, epsilon * end.g
        mass = end.row_mass + xp.finfo(a.dtype).tiny
        return cls(inner(a, f + g), f, g, mass, end.scaling * (a / mass), kernel.matrix, end.loads)

    def exact_f(self, epsilon: float) -> Any:
        """Return the potential of the rows at which they are exact."""
        return self.f - epsilon * namespace(self.f).log(self.mass)

    def apply(self, v: Any, factor: float) -> Any:
        """Return ``factor pi v``."""
        applied = self.kernel @ (self.columns[..., None] * v)
        applied *= (factor * self.rows)[..., None]
        return applied

    def apply_transposed(self, u: Any, factor: float) -> Any:
        """Return ``factor pi^T u``."""
        applied = self.kernel.mT @ (self.rows[..., None] * u)
        applied *= (factor * self.columns)[..., None]
        return applied


class _Terms:
    """The three terms of the divergence, one after the other in one buffer."""

    def __init__(self, clouds: tuple[Cloud, Cloud], weights: tuple[Any, Any], wishes: Wishes) -> None:
        (self.x, self.y), (self.a, self.b) = clouds, weights
        self.wishes = wishes
        # one flat stretch of memory, viewed in the shape of each term
        size = max(self.a.shape[-1], self.b.shape[-1])
        self._memory = empty_loop(self.a, len(self.a) * size**2)

    def sum(self, wanted: list[bool], mean_cost: float, own: Any) -> tuple[Any, list[Any]]:
        """Return the divergence and its gradients where they are wanted, in the order x, y, a, b."""
        value, gradients = self._between(wanted, mean_cost)
        sides = [(self.x, self.a, 0, 2), (self.y, self.b, 1, 3)]
        if own is not None:
            value = value - 0.5 * own
            sides = sides[:1]
        for cloud, weights, points_at, weights_at in sides:
            plan = self._itself(cloud, weights)
            value = value - 0.5 * plan.value
            if wanted[points_at]:
                gradients[points_at] += plan.apply(cloud.points, 2.0)
            if wanted[weights_at]:
                f = plan.exact_f(self.wishes.epsilon)
                gradients[weights_at] -= 0.5 * (_centred(f, weights) + _centred(plan.g, weights))
        return value, gradients

    def _between(self, wanted: list[bool], mean_cost: float) -> tuple[Any, list[Any]]:
        """Return value and gradients of the first term, without what the points' own terms cancel.

        With ``pi_x`` the plan of a cloud with itself the gradients in points are ``2 (pi_x x - pi y)`` and, for only
        rows are exact, ``2 (pi_y y - pi^T x + (pi^T 1 - b) y)``.
        """
        factors = ACCELERATED.factors(mean_cost / self.wishes.epsilon)
        costs = CloudCost(self.x, self.y)
        plan = self._solve(costs, (self.a, self.b), "Sinkhorn", ACCELERATED.drive, factors)
        for_x = plan.apply(self.y.points, -2.0) if wanted[0] else None
        for_y = None
        if wanted[1]:
            moved = plan.apply_transposed(self.x.right[..., :-1], 2.0)
            for_y = (moved[..., -1] - 2 * self.b)[..., None] * self.y.points - moved[..., :-1]
        for_a = _centred(plan.exact_f(self.wishes.epsilon), self.a) if wanted[2] else None
        for_b = _centred(plan.g, self.b) if wanted[3] else None
        return plan.value, [for_x, for_y, for_a, for_b]

    def _itself(self, cloud: Cloud, a: Any) -> _Plan:
        if a.min() <= 0:
            # the potential of a point without weight is as far off as its neighbours: only rows can be anchored there
            return self._solve(CloudCost(cloud, cloud), (a, a), "SymmetricSinkhorn", AveragingDrive, [])
        wishes = self.wishes
        kernel = SelfKernel(SelfCost(cloud), a, epsilon=wishes.epsilon, buffer=self._buffer(a, a))
        end = average(kernel, tolerance=wishes.tolerance, max_steps=wishes.max_steps)
        self._tell("SymmetricSinkhorn", end.error, end.n_steps, end.otherwise)
        return _Plan.itself(end, kernel, wishes.epsilon)

    def _solve(
        self, costs: CostRows, weights: tuple[Any, Any], name: str, drive: Any, factors: list[float]
    ) -> _Plan:
        """Solve a term by the common iteration."""
        wishes, (a, b) = self.wishes, weights
        buffer = self._buffer(a, b)

        def kernel_at(factor: float, tolerance: float) -> Kernel:
            return FlatKernel(costs, a, b, epsilon=factor * wishes.epsilon, buffer=buffer)

        settings = FixedPoint(drive, wishes.tolerance, wishes.max_steps, name)
        stage = approach(kernel_at, a, settings, factors=factors, f=None)
        self._tell(name, stage.error, stage.n_steps, stage.otherwise)
        return _Plan.between(stage, a, b)

    def _buffer(self, a: Any, b: Any) -> Any:
        """Return the memory in the shape of a term."""
        shape = (len(a), a.shape[-1], b.shape[-1])
        return self._memory[: math.prod(shape)].reshape(shape)

    def _tell(self, name: str, error: Any, n_steps: Any, otherwise: Status) -> None:
        """Say where a term missed its tolerance."""
        wishes, worst = self.wishes, float(error[0] if len(error) == 1 else error.max())
        if worst <= wishes.tolerance:
            return
        statuses = statuses_of(from_loop(error), wishes.tolerance, otherwise)
        failure = next(status for status in statuses if status is not Status.CONVERGED)
        steps = n_steps if isinstance(n_steps, int) else int(n_steps.max())
        tell(Outcome(name, worst, steps, failure), wishes.on_failure, wishes.tolerance)


def _centred(potential: Any, weights: Any) -> Any:
    return potential - inner(weights, potential)[:, None]
