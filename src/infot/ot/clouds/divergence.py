"""The debiased Sinkhorn divergence between large clouds."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.entry import solve_clouds
from infot.ot.clouds.plan import CloudPlan
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.streaming import CloudSolver
from infot.ot.clouds.symmetric import SymmetricStreaming
from infot.ot.clouds.value import cloud_value
from infot.ot.density import smoothing_of

__all__ = ["CloudTerms", "cloud_divergence", "cloud_terms"]


@dataclass(frozen=True, eq=False)
class CloudTerms:
    """The plans of the three terms of a divergence.

    Args:
        between: The plan between the clouds.
        of_x: The plan of the first cloud with itself.
        of_y: That of the second.
    """

    between: CloudPlan
    of_x: CloudPlan
    of_y: CloudPlan

    def divergence(self) -> Float[Tensor, "*batch"]:
        """Return ``W(x, y) - W(x, x) / 2 - W(y, y) / 2``; see :func:`cloud_divergence`."""
        own = cloud_value(self.of_x) + cloud_value(self.of_y)
        return cloud_value(self.between) - own / 2 + _charge_on_masses(self.between.problem)


def cloud_terms(
    problem: CloudProblem,
    *,
    solver: CloudSolver | None = None,
    tolerance: float = 1e-3,
    max_steps: int = 500,
    starts: CloudTerms | None = None,
    on_failure: str = "warn",
) -> CloudTerms:
    """Solve the three terms of a divergence, and keep their plans.

    Args:
        problem: The two clouds; see :func:`cloud_divergence`, as for the other arguments.
        solver: How the term between the clouds is solved.
        tolerance: L1 marginal error of each term.
        max_steps: Limit on the passes over the cost of each term.
        starts: The terms of similar clouds, as many points each, to start from.
        on_failure: See :func:`infot.ot.solve`.

    Raises:
        ProblemError: if the problem has ``rho``, but not one finite number for both sides, or the starts are those of
            clouds of other sizes.

    Example:
        >>> import torch
        >>> from infot import ot
        >>> rng = torch.Generator().manual_seed(0)
        >>> x, y = (torch.rand(n, 2, generator=rng, dtype=torch.float64) for n in (50, 40))
        >>> problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.1))
        >>> terms = ot.cloud_terms(problem, tolerance=1e-6)
        >>> again = ot.cloud_terms(problem, tolerance=1e-6, starts=terms)
        >>> int(terms.between.n_steps) > int(again.between.n_steps) == 1
        True
    """
    _charge_on_masses(problem)  # what has no divergence is refused before anything is solved

    def term(cloud: CloudProblem, how: CloudSolver | None, start: CloudPlan | None) -> CloudPlan:
        return solve_clouds(
            cloud, solver=how, tolerance=tolerance, max_steps=max_steps, start=start, on_failure=on_failure
        )

    averages = SymmetricStreaming() if problem.rho is None else None
    return CloudTerms(
        term(problem, solver, None if starts is None else starts.between),
        term(
            _itself(problem, problem.x, problem.row_weights),
            averages,
            None if starts is None else starts.of_x,
        ),
        term(
            _itself(problem, problem.y, problem.column_weights),
            averages,
            None if starts is None else starts.of_y,
        ),
    )


def cloud_divergence(
    problem: CloudProblem,
    *,
    solver: CloudSolver | None = None,
    tolerance: float = 1e-3,
    max_steps: int = 500,
    starts: CloudTerms | None = None,
    on_failure: str = "warn",
) -> Float[Tensor, "*batch"]:
    """Return ``W(x, y) - W(x, x) / 2 - W(y, y) / 2``, one epsilon for the three terms, in memory linear in the points.

    :func:`infot.ot.sinkhorn_divergence` for clouds whose costs are too large to hold, and with ``rho``
    :func:`infot.ot.unbalanced_divergence`, whose term of the masses is added. With a structured regulariser it is
    :func:`infot.ot.structured_divergence` with the plain self term, ``SelfTerm()``. Never clamped. Differentiable once,
    in points and (centred) weights, by the envelope theorem.

    Args:
        problem: The two clouds, with weights, epsilon and a symmetric cost.
        solver: How the term between the clouds is solved; the others take symmetric averages where marginals are kept.
        tolerance: L1 marginal error of each term.
        max_steps: Limit on the passes over the cost of each term.
        starts: The terms of similar clouds, by :func:`cloud_terms`, to start from.
        on_failure: See :func:`infot.ot.solve`.

    Raises:
        ProblemError: if the problem has ``rho``, but not one finite number for both sides, or the starts are those of
            clouds of other sizes.

    Example:
        >>> import torch
        >>> from infot import ot
        >>> x = torch.rand(50, 2, dtype=torch.float64)
        >>> problem = ot.CloudProblem(x, x.clone(), regulariser=ot.Entropic(0.1))
        >>> abs(float(ot.cloud_divergence(problem, tolerance=1e-8))) < 1e-6
        True
    """
    terms = cloud_terms(
        problem,
        solver=solver,
        tolerance=tolerance,
        max_steps=max_steps,
        starts=starts,
        on_failure=on_failure,
    )
    return terms.divergence()


def _itself(problem: CloudProblem, points: Tensor, weights: Tensor) -> CloudProblem:
    """Return the problem of one of the clouds with itself, at the price of a nat through the noise."""
    return CloudProblem(
        points,
        points,
        regulariser=smoothing_of(problem.regulariser),
        cost=problem.cost,
        a=weights,
        b=weights,
        rho=problem.rho,
    )


def _charge_on_masses(problem: CloudProblem) -> Tensor | float:
    """Return ``epsilon / 2 (a(1) - b(1))^2``, nothing where marginals are kept."""
    prices = problem.marginal_prices
    if prices is None:
        return 0.0
    if prices[0] != prices[1]:
        raise ProblemError(
            f"expected one positive, finite rho for both sides of a divergence, got {prices}; "
            "without rho the marginals are kept"
        )
    masses = problem.row_weights.sum(-1), problem.column_weights.sum(-1)
    return problem.epsilon / 2 * (masses[0] - masses[1]).square()
