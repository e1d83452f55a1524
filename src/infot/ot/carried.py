"""A potential held fixed before other data than it was solved for: the plan that comes of it."""

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log
from infot.ot.plan import Plan
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.semidual import plan_of_potential
from infot.ot.solvers.base import row_masses
from infot.ot.structure import Nest, Structured

__all__ = ["carried_plan", "weight_potential"]


def carried_plan(problem: OTProblem, f: Float[Tensor, " n"]) -> Plan:
    r"""Return the plan of ``π(z | x)`` under a held potential, with the rows weighed as the data use them.

    The nested soft minimum fixes :math:`\pi(z | x)` datum by datum, whatever other data there are. With the weights of
    the data it is a plan, whose rows weigh :math:`a' = \sum_x b_x \pi(z | x)`. Between ``a'`` and ``b`` it is optimal,
    with the potential

    .. math:: f' = f + \sum_k \varepsilon_k \log \frac{a(c_k | c_{<k})}{a'(c_k | c_{<k})}
                     + \varepsilon \log \frac{a(e | c)}{a'(e | c)},

    since weights enter the nested soft minimum beside the potential only. Nothing is iterated. In contrast
    :func:`solve` would move potentials until the data, even a handful of them, used every latent by its weight.

    Args:
        problem: Latents with the weights that the potential was solved for, and the new data; entropic or structured
            with prices above zero, not a batch.
        f: Potential of the latents, in units of cost.

    Raises:
        ProblemError: If the problem is of another kind, or the potential does not fit.

    Example:
        >>> from infot import ot
        >>> cost, few = torch.rand(6, 5), torch.rand(6, 2)
        >>> plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.1)))
        >>> carried = ot.carried_plan(ot.OTProblem(cost=few, regulariser=ot.Entropic(0.1)), plan.f)
        >>> torch.allclose(carried.conditional(), ot.latent_posterior(plan, few), atol=1e-5)
        True
    """
    regulariser = problem.regulariser
    priced = isinstance(regulariser, Entropic) or (isinstance(regulariser, Structured) and regulariser.convex)
    if not priced or problem.batched or problem.rho is not None:
        raise ProblemError(
            "expected a single problem that keeps its marginals, entropic or structured with epsilon_code > 0"
        )
    assert isinstance(regulariser, Entropic | Structured)
    if f.shape != problem.cost.shape[:1]:
        raise ProblemError(f"expected a potential of {len(problem.cost)} rows, got shape {tuple(f.shape)}")
    with torch.no_grad():
        batch = problem.as_batch()
        held = f.detach().to(batch.cost).unsqueeze(0)
        weights = batch.row_weights * row_masses(batch, held)[2]
        weights = weights / weights.sum()  # one already, but for rounding
        shift = weight_potential(regulariser, batch.row_weights) - weight_potential(regulariser, weights)
        return plan_of_potential(problem.derived(a=weights[0]), (held + shift)[0])


def weight_potential(regulariser: Entropic | Structured, a: Float[Tensor, "B n"]) -> Float[Tensor, "B n"]:
    """Return the logarithms of the weights of each block given those before it, each times its price, summed.

    It is how weights enter the nested soft minimum: two pairs of potential and weights with the same sum
    ``f + weight_potential(a)`` tell the same conditionals.
    """
    nest = Nest.of(regulariser, a)
    total = nest.epsilon * safe_log(nest.noise).flatten(1)
    for epsilon, weights in zip(nest.epsilons, nest.conditionals, strict=True):
        logs = safe_log(weights).flatten(1)
        total = total + epsilon * logs.repeat_interleave(a.shape[1] // logs.shape[1], dim=1)
    return total
