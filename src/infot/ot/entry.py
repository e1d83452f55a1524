"""The front door: one function from a problem to a plan."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.differentiation import Gradient
from infot.ot.failure import Outcome, check_wishes, tell
from infot.ot.plan import Plan
from infot.ot.problem import OTProblem
from infot.ot.rebates import Composite, Rebated
from infot.ot.regularisers import Entropic, Unregularised, unscaled
from infot.ot.resolution import with_resolution
from infot.ot.scaling import without_factor
from infot.ot.solvers.base import Solver
from infot.ot.solvers.conditional_gradient import ConditionalGradient
from infot.ot.solvers.dual import SemiDual
from infot.ot.solvers.exact import Exact
from infot.ot.solvers.nested import Nested
from infot.ot.solvers.nested_newton import NestedNewton
from infot.ot.solvers.newton import Newton
from infot.ot.solvers.perturbed import PerturbedCostLoop
from infot.ot.solvers.sinkhorn import Sinkhorn
from infot.ot.solvers.start import Start
from infot.ot.solvers.unbalanced import UnbalancedSinkhorn
from infot.ot.solvers.unbalanced_nested import UnbalancedNested
from infot.ot.status import Status
from infot.ot.structure import Structured

__all__ = ["SMALL_EPSILON", "balanced_assignment", "choose_solver", "solve"]

SMALL_EPSILON = 5e-3  # relative to the mean cost
_NEWTON_TOLERANCE, _NEWTON_ROWS = 1e-4, 384
_NESTED_NEWTON_ROWS = 512
_NEWTON_START = Newton().from_error


def solve(
    problem: OTProblem,
    *,
    solver: Solver | None = None,
    tolerance: float = 1e-4,
    max_steps: int = 2000,
    start: Plan | Tensor | None = None,
    on_failure: str = "warn",
    gradient: Gradient | None = None,
) -> Plan:
    """Solve a regularised transport problem and return its plan.

    The solver's steps are never recorded: ``gradient`` chooses how what is read off the plan follows cost and weights.

    Args:
        problem: What to solve, single or with a batch axis.
        solver: How; left out, :func:`choose_solver` decides and ``plan.solution.solver`` tells.
        tolerance: L1 marginal error to reach; 1e-4 suits float32. :class:`PerturbedCostLoop` and
            :class:`ConditionalGradient` hold a second number against it, ``plan.residual``.
        max_steps: Limit on the solver's steps.
        start: A plan of a similar problem, or a latent potential, to start from. These two take the plan itself, whose
            columns must then be as many; a potential alone tells them a plan only for Structured with prices above
            zero.
        on_failure: What to do where the tolerance is missed: warn, raise ConvergenceError, or just return the plan.
        gradient: :class:`Envelope` for the value, :class:`Implicit` or :class:`Unrolled` for everything; left out,
            the plan carries no gradients.

    Returns:
        The plan, whose rows are exact; ``plan.marginal_error`` is what is missing on the side of ``b``.

    Raises:
        ProblemError: if the settings fit no problem.
        ConvergenceError: if the tolerance was missed and ``on_failure`` is "raise".

    Example:
        >>> from infot import ot
        >>> plan = ot.solve(ot.OTProblem(cost=torch.tensor([[0.0, 1.0], [1.0, 0.0]]), regulariser=ot.Entropic(0.05)))
        >>> plan.matrix().round(decimals=3).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    check_wishes(tolerance, max_steps, on_failure)
    with torch.no_grad():
        batch, factor = without_factor(problem.as_batch())
        chosen = choose_solver(problem, tolerance) if solver is None else solver
        if not isinstance(chosen, Solver):
            raise ProblemError(
                f"expected a solver, such as Nested(), or None to have one chosen, got {chosen!r}"
            )
        if (problem.rho is not None) > chosen.takes_rho:
            raise ProblemError(
                f"{type(chosen).__name__} keeps both marginals; use UnbalancedSinkhorn or UnbalancedNested with rho"
            )
        begin = None if start is None else Start.of(start, batch)
        if begin is not None and factor is not None:
            begin = replace(begin, f=begin.f / factor)
        solution = chosen.solve(batch, tolerance=tolerance, max_steps=max_steps, start=begin)
        solution = with_resolution(batch, solution)
        solution = solution if factor is None else solution.times(factor)
    plan = Plan(problem, solution)
    if on_failure != "return" and plan.status is not Status.CONVERGED:
        error, n_steps, beside = float(plan.marginal_error.max()), int(plan.n_steps.max()), solution.residual
        residual = None if beside is None else (beside.name, float(beside.value.max()))
        tell(Outcome(solution.solver, error, n_steps, plan.status, residual), on_failure, tolerance)
    return plan if gradient is None else gradient.attach(plan)


