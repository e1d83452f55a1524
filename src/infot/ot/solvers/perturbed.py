"""The loop "perturb the cost, solve ordinary optimal transport, repeat" (method, section 3).

The rebate ``-lambda KL(pi_cx | zeta_c x nu)`` is concave in the plan; replaced by its tangent at the current plan it is
a perturbation ``-lambda log r(c, x)`` of the ground cost. Each turn solves the problem of the base regulariser with the
perturbed cost and so lowers the objective. It takes ``epsilon_code <= 0`` too, where it ends in a stationary
point. For a convex term of the user's own a full step may overshoot: :class:`infot.ot.ConditionalGradient` searches.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.plan import Plan
from infot.ot.problem import OTProblem
from infot.ot.rebates import Rebated
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution
from infot.ot.solvers.approach import ACCELERATED, Approach
from infot.ot.solvers.base import Solver, first_steps, statuses_of
from infot.ot.solvers.dual import SemiDual
from infot.ot.solvers.fixed_point import FixedPoint, fixed_point
from infot.ot.structure import Structured

__all__ = ["PerturbedCostLoop"]


@dataclass(frozen=True)
class PerturbedCostLoop(Solver):
    """Perturb the cost by what the code carries, solve with the base regulariser, repeat.

    Args:
        approach: That of Sinkhorn inside a turn.
        inner_steps: Limit on the steps of the inner solver in a turn.
    """

    approach: Approach = ACCELERATED
    inner_steps: int = 1000

    def _inner(self, problem: OTProblem, tolerance: float, start: Tensor | None) -> Solution:
        if not isinstance(problem.regulariser, Entropic):
            return SemiDual().solve(problem, tolerance=tolerance, max_steps=self.inner_steps, start=start)
        settings = FixedPoint(
            drive=self.approach.drive,
            tolerance=tolerance,
            max_steps=self.inner_steps,
            name="Sinkhorn",
        )
        return fixed_point(problem, problem.regulariser, settings, stages=self.approach, start=start)

    def solve(
        self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> Solution:
        """Solve; ``max_steps`` counts turns, and the tolerance also bounds the L1 change of the plan in a turn.

        Raises:
            ProblemError: if the regulariser has no base and tangent.
        """
        regulariser = problem.regulariser
        if not isinstance(regulariser, Structured | Rebated):
            raise ProblemError(
                f"PerturbedCostLoop solves Structured and Rebated problems, got {type(regulariser).__name__}; "
                "use ConditionalGradient for Augmented ones"
            )
        density = torch.ones_like(problem.cost)
        f, n_steps = start, torch.zeros(problem.cost.shape[0], dtype=torch.long, device=problem.cost.device)
        weights = problem.row_weights.unsqueeze(-1) * problem.column_weights.unsqueeze(-2)
        step = 0
        while True:
            step += 1
            perturbation = regulariser.tangent(density, problem.row_weights)
            spread = perturbation.repeat_interleave(problem.cost.shape[-2] // perturbation.shape[1], dim=1)
            inner = problem.derived(regulariser=regulariser.base, cost=problem.cost - spread)
            solution = replace(self._inner(inner, tolerance, f), perturbation=perturbation)
            plan = Plan(problem, solution)
            change = (weights * (plan._density - density).abs()).sum((-2, -1))
            f, density = solution.f, plan._density
            error = torch.maximum(plan._marginal_error, change)
            n_steps = first_steps(n_steps, step, error <= tolerance)
            if step == max_steps or bool(((error <= tolerance) | error.isnan()).all()):
                break
        return replace(
            solution,
            value=plan.primal_value.reshape(-1),
            n_steps=torch.where(n_steps == 0, step, n_steps),
            statuses=statuses_of(error, tolerance),
            solver="PerturbedCostLoop",
        )
