"""The condition that the latent potential of a nested soft minimum meets: every row of the density has mass one.

With ``g`` the (nested) soft minimum of ``C - f`` and ``log d`` the log-density that it gives, the condition is
``r(z) = log sum_x b(x) d(z, x) = 0``. Weighted by ``a`` its derivative in ``f`` is the Schur complement of the dual's
Hessian, the curvature of the semi-dual: symmetric, positive semi-definite, and zero on constants.

Where marginals have a price, ``g`` is ``rho_b / (rho_b + epsilon_1)`` times the soft minimum, ``epsilon_1`` being the
price of a column's mass (that of the outermost code), and the condition is
``r(z) = log sum_x b(x) d(z, x) + f(z) / rho_a = 0``. Weighted by the plan's rows its derivative is
``diag(pi 1) (1 / epsilon + 1 / rho_a) - (s_b / epsilon) pi diag(1 / pi^T 1) pi^T`` for plain smoothing,
``s_b = rho_b / (rho_b + epsilon)``: symmetric, positive definite.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import weighted_logsumexp
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.structure import Nest, Structured
from infot.ot.unbalanced import inverse_price, relaxation, target

__all__ = ["Stationarity", "contraction", "curvature", "nest_of", "row_targets"]


@dataclass(frozen=True)
class Stationarity:
    """The condition at a potential, in operations that can be differentiated.

    Args:
        residual: ``r``, the logarithm of each row's mass under ``b``, and ``f / rho_a`` where that has a price; zero at
            the optimum.
        g: Potential of the data.
        perturbation: ``lambda log r(c, x)``, None without codes.
        log_density: Log-density against ``a x b``.
    """

    residual: Float[Tensor, "B n"]
    g: Float[Tensor, "B m"]
    perturbation: Float[Tensor, "B K m"] | None
    log_density: Float[Tensor, "B n m"]

    @classmethod
    def at(cls, problem: OTProblem, f: Float[Tensor, "B n"]) -> "Stationarity":
        """Evaluate the condition of a problem with batch axes at a latent potential."""
        nest = nest_of(problem)
        score = f.unsqueeze(-1) - problem.cost
        soft = nest.inner(score)
        kept, log_code = nest.outer(soft)
        prices, g = problem.marginal_prices, kept
        if prices is not None:
            g = relaxation(prices[1], nest.damping, kept) * kept
            log_code = log_code + (g - kept).unsqueeze(1) / nest.damping
        grouped = score.reshape(*soft.shape[:2], -1, score.shape[-1])
        log_density = (grouped - soft.unsqueeze(2)) / nest.epsilon + log_code.unsqueeze(2)
        log_density = log_density.reshape(score.shape)
        residual = weighted_logsumexp(log_density, problem.column_weights.unsqueeze(-2), dim=-1)
        if prices is not None:
            residual = residual + f * inverse_price(prices[0], f)
        perturbation = nest.epsilon * log_code - soft - g.unsqueeze(1) if nest.sizes else None
        return cls(residual, g, perturbation, log_density)


def row_targets(problem: OTProblem, f: Float[Tensor, "B n"]) -> Float[Tensor, "B n"]:
    """Return the row masses at the optimum: the weights, or what the potential asks for at the price ``rho_a``."""
    prices = problem.marginal_prices
    return problem.row_weights if prices is None else target(f, problem.row_weights, prices[0])


def contraction(problem: OTProblem, epsilon: float, f: Float[Tensor, "B n"]) -> float | Float[Tensor, "#B 1"]:
    """Return what a step ``f <- f - contraction * r`` takes: ``epsilon``, and ``epsilon rho_a / (rho_a + epsilon)``."""
    prices = problem.marginal_prices
    return epsilon if prices is None else epsilon * relaxation(prices[0], epsilon, f)


def curvature(
    problem: OTProblem, log_density: Float[Tensor, "B n m"]
) -> Callable[[Float[Tensor, "B n"]], Float[Tensor, "B n"]]:
    """Return ``x -> diag(pi 1) (dr / df) x``, two products with the plan an application.

    A change ``x`` of the potential changes the log-density of ``(z, x)`` by ``(x_z - E[x | c]) / epsilon`` plus, for
    each code block ``k``, ``(E[x | c_<=k] - E[x | c_<k]) / epsilon_k``, the means taken under the plan's conditionals
    given the datum; with ``rho`` it changes the column's mass too, by ``E[x] / (rho_b + epsilon_1)``.
    """
    nest = nest_of(problem)
    b = problem.column_weights
    conditional = problem.row_weights.unsqueeze(-1) * log_density.exp()
    rows = (conditional @ b.unsqueeze(-1)).squeeze(-1)
    grouped = conditional.reshape(b.shape[0], nest.n_codes, -1, b.shape[-1])
    masses = grouped.sum(2)
    diagonal, of_column = 1 / nest.epsilon, 0.0
    prices = problem.marginal_prices
    if prices is not None:
        diagonal = diagonal + inverse_price(prices[0], b)
        # 1 / (rho_b + epsilon_1), which is zero where rho_b is infinite
        of_column = inverse_price(prices[1], b) * relaxation(prices[1], nest.damping, b)

    def apply(x: Tensor) -> Tensor:
        shaped = x.reshape(*grouped.shape[:3], 1)
        mean = (grouped.mT @ shaped).squeeze(-1) / _divisor(masses)
        field = b.unsqueeze(1) * (_between_blocks(nest, masses, mean, of_column) - mean / nest.epsilon)
        return rows * x * diagonal + (grouped @ field.unsqueeze(-1)).reshape(x.shape)

    return apply


def _between_blocks(
    nest: Nest, masses: Float[Tensor, "B K m"], mean: Float[Tensor, "B K m"], of_column: float | Tensor
) -> Tensor:
    """Return ``sum_k (E[x | c_<=k] - E[x | c_<k]) / epsilon_k + of_column E[x]`` for every code."""
    n_data = masses.shape[-1]
    level, weight = (x.reshape(-1, *nest.sizes, n_data) for x in (mean, masses))
    total = torch.zeros_like(level)
    for depth in range(len(nest.sizes), 0, -1):
        outside = weight.sum(depth)
        above = (weight * level).sum(depth) / _divisor(outside)
        part = (level - above.unsqueeze(depth)) / nest.epsilons[depth - 1]
        total = total + part.reshape(*part.shape[:-1], *[1] * (len(nest.sizes) - depth), n_data)
        level, weight = above, outside
    everywhere = (of_column * level.reshape(-1, n_data)).reshape(-1, *[1] * len(nest.sizes), n_data)
    return (total + everywhere).reshape(mean.shape)


def _divisor(mass: Tensor) -> Tensor:
    return mass.clamp_min(torch.finfo(mass.dtype).tiny)


def nest_of(problem: OTProblem) -> Nest:
    """Return weights and temperatures of a problem's nested soft minimum."""
    regulariser = problem.regulariser
    assert isinstance(regulariser, Entropic | Structured)
    return Nest.of(regulariser, problem.row_weights)
