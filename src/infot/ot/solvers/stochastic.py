"""Stochastic ascent of the semi-dual, for data that come as a stream.

Latents are a fixed bank with one number each (semi-discrete transport) or are drawn afresh, with a network for the
potential (Genevay, Cuturi, Peyre, Bach, "Stochastic optimization for large-scale optimal transport", arXiv 1605.08527).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.costs import Cost, SquaredEuclidean
from infot.ot.entry import solve
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic, Regulariser, Scaled, unscaled
from infot.ot.semidual import semidual_value
from infot.ot.solvers.base import row_masses
from infot.ot.sparse import Cardinality, GroupLasso, Pointwise, Quadratic
from infot.ot.structure import Structured

__all__ = ["Draw", "SemiDiscrete", "StochasticAscent", "ascend_potential", "measured_stiffness"]

Draw = Callable[[int, torch.Generator], Tensor]
_SQUARED = SquaredEuclidean()
_FIRST_TOLERANCE, _FIRST_STEPS = 1e-2, 500


@dataclass(frozen=True, eq=False)
class SemiDiscrete:
    """A bank of latents with a potential, fitted to a stream of data.

    Args:
        latents: The bank, ``(n, d)``.
        f: Potential of the latents, centred under their weights.
        weights: Their weights.
        regulariser: What smooths the plan, with prices in units of cost.
        cost: Ground cost.
        chi_square: Unbiased estimate, on data not fitted on, of ``sum_z (row mass - a)^2 / a``; its square root bounds
            the L1 marginal error. Around zero it may be negative.
        value: Estimate of the optimal value on the same data, a lower bound in expectation.
        n_steps: Steps taken.
    """

    latents: Float[Tensor, "n d"]
    f: Float[Tensor, " n"]
    weights: Float[Tensor, " n"]
    regulariser: Regulariser
    cost: Cost
    chi_square: float
    value: float
    n_steps: int

    @property
    def marginal_error(self) -> float:
        """Bound of the L1 marginal error, ``sqrt(chi_square)``, zero where the estimate is negative."""
        return math.sqrt(max(self.chi_square, 0.0))

    def problem(self, points: Float[Tensor, "m d"]) -> OTProblem:
        """Return the problem between the bank and some data, for instance for :func:`infot.ot.plan_of_potential`."""
        matrix = self.cost(self.latents, points)
        return OTProblem(cost=matrix, regulariser=self.regulariser, a=self.weights)

    def posterior(self, points: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
        """Return ``pi(z | x)`` for data, seen or unseen; columns sum to one."""
        problem = self.problem(points).as_batch()
        score = self.f.unsqueeze(-1) - problem.cost
        g = self.regulariser.potential(score, problem.row_weights)
        return (
            self.weights.unsqueeze(-1)
            * self.regulariser.density(score + g.unsqueeze(-2), problem.row_weights)
        )[0]


@dataclass(frozen=True)
class StochasticAscent:
    """Fit the potential of a bank of latents to a stream, by averaged stochastic ascent.

    The first potential is that of a plan with a first sample. Then ``f <- f + rate_t (1 - row mass)``, with the masses
    of a fresh batch; the mean of the last potentials is kept (Polyak and Ruppert). ``rate_t`` starts at the price of a
    nat, the step of Sinkhorn's algorithm linearised, and falls as ``1 / sqrt(t)``. A pointwise regulariser names no
    price: its curvature is measured at the first potential.

    Args:
        steps: Steps of the ascent.
        batch: Data of a step.
        first: Data of the first sample.
        rate: Factor on the step.
        averaged: Share of the steps, the last ones, whose potentials are averaged.

    Raises:
        ProblemError: if a setting is outside its range.
    """

    steps: int = 1000
    batch: int = 256
    first: int = 1024
    rate: float = 1.0
    averaged: float = 0.5

    def __post_init__(self) -> None:
        """Refuse settings that fit nothing."""
        if min(self.steps, self.batch, self.first) < 1 or not (self.rate > 0 and 0 < self.averaged <= 1):
            raise ProblemError(
                f"expected positive steps, batch, first and rate, and averaged in (0, 1], got {self}"
            )

    def fit(
        self,
        latents: Float[Tensor, "n d"],
        draw: Draw,
        *,
        regulariser: Regulariser,
        rng: torch.Generator,
        cost: Cost = _SQUARED,
        weights: Float[Tensor, " n"] | None = None,
    ) -> SemiDiscrete:
        """Fit.

        Args:
            latents: The bank.
            draw: From a number and a generator to that many fresh data, ``(batch, d)``.
            regulariser: Entropic, structured with prices above zero, quadratic, group lasso, cardinality or pointwise,
                the last with a density that torch can differentiate; inside :class:`infot.ot.Relative`, with prices in
                multiples of the mean cost of the first sample, which is held from then on.
            rng: Generator that the draws come from.
            cost: Ground cost.
            weights: Weights of the latents; uniform if left out.

        Raises:
            ProblemError: if the regulariser has no price of a nat to take steps by.
        """

        def problem(count: int) -> OTProblem:
            matrix = cost(latents, draw(count, rng))
            return OTProblem(cost=matrix, regulariser=regulariser, a=weights)

        with torch.no_grad():
            start = problem(self.first)
            a, regulariser = start.row_weights, start.regulariser
            known = _stiffness(regulariser)
            f = solve(start, tolerance=_FIRST_TOLERANCE, max_steps=_FIRST_STEPS, on_failure="return").f
            stiffness = measured_stiffness(start, f) if known is None else known
            mean, kept = torch.zeros_like(f), 0
            for step in range(self.steps):
                masses = _masses(problem(self.batch), f)
                rate = self.rate * stiffness * min(1.0, self.batch / len(f)) / math.sqrt(1 + step / 10)
                f = f + rate * (1 - masses)
                if step >= self.steps * (1 - self.averaged):
                    kept += 1
                    mean += (f - mean) / kept
            mean -= (a * mean).sum()
            one, other = problem(self.first), problem(self.first)
            chi_square = float((a * (_masses(one, mean) - 1) * (_masses(other, mean) - 1)).sum())
            value = float(semidual_value(one, mean) + semidual_value(other, mean)) / 2
        return SemiDiscrete(latents, mean, a, regulariser, cost, chi_square, value, self.steps)


def _masses(problem: OTProblem, f: Tensor) -> Tensor:
    return row_masses(problem.as_batch(), f.unsqueeze(0))[2][0]


def _stiffness(regulariser: Regulariser) -> float | None:
    """Return the smallest price, the step at which stochastic ascent of the semi-dual is stable; None if unnamed."""
    if isinstance(unscaled(regulariser), Pointwise):
        return None
    if isinstance(regulariser, Entropic):
        return regulariser.epsilon
    if isinstance(regulariser, Structured) and regulariser.convex:
        return min(regulariser.epsilons_code)
    if isinstance(regulariser, Quadratic | Cardinality):
        return regulariser.gamma
    if isinstance(regulariser, GroupLasso):
        return regulariser.gamma * (1 - regulariser.share)
    if isinstance(regulariser, Scaled) and not isinstance(regulariser.factor, Tensor):
        stiffness = _stiffness(regulariser.base)
        return None if stiffness is None else regulariser.factor * stiffness
    raise ProblemError(
        f"expected a convex regulariser with a price, in units of cost, got {type(regulariser).__name__}"
    )


def measured_stiffness(problem: OTProblem, f: Float[Tensor, " n"]) -> float:
    r"""Return the step that the curvature of a pointwise regulariser allows at a potential.

    With :math:`s = f + g - C` the Hessian of the semi-dual is minus
    :math:`\sum_x b(x) (D_x - D_x 1 1^T D_x / 1^T D_x 1)` with :math:`D_x = \mathrm{diag}(a\, \phi^{*\prime\prime}(s))`.
    It is at least :math:`-\sum_x b(x) D_x`, so steps along ``gradient / a`` are stable up to
    :math:`1 / \max_z E_b[\phi^{*\prime\prime}(s)]`: ``epsilon`` where :math:`\phi` is entropy and rows are exact.

    Raises:
        ProblemError: if the density carries no derivative, or rises nowhere.
    """
    batch = problem.as_batch()
    a, b = batch.row_weights, batch.column_weights
    score = f.unsqueeze(-1) - batch.cost
    slack = score + batch.regulariser.potential(score, a).unsqueeze(-2)
    with torch.enable_grad():
        held = slack.requires_grad_()
        total = batch.regulariser.density(held, a).sum()
        rises = torch.autograd.grad(total, held)[0] if total.requires_grad else torch.zeros_like(held)
    steepest = float((b.unsqueeze(-2) * rises).sum(-1)[a > 0].max())
    if not 0 < steepest < math.inf:
        raise ProblemError(
            f"expected a density with a finite derivative that torch can follow, to take steps by, got {steepest:.3g}; "
            "write Pointwise(density_of=...) in operations of torch"
        )
    return 1 / steepest


def ascend_potential(
    potential: Callable[[Tensor], Tensor],
    optimiser: torch.optim.Optimizer,
    *,
    draw_latents: Draw,
    draw_data: Draw,
    regulariser: Regulariser,
    rng: torch.Generator,
    cost: Cost = _SQUARED,
    steps: int = 1000,
    batch: tuple[int, int] = (256, 256),
) -> Float[Tensor, " steps"]:
    """Ascend the semi-dual in the parameters of a latent potential, on fresh latents and data; return its values.

    Args:
        potential: From latents ``(n, d)`` to potentials ``(n,)``: a network, or any function with parameters.
        optimiser: Optimiser of its parameters, stepped here.
        draw_latents: From a number and a generator to that many latents mapped into the space of data; for structured
            regularisers in the order of their blocks.
        draw_data: The same for data.
        regulariser: What smooths the plan; convex, with a conjugate.
        rng: Generator that the draws come from.
        cost: Ground cost.
        steps: Steps of the ascent.
        batch: Latents and data of a step. The soft minimum over few latents is biased upwards.
    """
    values = []
    for _ in range(steps):
        z, x = draw_latents(batch[0], rng), draw_data(batch[1], rng)
        problem = OTProblem(cost=cost(z, x), regulariser=regulariser)
        value = semidual_value(problem, potential(z))
        optimiser.zero_grad()
        (-value).backward()
        optimiser.step()
        values.append(value.detach())
    return torch.stack(values)
