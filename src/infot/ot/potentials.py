"""Potentials as functions: a solved plan read at latents and data that it was not solved for."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import weighted_logsumexp
from infot.ot.convexity import check_conjugate
from infot.ot.plan import Plan

__all__ = ["code_posterior", "coupling_of_latents", "latent_posterior", "transport_map"]


def _single(plan: Plan) -> Plan:
    if plan.problem.batched:
        raise ProblemError("expected the plan of a single problem; solve the items of the batch one by one")
    return plan


def latent_posterior(plan: Plan, cost: Float[Tensor, "n p"]) -> Float[Tensor, "n p"]:
    """Return ``pi(z | x)`` for unseen data, from the cost of the plan's latents to them; columns sum to one.

    ``g(x)`` is the soft c-transform of the latent potential at the new datum, and the density that of the regulariser.

    Args:
        plan: A plan with a convex regulariser, not of a batch.
        cost: Cost of each of the plan's latents to each new datum.

    Raises:
        ProblemError: if the cost does not have the plan's rows, the plan has a batch axis, or its regulariser no
            conjugate.
    """
    problem = _single(plan).problem
    if cost.shape[0] != problem.cost.shape[0]:
        raise ProblemError(f"expected a cost with {problem.cost.shape[0]} rows, got {tuple(cost.shape)}")
    check_conjugate(problem.regulariser, "a plan at unseen data", "solve for the plan with them")
    with torch.no_grad():
        a = problem.row_weights.unsqueeze(0)
        score = (plan.f.unsqueeze(-1) - cost).unsqueeze(0)
        g = problem.regulariser.potential(score, a)
        return (a.unsqueeze(-1) * problem.regulariser.density(score + g.unsqueeze(-2), a))[0]


def code_posterior(plan: Plan, cost: Float[Tensor, "n p"]) -> Float[Tensor, "p K"]:
    """Return ``pi(c | x)`` for unseen data: which code each is explained by; rows sum to one.

    Args:
        plan: A plan with blocks.
        cost: Cost of each of the plan's latents to each new datum.

    Raises:
        ProblemError: if the plan has no blocks.
    """
    if plan.problem.blocks is None:
        raise ProblemError("this plan has no blocks; give OTProblem(blocks=...) or a Structured regulariser")
    posterior = latent_posterior(plan, cost)
    return posterior.reshape(plan.problem.blocks.n_codes, -1, posterior.shape[-1]).sum(1).mT


def coupling_of_latents(
    plan: Plan, cost: Float[Tensor, "p m"], codes: Int[Tensor, " p"] | None = None
) -> Float[Tensor, "p m"]:
    """Return ``pi(x | z)`` for unseen latents, from their cost to the plan's data; rows sum to one.

    Args:
        plan: An entropic or structured plan, not of a batch.
        cost: Cost of each new latent to each of the plan's data.
        codes: Code of each new latent, for structured plans: their costs are perturbed by what the code carries.

    Raises:
        ProblemError: if the regulariser is not entropic, the cost has other columns, or codes are missing.
    """
    problem, solution = _single(plan).problem, plan.solution
    epsilon = plan.epsilon
    if cost.shape[-1] != problem.cost.shape[-1]:
        raise ProblemError(f"expected a cost with {problem.cost.shape[-1]} columns, got {tuple(cost.shape)}")
    score = plan.g - cost
    if solution.perturbation is not None:
        if codes is None:
            raise ProblemError("expected the code of each new latent, since the plan is structured")
        score = score + solution.perturbation[0][codes]
    exponents, b = score / epsilon, problem.column_weights
    return b * torch.exp(exponents - weighted_logsumexp(exponents, b, dim=-1).unsqueeze(-1))


def transport_map(
    plan: Plan, y: Float[Tensor, "m d"], cost: Float[Tensor, "p m"], codes: Int[Tensor, " p"] | None = None
) -> Float[Tensor, "p d"]:
    """Return where unseen latents are sent: the mean of the data they are coupled with (the entropic map).

    Args:
        plan: An entropic or structured plan.
        y: The plan's data.
        cost: Cost of each new latent to each of the plan's data; differentiable, for the map's own derivative.
        codes: Code of each new latent, for structured plans.

    Example:
        >>> from infot import ot
        >>> x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[10.0], [11.0]])
        >>> plan = ot.solve(ot.OTProblem.from_points(x, y, regulariser=ot.Entropic(0.05)))
        >>> transport_map(plan, y, ot.squared_euclidean(torch.tensor([[0.1]]), y)).round().tolist()
        [[10.0]]
    """
    return coupling_of_latents(plan, cost, codes) @ y
