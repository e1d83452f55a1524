"""An iteration at fixed prices: what it starts from, and where it ends."""

from dataclasses import dataclass
from typing import Any

from infot.ot.solvers.kernel import Evaluation, Kernel
from infot.ot.status import Status

__all__ = ["Leg", "Stage"]


@dataclass(frozen=True)
class Leg:
    """What an iteration at fixed prices starts from.

    Args:
        a: Weights of the rows, ``(B, n)``.
        f: Potential, at the anchor.
        cold: Whether it is where a kernel begins by itself.
        memory: Memory of the extrapolation.
        used: Steps taken before.
        limits: L1 error to reach, most steps, steps between two looks at whether anything still betters, and how many
            of these without that are borne.
    """

    a: Any
    f: Any
    cold: bool
    memory: int
    used: int
    limits: tuple[float, int, int, int]


@dataclass(frozen=True)
class Stage:
    """Where an iteration ended, at one set of prices."""

    last: Evaluation
    kernel: Kernel
    error: Any
    n_steps: Any
    otherwise: Status
