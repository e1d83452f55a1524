"""The front door for clouds: one function from a problem to a plan."""

import warnings

import torch
from torch import Tensor

from infot.errors import ConvergenceError, ConvergenceWarning, ProblemError
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import Streaming
from infot.ot.status import Status

__all__ = ["solve_clouds"]


def solve_clouds(
    problem: CloudProblem,
    *,
    solver: Streaming | None = None,
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
    if not tolerance > 0 or max_steps < 1:
        raise ProblemError(f"expected tolerance > 0 and max_steps >= 1, got {tolerance} and {max_steps}")
    if on_failure not in ("warn", "raise", "return"):
        raise ProblemError(f"expected on_failure='warn', 'raise' or 'return', got {on_failure!r}")
    g = start.g if isinstance(start, CloudPlan) else start
    if g is not None and tuple(g.shape) != (len(problem.y),):
        raise ProblemError(
            f"expected a starting potential for {len(problem.y)} columns, got {tuple(g.shape)}"
        )
    with torch.no_grad():
        chosen = Streaming() if solver is None else solver
        plan = chosen.solve(problem, tolerance=tolerance, max_steps=max_steps, start=g)
    if on_failure == "return" or plan.status is Status.CONVERGED:
        return plan
    message = (
        f"{plan.solver}: L1 marginal error {float(plan.marginal_error):.3g} after {plan.n_steps} steps, "
        f"tolerance {tolerance:.3g}: {plan.status.value}"
    )
    if on_failure == "raise":
        raise ConvergenceError(message)
    warnings.warn(message, ConvergenceWarning, stacklevel=2)
    return plan
