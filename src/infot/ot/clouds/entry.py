"""The front door for clouds: one function from a problem to a plan."""

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import CloudSolver, Streaming
from infot.ot.failure import Outcome, check_wishes, tell

__all__ = ["solve_clouds"]


def solve_clouds(
    problem: CloudProblem,
    *,
    solver: CloudSolver | None = None,
    tolerance: float = 1e-3,
    max_steps: int = 500,
    start: CloudPlan | Tensor | None = None,
    on_failure: str = "warn",
) -> CloudPlan:
    """Solve a transport problem between clouds without ever holding its cost.

    Args:
        problem: What to solve.
        solver: How.
        tolerance: L1 marginal error to reach.
        max_steps: Limit on the passes over the cost.
        start: A plan of similar clouds, or a potential of the columns, to start from.
        on_failure: What to do where the tolerance is missed: warn, raise ConvergenceError, or just return the plan.

    Raises:
        ProblemError: if the settings fit no problem.
        ConvergenceError: if the tolerance was missed and ``on_failure`` is "raise".

    Example:
        >>> from infot import ot
        >>> x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0))
        >>> plan = ot.solve_clouds(ot.CloudProblem(x, x + 1, regulariser=ot.Relative(ot.Entropic(0.05))))
        >>> plan.converged, plan.barycentric_projection().shape
        (True, torch.Size([300, 2]))
    """
    check_wishes(tolerance, max_steps, on_failure)
    g = start.g if isinstance(start, CloudPlan) else start
    if g is not None and tuple(g.shape) != (len(problem.y),):
        raise ProblemError(
            f"expected a starting potential for {len(problem.y)} columns, got {tuple(g.shape)}"
        )
    with torch.no_grad():
        chosen = Streaming() if solver is None else solver
        plan = chosen.solve(problem, tolerance=tolerance, max_steps=max_steps, start=g)
    tell(Outcome(plan.solver, float(plan.marginal_error), plan.n_steps, plan.status), on_failure, tolerance)
    return plan
