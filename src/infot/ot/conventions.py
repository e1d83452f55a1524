"""Converters between this package's conventions and those of POT, GeomLoss and OTT.

Here the cost is taken as given, the penalty is ``epsilon KL(pi | a x b)`` and ``density = exp((f + g - C) / epsilon)``.
- POT (``ot.sinkhorn(a, b, M, reg)``): penalty ``reg * sum pi (log pi - 1)``, so ``pi = exp((alpha + beta - M) / reg)``
  with the weights inside the potentials; log-scalings ``log_u = alpha / reg``. The same plan at ``reg = epsilon``.
- GeomLoss (``SamplesLoss("sinkhorn", p=2, blur)``): cost ``|x - y|^2 / 2`` and ``epsilon = blur^2``; its potentials
  are half of ours.
- OTT (``sinkhorn.Sinkhorn``): the same penalty up to a constant; potentials with the weights inside, as POT's.

The potentials of a structured plan are those of an ordinary one at :meth:`Plan.perturbed_cost`, there and here.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.plan import Plan

__all__ = ["Potentials", "from_geomloss", "from_ott", "from_pot", "to_geomloss", "to_ott", "to_pot"]


@dataclass(frozen=True)
class Potentials:
    """A pair of potentials in some convention.

    Args:
        f: Potential of the rows.
        g: Potential of the columns.
        strength: The convention's smoothing parameter: ``reg``, ``blur`` or ``epsilon``.
    """

    f: Float[Tensor, "*batch n"]
    g: Float[Tensor, "*batch m"]
    strength: float | Float[Tensor, " B"]


def to_pot(plan: Plan) -> Potentials:
    """Return POT's dual potentials, with the weights inside: ``pi = exp((f + g - M) / reg)``.

    ``M`` is the cost of the plan's problem, or where the plan is structured :meth:`Plan.perturbed_cost`.
    """
    epsilon = plan.epsilon
    price = _beside_rows(epsilon)
    return Potentials(
        plan.f + price * plan.problem.row_weights.log(),
        plan.g + price * plan.problem.column_weights.log(),
        epsilon,
    )


def _beside_rows(strength: float | Tensor) -> float | Tensor:
    """Return a strength, one or one an item, in a shape that broadcasts against potentials."""
    return strength.unsqueeze(-1) if isinstance(strength, Tensor) else strength


def from_pot(potentials: Potentials, a: Tensor, b: Tensor) -> Potentials:
    """Return this package's potentials from POT's; ``a`` and ``b`` are the weights.

    Raises:
        ProblemError: if a weight is zero, where POT's potential is infinite and ours cannot be told.
    """
    if not (bool((a > 0).all()) and bool((b > 0).all())):
        raise ProblemError("expected positive weights: POT's potentials say nothing where a weight is zero")
    epsilon = potentials.strength
    price = _beside_rows(epsilon)
    return Potentials(potentials.f - price * a.log(), potentials.g - price * b.log(), epsilon)


def to_geomloss(plan: Plan) -> Potentials:
    """Return GeomLoss's potentials and ``blur`` of a plan at cost ``|x - y|^2``: halves, and ``sqrt(epsilon / 2)``."""
    return Potentials(plan.f / 2, plan.g / 2, (plan.epsilon / 2) ** 0.5)


def from_geomloss(potentials: Potentials) -> Potentials:
    """Return this package's potentials, for cost ``|x - y|^2``, from those of ``SamplesLoss(p=2, blur)``."""
    return Potentials(2 * potentials.f, 2 * potentials.g, 2 * potentials.strength**2)


def to_ott(plan: Plan) -> Potentials:
    """Return OTT's potentials, with the weights inside, at the same epsilon and cost."""
    return to_pot(plan)


def from_ott(potentials: Potentials, a: Tensor, b: Tensor) -> Potentials:
    """Return this package's potentials from OTT's, at the same epsilon and cost."""
    return from_pot(potentials, a, b)
