"""The dual value of a plan between clouds and its derivative in the weights, by the potentials alone."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from infot.ot.clouds.problem import CloudProblem, column
from infot.ot.differentiation import centred
from infot.ot.unbalanced import Price, gain, relative_target

__all__ = ["dual_value", "weight_slopes", "weighted"]


def weighted(
    weights: Float[Tensor, "*batch n"], potential: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch"]:
    """Return the sum of a potential under weights, which are held."""
    return (weights.detach().unsqueeze(-2) @ potential.unsqueeze(-1)).squeeze((-2, -1))


def dual_value(
    problem: CloudProblem, f: Float[Tensor, "*batch n"], g: Float[Tensor, "*batch m"]
) -> Float[Tensor, "*batch"]:
    """Return ``E_a[f] + E_b[g]``, and with ``rho`` the dual of :mod:`infot.ot.unbalanced` at optimal rows."""
    a, b, prices = problem.row_weights, problem.column_weights, problem.marginal_prices
    if prices is None:
        return weighted(a, f) + weighted(b, g)
    mass = weighted(a, _of_items(relative_target, f, prices[0]))
    total = weighted(a, _of_items(gain, f, prices[0])) + weighted(b, _of_items(gain, g, prices[1]))
    return total - problem.epsilon * (mass - a.detach().sum(-1) * b.detach().sum(-1))


def weight_slopes(
    problem: CloudProblem, f: Float[Tensor, "*batch n"], g: Float[Tensor, "*batch m"]
) -> tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch m"]]:
    """Return the derivatives of the value in the weights.

    These are the centred potentials where weights live on the simplex. With ``rho`` they are free numbers, and a unit
    of mass more is worth ``phi(f) - epsilon (exp(-f / rho) - b(1))``.
    """
    a, b = problem.row_weights.detach(), problem.column_weights.detach()
    prices = problem.marginal_prices
    if prices is None:
        return centred(f, a), centred(g, b)

    def slope(potential: Tensor, price: Price, other: Tensor) -> Tensor:
        masses = _of_items(relative_target, potential, price) - other.sum(-1, keepdim=True)
        return _of_items(gain, potential, price) - column(problem.epsilon) * masses

    return slope(f, prices[0], b), slope(g, prices[1], a)


def _of_items(function: Callable[[Tensor, Price], Tensor], potential: Tensor, price: Price) -> Tensor:
    """Return a function of potentials with a batch axis and a price an item, of those with or without one."""
    return function(potential.reshape(-1, potential.shape[-1]), price).reshape(potential.shape)
