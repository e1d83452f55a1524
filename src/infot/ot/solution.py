"""What a solver hands back: potentials, value and why it ended."""

from dataclasses import dataclass, replace

from jaxtyping import Float, Int
from torch import Tensor

from infot.ot.status import Status

__all__ = ["Residual", "Solution"]


@dataclass(frozen=True, eq=False)
class Residual:
    """What a solver held against the tolerance beside the marginal error.

    Args:
        name: What it is, in words.
        value: What was reached, ``(B,)``, without a unit.
    """

    name: str
    value: Float[Tensor, " B"]


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver hands back, always with a batch axis.

    Args:
        f: Potential of the latents, set so that the plan's rows are exact.
        g: Potential of the data.
        perturbation: By how much structure lowers the ground cost of (code, datum): ``lambda log r``.
        row_scale: Factor on the rows of the density, for regularisers whose potential cannot make them exact.
        value: Optimal value, ``(B,)``.
        n_steps: Steps taken, ``(B,)``.
        statuses: Why each solve ended.
        solver: What solved it, in words.
        factors: Row factor, kernel and column factor, by code, whose product is the plan; saves the exponentials.
        masses: The plan itself, where potentials do not tell it.
        residual: What the solver held against the tolerance beside the marginal error, if anything.
    """

    f: Float[Tensor, "B n"]
    g: Float[Tensor, "B m"]
    value: Float[Tensor, " B"]
    n_steps: Int[Tensor, " B"]
    statuses: tuple[Status, ...]
    solver: str
    perturbation: Float[Tensor, "B K m"] | None = None
    row_scale: Float[Tensor, "B n"] | None = None
    factors: tuple[Tensor, Tensor, Tensor] | None = None
    masses: Float[Tensor, "B n m"] | None = None
    residual: Residual | None = None

    def times(self, factor: Float[Tensor, "B 1"]) -> "Solution":
        """Return the solution of the problem whose cost and prices are ``factor`` times as large: the same plan."""
        perturbation = self.perturbation
        return replace(
            self,
            f=self.f * factor,
            g=self.g * factor,
            value=self.value * factor.squeeze(-1),
            perturbation=None if perturbation is None else perturbation * factor.unsqueeze(-1),
        )
