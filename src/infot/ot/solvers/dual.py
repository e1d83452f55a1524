"""L-BFGS on the semi-dual, for every regulariser that has a conjugate: batched, in the log domain."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.ot.convexity import TURNS, check_conjugate
from infot.ot.problem import OTProblem
from infot.ot.regularisers import unscaled
from infot.ot.solution import Solution
from infot.ot.solvers.base import Solver, finish, first_steps, row_masses, statuses_of
from infot.ot.solvers.patience import Patience
from infot.ot.solvers.start import Start
from infot.ot.sparse import Cardinality
from infot.ot.status import Status

__all__ = ["SemiDual"]

_ARMIJO = 1e-4
_BACKTRACKS = 30
_PATIENCE = 300
_KINK_PATIENCE = 20  # steps without a rise of the value, where marginals may jump at the maximum itself
_GROWTH = 1e2  # how much longer than the last step, and than one along the gradient, a step may be


@dataclass(frozen=True)
class _Point:
    f: Tensor
    loss: Tensor
    gradient: Tensor


class _History:
    """Pairs of steps and gradient changes, and the two-loop recursion on them (Nocedal 1980)."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.pairs: list[tuple[Tensor, Tensor, Tensor]] = []

    def push(self, s: Tensor, y: Tensor) -> None:
        curvature = (s * y).sum(-1, keepdim=True)
        useful = curvature > torch.finfo(s.dtype).eps * s.norm(dim=-1, keepdim=True) * y.norm(
            dim=-1, keepdim=True
        )
        inverse = torch.where(useful, 1 / torch.where(useful, curvature, 1.0), 0.0)
        self.pairs = [*self.pairs, (s, y, inverse)][-self.memory :]

    def direction(self, gradient: Tensor, scale: Tensor) -> Tensor:
        along, q, alphas = scale * gradient, gradient, []
        for s, y, inverse in reversed(self.pairs):
            alpha = inverse * (s * q).sum(-1, keepdim=True)
            alphas.append(alpha)
            q = q - alpha * y
        if self.pairs:
            s, y, inverse = self.pairs[-1]
            squares = (y * y).sum(-1, keepdim=True)
            usable = (inverse > 0) & (squares > 0)
            scale = torch.where(usable, 1 / torch.where(usable, inverse * squares, 1.0), scale)
        q = scale * q
        for (s, y, inverse), alpha in zip(self.pairs, reversed(alphas), strict=True):
            q = q + s * (alpha - inverse * (y * q).sum(-1, keepdim=True))
        return -self._bounded(q, along)

    def _bounded(self, step: Tensor, along: Tensor) -> Tensor:
        """Shorten a step that is out of all proportion, whose curvature was rounding."""
        if not self.pairs:
            return step
        last, along, length = (x.abs().amax(-1, keepdim=True) for x in (self.pairs[-1][0], along, step))
        longest = _GROWTH * torch.maximum(last, along)
        return torch.where(length > longest, step * (longest / length), step)


@dataclass(frozen=True)
class SemiDual(Solver):
    """Maximise ``E_a[f] + E_b[g_f]`` over the latent potential, ``g_f`` being the soft c-transform.

    Works for every convex regulariser that gives its density, without a step size to choose. Of
    :class:`infot.ot.Cardinality` it finds the best dual bound, and ends as stalled where that lies at a kink.

    Args:
        memory: Pairs that L-BFGS keeps.
    """

    memory: int = 12

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve a problem with a convex regulariser.

        Raises:
            ProblemError: if the regulariser has no conjugate.
        """
        check_conjugate(problem.regulariser, "SemiDual", TURNS)
        f = problem.cost.mean(-1) if start is None else start.f
        point = _evaluate(problem, f)
        history = _History(self.memory)
        first_scale = _first_scale(problem)
        n_steps = torch.zeros(f.shape[0], dtype=torch.long, device=f.device)
        step, patience, otherwise = 0, Patience(_PATIENCE), Status.MAX_STEPS
        summit = _Summit() if isinstance(unscaled(problem.regulariser), Cardinality) else None
        while True:
            step += 1
            error = point.gradient.abs().sum(-1)
            n_steps = first_steps(n_steps, step, error <= tolerance)
            if step == max_steps or bool(((error <= tolerance) | ~error.isfinite()).all()):
                break
            if patience.exhausted(error) or (summit is not None and summit.reached(problem, point)):
                otherwise = Status.STALLED
                break
            following = _line_search(problem, point, history.direction(point.gradient, first_scale))
            history.push(following.f - point.f, following.gradient - point.gradient)
            point = following
        n_steps = torch.where(n_steps == 0, step, n_steps)
        return finish(
            problem,
            point.f,
            n_steps=n_steps,
            statuses=statuses_of(error, tolerance, otherwise),
            solver=f"SemiDual(memory={self.memory})",
        )


class _Summit:
    """Watch the values of a batch under a rule that is not convex, whose semi-dual may have a kink at its maximum.

    No potential near a kink need have a plan with the right marginals, and the errors tell nothing of the way there.
    """

    def __init__(self) -> None:
        self._idle = 0
        self._mark: Tensor | None = None

    def reached(self, problem: OTProblem, point: _Point) -> bool:
        """Take note of a step, and say whether a number of them together raised no item by more than rounding."""
        self._idle += 1
        if self._mark is None or bool((point.loss < self._mark - _rounding(problem, point)).any()):
            self._idle = 0
            self._mark = point.loss if self._mark is None else torch.minimum(self._mark, point.loss)
        return self._idle >= _KINK_PATIENCE


def _evaluate(problem: OTProblem, f: Float[Tensor, "B n"]) -> _Point:
    """Return the semi-dual loss (to be minimised) and its gradient."""
    value, _, masses = row_masses(problem, f)
    return _Point(f, -value, problem.row_weights * (masses - 1))


def _first_scale(problem: OTProblem) -> Float[Tensor, "B 1"]:
    """Return a first step length: the spread of the cost over the mean weight of a row."""
    spread, size = problem.cost.std(dim=(-2, -1), correction=0), problem.cost.abs().amax((-2, -1))
    spread = torch.maximum(spread, torch.finfo(size.dtype).eps * torch.where(size > 0, size, 1.0))
    return (0.1 * spread * problem.cost.shape[-2]).unsqueeze(-1)


def _rounding(problem: OTProblem, point: _Point) -> Float[Tensor, " B"]:
    size = point.loss.abs() + (problem.row_weights * point.f.abs()).sum(-1)
    return 4 * torch.finfo(size.dtype).eps * size


def _line_search(problem: OTProblem, point: _Point, direction: Tensor) -> _Point:
    """Backtrack, item by item, to a step that lowers the loss enough (Armijo)."""
    slope = (point.gradient * direction).sum(-1)
    uphill = slope >= 0
    direction = torch.where(uphill.unsqueeze(-1), -point.gradient * _first_scale(problem), direction)
    slope = (point.gradient * direction).sum(-1)
    length = torch.ones_like(slope)
    rounding = _rounding(problem, point)
    trial = _evaluate(problem, point.f + direction)
    for _ in range(_BACKTRACKS):
        short = trial.loss <= point.loss + _ARMIJO * length * slope + rounding
        if bool(short.all()):
            break
        length = torch.where(short, length, length / 2)
        trial = _evaluate(problem, point.f + length.unsqueeze(-1) * direction)
    return trial
