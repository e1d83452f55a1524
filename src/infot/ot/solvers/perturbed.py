"""The loop "perturb the cost, solve ordinary optimal transport, repeat" (method, section 3).

The rebate ``-lambda KL(pi_cx | zeta_c x nu)`` is concave in the plan; replaced by its tangent at the current plan it is
a perturbation ``-lambda log r(c, x)`` of the ground cost. Each turn solves the problem of the base regulariser with the
perturbed cost and so lowers the objective. It takes ``epsilon_code <= 0`` too, where it ends in a stationary
point. For a convex term of the user's own a full step may overshoot: :class:`infot.ot.ConditionalGradient` searches.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.plan import Plan
from infot.ot.problem import OTProblem
from infot.ot.rebates import Rebated
from infot.ot.regularisers import Entropic, Unregularised
from infot.ot.solution import Residual, Solution
from infot.ot.solvers.approach import ACCELERATED, Approach
from infot.ot.solvers.base import Solver, first_steps, statuses_of
from infot.ot.solvers.dual import SemiDual
from infot.ot.solvers.fixed_point import FixedPoint, fixed_point
from infot.ot.solvers.patience import Patience
from infot.ot.solvers.start import Start
from infot.ot.solvers.turns import certificate, check_base, first_density, turned
from infot.ot.status import Status
from infot.ot.structure import Structured

__all__ = ["PerturbedCostLoop"]

_PATIENCE = 200


@dataclass(frozen=True)
class PerturbedCostLoop(Solver):
    """Perturb the cost by what the code carries, solve with the base regulariser, repeat.

    Ends when the marginal error and a residual are below the tolerance. While the whole is convex (``epsilon_code``
    above zero; rebates on information that sum to less than the base's epsilon) the residual is a bound on the L1
    distance from the optimal plan with the same marginals; at ``epsilon_code = 0``, or where rebates sum to all of
    epsilon, the gap in units of the mean of ``|C|``, which bounds how far the value is from the optimum. Otherwise it
    is the L1 change of the plan in the last turn, which tells that turns have come to rest at a stationary plan, not
    how far from it they are and not that no other plan is better.

    Args:
        approach: That of Sinkhorn inside a turn.
        inner_steps: Limit on the steps of the inner solver in a turn.
    """

    approach: Approach = ACCELERATED
    inner_steps: int = 1000

    def _inner(self, problem: OTProblem, tolerance: float, start: Start | None) -> Solution:
        if not isinstance(problem.regulariser, Entropic):
            return SemiDual().solve(problem, tolerance=tolerance, max_steps=self.inner_steps, start=start)
        settings = FixedPoint(
            drive=self.approach.drive,
            tolerance=tolerance,
            max_steps=self.inner_steps,
            name="Sinkhorn",
        )
        return fixed_point(problem, problem.regulariser, settings, stages=self.approach, start=start)

    def solve(self, problem: OTProblem, *, tolerance: float, max_steps: int, start: Start | None) -> Solution:
        """Solve; ``max_steps`` counts turns.

        From a plan the first turn takes the tangent at it; from a potential see
        :func:`infot.ot.solvers.turns.first_density`.

        Raises:
            ProblemError: if the regulariser has no base and tangent, or no turn can be solved for its base.
        """
        _check(problem)
        density = first_density(problem, start)
        n_steps = torch.zeros(problem.cost.shape[0], dtype=torch.long, device=problem.cost.device)
        step, patience, otherwise = 0, Patience(_PATIENCE), Status.MAX_STEPS
        while True:
            step += 1
            linear, perturbation = turned(problem, density)
            solution = replace(self._inner(linear, tolerance, start), perturbation=perturbation)
            plan = Plan(problem, solution)
            residual = _residual(problem, plan._density, density, perturbation)
            start, density = Start(solution.f), plan._density
            error = torch.maximum(plan._marginal_error, residual.value)
            n_steps = first_steps(n_steps, step, error <= tolerance)
            if step == max_steps or bool(((error <= tolerance) | error.isnan()).all()):
                break
            if patience.exhausted(error):
                otherwise = Status.STALLED
                break
        return replace(
            solution,
            value=plan.primal_value.reshape(-1),
            n_steps=torch.where(n_steps == 0, step, n_steps),
            statuses=statuses_of(error, tolerance, otherwise),
            solver="PerturbedCostLoop",
            residual=residual,
        )


def _check(problem: OTProblem) -> None:
    regulariser = problem.regulariser
    if not isinstance(regulariser, Structured | Rebated):
        raise ProblemError(
            f"PerturbedCostLoop solves Structured and Rebated problems, got {type(regulariser).__name__}; "
            "use ConditionalGradient for Augmented ones"
        )
    check_base(regulariser.base, "PerturbedCostLoop")
    if isinstance(regulariser.base, Unregularised):
        raise ProblemError(
            "PerturbedCostLoop reads a turn's plan off its potentials, which Unregularised does not allow; "
            "use ConditionalGradient"
        )


def _residual(
    problem: OTProblem,
    density: Float[Tensor, "B n m"],
    before: Float[Tensor, "B n m"],
    perturbation: Float[Tensor, "B K m"],
) -> Residual:
    """Return what a turn that went from one density to another with a tangent leaves to be done."""
    certified = certificate(problem, density, perturbation)
    if certified is not None:
        return certified
    weights = problem.row_weights.unsqueeze(-1) * problem.column_weights.unsqueeze(-2)
    change = (weights * (density - before).abs()).sum((-2, -1))
    return Residual("L1 change of the plan in the last turn", change)
