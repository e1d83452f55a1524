"""The front door for clouds: one function from a problem to a plan."""

from dataclasses import replace

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.nested_pass import nest_of
from infot.ot.clouds.nested_streaming import StreamingNested
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.present import extended, present, present_start
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import CloudSolver, Streaming
from infot.ot.clouds.unbalanced import UnbalancedStreaming
from infot.ot.failure import Outcome, check_wishes, tell
from infot.ot.regularisers import unscaled
from infot.ot.resolution import unresolved
from infot.ot.status import Status

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
        solver: How; :class:`Streaming` if left out, :class:`UnbalancedStreaming` with ``rho``,
            :class:`StreamingNested` with a structured regulariser.
        tolerance: L1 marginal error to reach.
        max_steps: Limit on the passes over the cost.
        start: A plan of similar clouds, or a potential of the columns, ``(m,)`` or ``(B, m)``, to start from; with a
            structured regulariser one of the rows, ``(n,)`` or ``(B, n)``, which tells those of all codes.
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
        >>> structured = ot.Structured(ot.Entropic(0.05), ot.Blocks((6, 50)), epsilon_code=0.005)
        >>> plan = ot.solve_clouds(ot.CloudProblem(x, x + 1, regulariser=ot.Relative(structured)))
        >>> plan.solver, bool(0 < plan.mutual_information("code") < plan.information)
        ('StreamingNested(coarse=2048)', True)
    """
    check_wishes(tolerance, max_steps, on_failure)
    potential = _start(start, problem)
    chosen = _choose(problem) if solver is None else solver
    if (problem.rho is not None) > chosen.takes_rho:
        raise ProblemError(f"{type(chosen).__name__} keeps both marginals; use UnbalancedStreaming with rho")
    if chosen.takes_codes != problem.structured:
        fits = "Structured" if chosen.takes_codes else "Entropic"
        raise ProblemError(
            f"{type(chosen).__name__} solves {fits} problems, got {type(unscaled(problem.regulariser)).__name__}; "
            f"use {type(_choose(problem)).__name__}"
        )
    with torch.no_grad():
        plans = []
        for index, item in enumerate(problem.items()):
            few = present(item)
            begin = None if potential is None else present_start(item, potential[index])
            plan = chosen.solve(few, tolerance=tolerance, max_steps=max_steps, start=begin)
            plans.append(extended(_with_resolution(plan), item))
        plan = CloudPlan.joined(problem, plans)
    error, n_steps = float(plan.marginal_error.max()), int(plan.n_steps.max())
    tell(Outcome(plan.solver, error, n_steps, plan.status), on_failure, tolerance)
    return plan


def _with_resolution(plan: CloudPlan) -> CloudPlan:
    """Return the plan of an item, called unresolved where rounding alone moves its density beyond use.

    What structure lowers the cost by is read off the potentials at the smallest price, that of the code.
    """
    problem = plan.problem
    price = nest_of(problem).damping if problem.structured else problem.epsilon
    if plan.status is Status.CONVERGED and bool(unresolved(plan.f, plan.g, price)):
        return replace(plan, statuses=(Status.UNRESOLVED,))
    return plan


def _choose(problem: CloudProblem) -> CloudSolver:
    if problem.structured:
        return StreamingNested()
    return Streaming() if problem.rho is None else UnbalancedStreaming()


def _start(start: CloudPlan | Tensor | None, problem: CloudProblem) -> Tensor | None:
    """Return potentials, ``(B, m)``, to start from; of structured problems those of the rows."""
    if start is None:
        return None
    side = "rows" if problem.structured else "columns"
    weights = problem.row_weights if problem.structured else problem.column_weights
    if isinstance(start, CloudPlan):
        start = start.f if problem.structured else start.g
    potential = start.detach()
    if tuple(potential.shape) not in (tuple(weights.shape), (weights.shape[-1],)):
        raise ProblemError(
            f"expected a starting potential for {weights.shape[-1]} {side}, got shape {tuple(potential.shape)}"
        )
    return potential.to(weights).expand(weights.shape).reshape(-1, weights.shape[-1])
