r"""What the solvers that go from plan to plan share: the first plan, a turn's problem, how far the plan still is.

A turn replaces the term beside the base by its tangent at the current plan, :math:`\langle -p, \pi \rangle`. The plan
found solves the whole problem *exactly*, at ground costs raised by :math:`\Delta = p' - p`, with :math:`p'` the
tangent at the plan found: at these costs the tangent that was used is the right one. For rebates that leave the whole
convex this is a certificate: :func:`distance_bound`, and where they leave nothing more :func:`gap_bound`. Both see
differences of logarithms only, so rounding does not blur them as it does a difference of values.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import weighted_logsumexp
from infot.ot.convexity import check_conjugate
from infot.ot.density import density_of, spread_over_noise
from infot.ot.problem import OTProblem
from infot.ot.rebates import Composite
from infot.ot.regularisers import Regulariser
from infot.ot.solution import Residual
from infot.ot.solvers.base import finish
from infot.ot.solvers.start import Start
from infot.ot.status import Status
from infot.ot.structure import Structured

__all__ = [
    "DISTANCE",
    "GAP",
    "certificate",
    "check_base",
    "cost_unit",
    "distance_bound",
    "first_density",
    "gap_bound",
    "turned",
]

DISTANCE = "bound on the L1 distance from the optimal plan"
GAP = "gap over the mean of |cost|"
_SMALL, _LARGE = 1e-2, 40.0  # where the series of exp(x) - 1 - x, and where exp(x) alone, is all that is left


def check_base(base: Regulariser, solver: str) -> None:
    """Refuse a base that no solver of a turn takes.

    Raises:
        ProblemError: if the base has terms without a conjugate of its own.
    """
    check_conjugate(
        base, f"the base in a turn of {solver}", "take its own base and put all rebates into one Rebated"
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


def certificate(
    problem: OTProblem, density: Float[Tensor, "B n m"], perturbation: Float[Tensor, "B K m"]
) -> Residual | None:
    """Return what bounds how far a turn's plan is from the optimum, None where the whole is not known to be convex.

    Args:
        problem: The problem, with batch axes.
        density: Density of the plan that a turn found.
        perturbation: The tangent that it was found with.
    """
    strength = problem.regulariser.strength
    if strength > 0:
        return Residual(DISTANCE, distance_bound(problem, density, perturbation))
    if strength == 0:
        return Residual(GAP, gap_bound(problem, density, perturbation) / cost_unit(problem))
    return None


def cost_unit(problem: OTProblem) -> Float[Tensor, " B"]:
    """Return the mean of ``|C|`` under ``a x b``, the unit of gaps."""
    a, b, size = problem.row_weights, problem.column_weights, problem.cost.abs()
    return (b * (a.unsqueeze(-1) * size).sum(-2)).sum(-1).clamp_min(torch.finfo(size.dtype).tiny)


def gap_bound(
    problem: OTProblem, density: Float[Tensor, "B n m"], perturbation: Float[Tensor, "B K m"]
) -> Float[Tensor, " B"]:
    r"""Return how much the value of a turn's plan is at most above that of any other with the same marginals.

    As in :func:`distance_bound`, with nothing left that is strictly convex: any plan :math:`\pi'` has a value of at
    least :math:`F(\pi) - \langle \Delta, \pi' - \pi \rangle`. The least of it over plans with the same columns puts
    each column where :math:`\Delta` is largest:

    .. math:: F(\pi) - \min F \le E_x\Big[\max_z \Delta(z, x) - E_{\pi(z | x)} \Delta(z, x)\Big],

    the limit of ``G`` there as :math:`\mu \to 0`. With one block of codes and ``epsilon_code = 0`` it is the gap to the
    semi-dual at the plan's potential, ``E_a[f] + E_b[min_c A(c, x)]``. Where the density of a code underflows,
    :math:`\Delta` comes out larger than it is, and the bound still holds.

    Args:
        problem: The problem, with batch axes, whose regulariser is convex in the plan.
        density: Density of the plan that a turn found.
        perturbation: The tangent that it was found with.
    """
    _, right = turned(problem, density)
    raised = right - perturbation
    n_codes = right.shape[1]
    weights = problem.row_weights.reshape(len(right), n_codes, -1).sum(-1, keepdim=True)
    conditional = problem.row_weights.unsqueeze(-1) * density
    conditional = conditional.reshape(len(right), n_codes, -1, density.shape[-1]).sum(2)
    conditional = conditional / conditional.sum(1, keepdim=True)
    highest = torch.where(weights > 0, raised, -torch.inf).amax(1)
    mean = (conditional * raised).sum(1)
    return (problem.column_weights * (highest - mean)).sum(-1)


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
