"""The front door for clouds: one function from a problem to a plan."""

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.present import extended, present
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import CloudSolver, Streaming
from infot.ot.clouds.unbalanced import UnbalancedStreaming
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

    The items of a batch are solved one after another, each without the points that have no weight: where a cost is too
    large to hold there is nothing to share, and neither items that have converged nor padding cost anything.

    Args:
        problem: What to solve.
        solver: How; :class:`Streaming` if left out, :class:`UnbalancedStreaming` with ``rho``.
        tolerance: L1 marginal error to reach.
        max_steps: Limit on the passes over the cost.
        start: A plan of similar clouds, or a potential of the columns, ``(m,)`` or ``(B, m)``, to start from.
        on_failure: What to do where the tolerance is missed: warn, raise ConvergenceError, or just return the plan.

    Raises:
        ProblemError: if the settings fit no problem.
        ConvergenceError: if the tolerance was missed and ``on_failure`` is "raise".

    Example:
        >>> from infot import ot
        >>> x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0))
        >>> plan = ot.solve_clouds(ot.CloudProblem(x, x + 1, regulariser=ot.Relative(ot.Entropic(0.05))))
        >>> bool(plan.converged), plan.barycentric_projection().shape
        (True, torch.Size([300, 2]))
    """
    check_wishes(tolerance, max_steps, on_failure)
    potential = _start(start, problem)
    chosen = _choose(problem) if solver is None else solver
    if (problem.rho is not None) > chosen.takes_rho:
        raise ProblemError(f"{type(chosen).__name__} keeps both marginals; use UnbalancedStreaming with rho")
    with torch.no_grad():
        plans = []
        for index, item in enumerate(problem.items()):
            few = present(item)
            g = None if potential is None else potential[index][item.column_weights > 0]
            plan = chosen.solve(few, tolerance=tolerance, max_steps=max_steps, start=g)
            plans.append(extended(plan, item))
        plan = CloudPlan.joined(problem, plans)
    error, n_steps = float(plan.marginal_error.max()), int(plan.n_steps.max())
    tell(Outcome(plan.solver, error, n_steps, plan.status), on_failure, tolerance)
    return plan


def _choose(problem: CloudProblem) -> CloudSolver:
    return Streaming() if problem.rho is None else UnbalancedStreaming()


def _start(start: CloudPlan | Tensor | None, problem: CloudProblem) -> Tensor | None:
    """Return potentials of the columns, ``(B, m)``, to start from."""
    if start is None:
        return None
    g = start.g if isinstance(start, CloudPlan) else start.detach()
    columns = problem.column_weights
    if tuple(g.shape) not in (tuple(columns.shape), (columns.shape[-1],)):
        raise ProblemError(
            f"expected a starting potential for {columns.shape[-1]} columns, got shape {tuple(g.shape)}"
        )
    return g.to(columns).expand(columns.shape).reshape(-1, columns.shape[-1])
