"""Why a solve ended, as data with a sentence."""

from enum import Enum

__all__ = ["Status"]


class Status(Enum):
    """The reason why a solve ended; the value is a sentence for people."""

    CONVERGED = "the marginal error, and the residual if there is one, fell below the tolerance"
    MAX_STEPS = "the limit on the number of steps was reached; allow more steps, a larger epsilon or a looser tolerance"
    STALLED = "no further progress was possible at this precision; use float64, a larger epsilon or a looser tolerance"
    NON_FINITE = "a value left the finite numbers; check the cost for extreme entries or use float64"
    UNRESOLVED = (
        "rounding of the potentials is worth more than half a nat; take off what the costs of a datum have in common, "
        "or use float64 or a larger epsilon"
    )
