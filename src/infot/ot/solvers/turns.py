r"""What the solvers that go from plan to plan share: the first plan, a turn's problem, how far the plan still is.

A turn replaces the term beside the base by its tangent at the current plan, :math:`\langle -p, \pi \rangle`. The plan
found solves the whole problem *exactly*, at ground costs raised by :math:`\Delta = p' - p`, with :math:`p'` the
tangent at the plan found: at these costs the tangent that was used is the right one. For rebates that leave the whole
convex this is a certificate (:func:`distance_bound`); it sees differences of logarithms only, so rounding does not blur
it as it does a difference of values.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import weighted_logsumexp
from infot.ot.density import density_of, spread_over_noise
from infot.ot.problem import OTProblem
from infot.ot.rebates import Composite
from infot.ot.regularisers import Regulariser
from infot.ot.solvers.base import finish
from infot.ot.solvers.start import Start
from infot.ot.status import Status
from infot.ot.structure import Structured

__all__ = ["DISTANCE", "check_base", "distance_bound", "first_density", "turned"]

DISTANCE = "bound on the L1 distance from the optimal plan"
_SMALL, _LARGE = 1e-2, 40.0  # where the series of exp(x) - 1 - x, and where exp(x) alone, is all that is left


def check_base(base: Regulariser, solver: str) -> None:
    """Refuse a base that no solver of a turn takes.

    Raises:
        ProblemError: if the base has terms without a conjugate of its own.
    """
    if isinstance(base, Composite) or (isinstance(base, Structured) and not base.convex):
        raise ProblemError(
            f"{solver} solves for the base regulariser in every turn, which needs a conjugate: "
            f"{type(base).__name__} as a base has none; take its own base and put all rebates into one Rebated"
        )


def first_density(problem: OTProblem, start: Start | None) -> Float[Tensor, "B n m"]:
    """Return the density of the plan to begin with.

    That of the plan to start from. Where only its potential is known: for a structured problem with prices above zero
    that of the nested soft minimum; for others a potential does not tell the plan, and it is one, as without a start.

    Args:
        problem: The problem, with batch axes.
        start: Where to start.

    Raises:
        ProblemError: if the plan to start from has another number of columns.
    """
    known = None if start is None else start.density(problem)
    if known is not None:
        return known
    regulariser = problem.regulariser
    if start is None or not isinstance(regulariser, Structured) or not regulariser.convex:
        return torch.ones_like(problem.cost)
    batch = problem.cost.shape[0]
    steps = torch.zeros(batch, dtype=torch.long, device=problem.cost.device)
    statuses = batch * (Status.MAX_STEPS,)
    return density_of(problem, finish(problem, start.f, n_steps=steps, statuses=statuses, solver="start"))


def turned(problem: OTProblem, density: Float[Tensor, "B n m"]) -> tuple[OTProblem, Float[Tensor, "B K m"]]:
    """Return the problem of the base with the term replaced by its tangent at a plan, and the tangent."""
    regulariser = problem.regulariser
    assert isinstance(regulariser, Structured | Composite)
    perturbation = regulariser.tangent(density, problem.row_weights)
    bent = problem.cost - spread_over_noise(perturbation, problem.cost.shape[-2])
    return problem.derived(regulariser=regulariser.base, cost=bent), perturbation


def distance_bound(
    problem: OTProblem, density: Float[Tensor, "B n m"], perturbation: Float[Tensor, "B K m"]
) -> Float[Tensor, " B"]:
    r"""Return how far in L1 a turn's plan is at most from the optimal plan with the same marginals.

    Let :math:`\mu` be the strength of the regulariser: :math:`\Omega - \mu\,\mathrm{KL}` is convex. Since the plan
    :math:`\pi` is optimal at costs raised by :math:`\Delta`, any plan :math:`\pi'` has a value of at least
    :math:`F(\pi) - \langle \Delta, \pi' - \pi \rangle + \mu\,\mathrm{KL}(\pi' | \pi)`. The least of it over plans with
    the same columns bounds the gap, by the formula of Donsker and Varadhan, and Pinsker's inequality the distance:

    .. math:: F(\pi) - \min F \le \mu\,E_x\Big[\log E_{\pi(z | x)} e^{\Delta / \mu}
              - E_{\pi(z | x)} \frac{\Delta}{\mu}\Big] =: G, \qquad
              \|\pi - \pi^*\|_1 \le \sqrt{2 G / \mu}.

    With one block of codes ``G`` is the value of the plan less the nested semi-dual's at its potential.

    Args:
        problem: The problem, with batch axes, whose regulariser has a strength above zero.
        density: Density of the plan that a turn found.
        perturbation: The tangent that it was found with.
    """
    strength = problem.regulariser.strength
    _, right = turned(problem, density)
    conditional = problem.row_weights.unsqueeze(-1) * density
    conditional = conditional.reshape(len(density), right.shape[1], -1, density.shape[-1]).sum(2)
    conditional = conditional / conditional.sum(1, keepdim=True)
    raised = (right - perturbation) / strength
    raised = raised - (conditional * raised).sum(1, keepdim=True)
    # log E exp(x) is log(1 + E[exp(x) - 1 - x]) where E x = 0
    curved = weighted_logsumexp(_log_curvature(raised), conditional, dim=1)
    excess = torch.logaddexp(torch.zeros_like(curved), curved)
    return (2 * (problem.column_weights * excess).sum(-1)).sqrt()


def _log_curvature(x: Tensor) -> Tensor:
    """Return ``log(exp(x) - 1 - x)`` without cancellation or overflow."""
    near = x.square() / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5)))
    between = x.clamp_max(_LARGE).expm1() - x
    curved = torch.where(x.abs() < _SMALL, near, between).log()
    return torch.where(x > _LARGE, x, curved)
