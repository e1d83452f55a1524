"""The loop "perturb the cost, solve ordinary optimal transport, repeat" (method, section 3).

The rebate ``-lambda KL(pi_cx | zeta_c x nu)`` is concave in the plan; replaced by its tangent at the current plan it is
a perturbation ``-lambda log r(c, x)`` of the ground cost. Each turn solves the entropic problem with the perturbed cost
and so lowers the objective. It is the only route for ``epsilon_code <= 0``, where it ends in a stationary point.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log
from infot.ot.plan import Plan, Solution
from infot.ot.problem import OTProblem
from infot.ot.solvers.base import Solver, first_steps, statuses_of
from infot.ot.solvers.fixed_point import FixedPoint, fixed_point
from infot.ot.structure import Nest, Structured

__all__ = ["PerturbedCostLoop"]


@dataclass(frozen=True)
class PerturbedCostLoop(Solver):
    """Perturb the cost by what the code carries, run Sinkhorn, repeat.

    Args:
        memory: Memory of the acceleration inside Sinkhorn.
        inner_steps: Limit on the steps of Sinkhorn in a turn.
    """

    memory: int = 6
    inner_steps: int = 1000

    def _inner(self, tolerance: float) -> FixedPoint:
        return FixedPoint(
            memory=self.memory,
            factor=4.0,
            from_epsilon=0.02,
            tolerance=tolerance,
            max_steps=self.inner_steps,
            name="Sinkhorn",
        )

    def solve(
        self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Tensor | None
    ) -> Solution:
        """Solve a structured problem; ``max_steps`` counts turns, the tolerance also bounds the change of the plan.

        Raises:
            ProblemError: if the regulariser is not structured.
        """
        regulariser = problem.regulariser
        if not isinstance(regulariser, Structured):
            raise ProblemError(
                f"PerturbedCostLoop solves Structured problems, got {type(regulariser).__name__}"
            )
        nest = Nest.of(regulariser, problem.row_weights)
        plain = problem.derived(regulariser=regulariser.base)
        perturbation = problem.cost.new_zeros(problem.cost.shape[0], nest.n_codes, problem.cost.shape[-1])
        f, masses = start, None
        n_steps = torch.zeros(problem.cost.shape[0], dtype=torch.long, device=problem.cost.device)
        step = 0
        while True:
            step += 1
            spread = perturbation.repeat_interleave(problem.cost.shape[-2] // nest.n_codes, dim=1)
            solution = fixed_point(
                plain.derived(cost=problem.cost - spread), regulariser.base, self._inner(tolerance), f
            )
            f, previous = solution.f, masses
            plan = Plan(problem, replace(solution, perturbation=perturbation))
            masses = _code_masses(plan, nest)
            change = torch.inf if previous is None else (masses - previous).abs().sum((-2, -1))
            error = torch.as_tensor(torch.maximum(plan._marginal_error, torch.as_tensor(change)))
            n_steps = first_steps(n_steps, step, error <= tolerance)
            if step == max_steps or bool(((error <= tolerance) | error.isnan()).all()):
                break
            perturbation = _perturbation(regulariser, nest, plan)
        n_steps = torch.where(n_steps == 0, step, n_steps)
        return replace(
            plan.solution,
            value=Plan(problem, plan.solution).primal_value.reshape(-1),
            n_steps=n_steps,
            statuses=statuses_of(error, tolerance),
            solver="PerturbedCostLoop",
        )


def _code_masses(plan: Plan, nest: Nest) -> Tensor:
    matrix = plan._matrix
    return matrix.reshape(matrix.shape[0], nest.n_codes, -1, matrix.shape[-1]).sum(2)


def _perturbation(regulariser: Structured, nest: Nest, plan: Plan) -> Tensor:
    """Return the tangent of the rebates: the sum over code blocks of the drop in price times the log-density so far.

    ``sum_k epsilon_k I(c_k; x | c_<k)`` equals ``epsilon I(z; x)`` less, for each depth k, the rise of the price after
    it times ``I(c_<=k; x)``.
    """
    level = plan._code_density
    level = level.reshape(level.shape[0], *nest.sizes, level.shape[-1])
    prices = (*regulariser.epsilons_code, regulariser.base.epsilon)
    total = torch.zeros_like(level)
    for depth in range(len(nest.sizes), 0, -1):
        rise = prices[depth] - prices[depth - 1]
        log_density = safe_log(level)
        total = total + rise * log_density.reshape(
            *log_density.shape[:-1], *[1] * (len(nest.sizes) - depth), log_density.shape[-1]
        )
        level = (nest.conditionals[depth - 1].unsqueeze(-1) * level).sum(depth)
    return total.flatten(1, -2)
