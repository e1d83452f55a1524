"""Which regularisers have a conjugate that solvers and potentials can use: one refusal for all that need it."""

from infot.errors import ProblemError
from infot.ot.rebates import Composite
from infot.ot.regularisers import Regulariser, Unregularised, unscaled
from infot.ot.sparse import Cardinality
from infot.ot.structure import Structured

__all__ = ["TURNS", "check_conjugate", "check_smoothing"]

TURNS = "use PerturbedCostLoop for Structured and Rebated, ConditionalGradient for any"


def check_conjugate(regulariser: Regulariser, who: str, instead: str) -> None:
    """Make sure that a regulariser, whatever its factors, has a conjugate in closed form.

    A sum has none, nor has a structured one whose code has no price above zero.

    Args:
        regulariser: Any regulariser.
        who: What needs the conjugate, for the message.
        instead: What to do where there is none.

    Raises:
        ProblemError: if it has none.
    """
    base = unscaled(regulariser)
    if isinstance(base, Structured) and not base.convex:
        raise _refusal(f"epsilon_code={base.epsilon_code}", who, instead)
    if isinstance(base, Composite):
        raise _refusal(type(base).__name__, who, instead)


def check_smoothing(regulariser: Regulariser, who: str, instead: str) -> None:
    """Make sure, besides, that the regulariser is convex and smooths: potentials tell the plan, which follows the cost.

    Args:
        regulariser: Any regulariser.
        who: What needs it, for the message.
        instead: What to do otherwise.

    Raises:
        ProblemError: if it is not such a one.
    """
    check_conjugate(regulariser, who, instead)
    base = unscaled(regulariser)
    if isinstance(base, Cardinality):
        raise _refusal("Cardinality, whose couplings jump with the cost", who, instead)
    if isinstance(base, Unregularised):
        raise _refusal("Unregularised", who, instead)


def _refusal(got: str, who: str, instead: str) -> ProblemError:
    return ProblemError(
        f"{who}: expected a convex smoothing with a conjugate, such as Entropic, Quadratic or Structured with "
        f"epsilon_code > 0, got {got}; {instead}"
    )