def choose_solver(problem: OTProblem, tolerance: float = 1e-4) -> Solver:
    """Return the solver that suits a problem's regulariser, marginals, epsilon and tolerance."""
    regulariser = unscaled(problem.regulariser)
    if isinstance(regulariser, Entropic):
        if problem.rho is not None:
            return UnbalancedSinkhorn()
        return Newton() if _suits_newton(problem, tolerance) else Sinkhorn()
    if problem.rho is not None:
        if isinstance(regulariser, Structured) and regulariser.convex:
            return UnbalancedNested()
        raise ProblemError(
            f"expected Entropic smoothing, or Structured with epsilon_code > 0, with rho, got {regulariser}"
        )
    if isinstance(regulariser, Unregularised):
        return Exact()
    if isinstance(regulariser, Structured):
        if not regulariser.convex:
            return PerturbedCostLoop()
        return NestedNewton() if _suits_nested_newton(problem, tolerance) else Nested()
    if isinstance(regulariser, Rebated) and not isinstance(regulariser.base, Unregularised):
        return PerturbedCostLoop()
    if isinstance(regulariser, Composite):
        return ConditionalGradient()
    return SemiDual()


def _suits_newton(problem: OTProblem, tolerance: float) -> bool:
    """Say whether Newton's method beats Sinkhorn's on the CPU (``benchmarks/ot_newton.py``)."""
    if problem.cost.device.type != "cpu" or not isinstance(problem.regulariser, Entropic):
        return False
    small = problem.regulariser.epsilon <= SMALL_EPSILON * problem.mean_cost
    few = not problem.batched and problem.cost.shape[-2] <= _NEWTON_ROWS
    # to a looser error it would only take over where Sinkhorn's algorithm has ended
    return small and (tolerance < _NEWTON_TOLERANCE or (few and tolerance <= _NEWTON_START))


def _suits_nested_newton(problem: OTProblem, tolerance: float) -> bool:
    """Say whether Newton's method beats the nested fixed point on the CPU (``benchmarks/ot_newton.py --ratios``)."""
    regulariser = problem.regulariser
    if problem.cost.device.type != "cpu" or not isinstance(regulariser, Structured):
        return False
    few = problem.cost.shape[-2] <= _NESTED_NEWTON_ROWS
    small = SMALL_EPSILON if few else SMALL_EPSILON / 5
    return tolerance < _NEWTON_TOLERANCE and min(regulariser.epsilons_code) <= small * problem.mean_cost


def balanced_assignment(
    scores: Float[Tensor, "*batch K M"],
    a: Float[Tensor, "*batch K"] | None = None,
    b: Float[Tensor, "*batch M"] | None = None,
    epsilon: float = 0.1,
    *,
    tolerance: float = 1e-3,
    max_steps: int = 1000,
    start: Plan | Tensor | None = None,
    on_failure: str = "warn",
) -> Plan:
    """Assign data to codes at least cost with both marginals fixed: ``argmin <A, r> + epsilon I(c; x)``.

    Args:
        scores: Cost ``A(c, x)`` of explaining each datum by each code.
        a: Weights of the codes; uniform if left out.
        b: Weights of the data; uniform if left out.
        epsilon: Price of a nat through the code, in units of cost.
        tolerance: L1 marginal error to reach.
        max_steps: Limit on the steps of Sinkhorn.
        start: Plan of a similar problem to start from.
        on_failure: See :func:`solve`.

    Returns:
        The plan over codes and data; ``plan.conditional()`` is ``r(c | x)``.

    Example:
        >>> plan = balanced_assignment(torch.tensor([[0.0, 1.0], [0.5, 1.0]]), epsilon=0.01)
        >>> plan.conditional().round().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    problem = OTProblem(cost=scores, a=a, b=b, regulariser=Entropic(epsilon))
    return solve(problem, tolerance=tolerance, max_steps=max_steps, start=start, on_failure=on_failure)
