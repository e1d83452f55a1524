"""Prices relative to the cost: one setting serves data of any scale (method, section 7)."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.regularisers import Regulariser, Scaled

__all__ = ["Relative", "mean_cost"]


def mean_cost(
    cost: Float[Tensor, "*batch n m"], a: Float[Tensor, "*any n"], b: Float[Tensor, "*other m"]
) -> Float[Tensor, "*batch"]:
    """Return the mean of the cost under ``a x b``: what moving mass at random costs. Carries no gradient.

    Example:
        >>> import torch
        >>> mean_cost(torch.tensor([[0.0, 4.0]]), torch.ones(1), torch.tensor([0.75, 0.25])).item()
        1.0
    """
    a, b = a.detach(), b.detach()
    total = (cost.detach() * a.unsqueeze(-1) * b.unsqueeze(-2)).sum((-2, -1))
    return total / (a.sum(-1) * b.sum(-1))


@dataclass(frozen=True)
class Relative(Regulariser):
    """A regulariser whose prices are multiples of the mean cost under ``a x b``.

    A problem made with it holds the regulariser in units of cost: ``Relative(Entropic(0.05))`` becomes
    ``Entropic(0.05 * mean)``; in a batch each item has its own mean. The mean is held in every gradient.

    Args:
        regulariser: What smooths the plan, with relative prices.

    Example:
        >>> import torch
        >>> from infot import ot
        >>> cost = torch.tensor([[0.0, 20.0], [20.0, 0.0]])
        >>> ot.OTProblem(cost=cost, regulariser=ot.Relative(ot.Entropic(0.05))).regulariser
        Entropic(epsilon=0.5)
    """

    regulariser: Regulariser

    def value(self, density: Tensor, a: Tensor) -> Tensor:
        """Refuse: prices are not known before they meet a cost."""
        raise self._unknown()

    def conjugate(self, slack: Tensor, a: Tensor) -> Tensor:
        """Refuse likewise."""
        raise self._unknown()

    def density(self, slack: Tensor, a: Tensor) -> Tensor:
        """Refuse likewise."""
        raise self._unknown()

    def _unknown(self) -> ProblemError:
        return ProblemError(
            "relative prices are unknown without a cost; take the regulariser of a problem, or .at()"
        )

    def at(self, cost: Tensor, a: Tensor, b: Tensor) -> Regulariser:
        """Return the regulariser in units of cost.

        Raises:
            ProblemError: if a mean cost is not positive, so that nothing can be relative to it.
        """
        return self.times_mean(mean_cost(cost, a, b))

    def times_mean(self, mean: Float[Tensor, "*batch"]) -> Regulariser:
        """Return the regulariser in units of cost, from mean costs that are known, one an item of a batch.

        Raises:
            ProblemError: if one is not positive.
        """
        least = float(mean.min())
        if not least > 0:
            raise ProblemError(
                f"expected a positive mean cost for relative prices, got {least:.3g}; "
                "give prices in units of cost where points may coincide"
            )
        return self.regulariser.times(float(mean)) if mean.ndim == 0 else Scaled(self.regulariser, mean)
