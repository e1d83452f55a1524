"""How an iteration comes near its fixed point: by extrapolation, and from larger prices down."""

from dataclasses import dataclass
from typing import Any

from infot.errors import ProblemError
from infot.ot.solvers.drive import AcceleratedDrive, Drive
from infot.ot.solvers.kernel import Kernel

__all__ = ["ACCELERATED", "Approach"]


@dataclass(frozen=True)
class Approach:
    """Settings that every fixed-point solver shares.

    Args:
        memory: Memory of Anderson's acceleration; 0 takes plain steps only (the textbook algorithm).
        factor: Ratio between successive prices on the way down to a small epsilon, above 1.
        from_epsilon: Price, relative to the mean cost, below which the way down is taken in stages; 0 never does.

    Raises:
        ProblemError: if a number is outside its range.
    """

    memory: int = 6
    factor: float = 4.0
    from_epsilon: float = 0.02

    def __post_init__(self) -> None:
        """Refuse what would not end."""
        if self.memory < 0 or not self.factor > 1 or not self.from_epsilon >= 0:
            raise ProblemError(f"expected memory >= 0, factor > 1 and from_epsilon >= 0, got {self}")

    def drive(self, kernel: Kernel, a: Any) -> Drive:
        """Make what moves an iteration on."""
        return AcceleratedDrive(kernel, a, memory=self.memory)

    def factors(self, height: float) -> list[float]:
        """Return the factors on all prices of the stages before the last one, largest first.

        Args:
            height: Mean cost above the least one, in units of the price of a nat.
        """
        factors, factor = [], self.factor
        while factor < self.from_epsilon * height:
            factors.append(factor)
            factor *= self.factor
        return factors[::-1]


ACCELERATED = Approach()
