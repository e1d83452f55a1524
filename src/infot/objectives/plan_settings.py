"""What decides the plans of a run on samples: prices over the schedule, the self term, the solves."""

from dataclasses import dataclass
from typing import NamedTuple

from infot import ot
from infot.objectives.latent_batch import LatentBatch, LatentGrid
from infot.ot.schedules import Schedule

__all__ = ["PlanSettings", "Prices", "ordered_ratios"]


def ordered_ratios(first: float, depth: int) -> tuple[float, ...]:
    """Return the prices of ``depth`` ordered blocks relative to epsilon: from ``first`` they rise geometrically to it.

    Example:
        >>> ordered_ratios(0.01, 2)
        (0.01, 0.1)
    """
    return tuple(first ** (1 - k / depth) for k in range(depth))


class Prices(NamedTuple):
    """Prices of a nat at one moment, in units of cost: through the noise, through each code block, off the prior."""

    epsilon: float
    code: tuple[float, ...]
    relaxation: float | None

    def times(self, unit: float) -> "Prices":
        """Return every price multiplied by ``unit``."""
        relaxation = None if self.relaxation is None else unit * self.relaxation
        return Prices(unit * self.epsilon, tuple(unit * price for price in self.code), relaxation)

    def at_least(self, least: float) -> "Prices":
        """Return the prices with none of a nat of information below ``least``."""
        return self._replace(
            epsilon=max(self.epsilon, least), code=tuple(max(price, least) for price in self.code)
        )

    def of_joint_code(self) -> "Prices":
        """Return the prices at which ordered blocks are read jointly: that of the first one."""
        return self._replace(code=self.code[:1])

    def structured(self, latents: LatentBatch) -> ot.Structured:
        """Return the regulariser of a latent batch at these prices."""
        return ot.Structured(ot.Entropic(self.epsilon), blocks=latents.blocks, epsilon_code=self.code)


@dataclass(frozen=True)
class PlanSettings:
    """What decides the plans of a run.

    Attributes:
        epsilon: Price of a nat through the noise, in the unit of the ground cost.
        epsilon_code_ratio: Price of a nat through the (first) code block, relative to ``epsilon``.
        self_structure: How structured the self term is: 0 plain, 1 as the plan to the data (method, section 5).
        relaxation: Price of a nat by which a batch's code frequencies leave the prior, in the unit of the ground cost;
            None keeps the prior in every batch. High while codes form, so that they share the data out; low afterwards.
        tolerance: L1 marginal error of each solve.
        max_steps: Limit on the steps of each solve.
    """

    epsilon: Schedule
    epsilon_code_ratio: Schedule
    self_structure: Schedule
    relaxation: Schedule | None
    tolerance: float
    max_steps: int

    def prices(self, progress: float, grid: LatentGrid) -> Prices:
        """Return the prices at ``progress``; those of ordered blocks by :func:`ordered_ratios`."""
        epsilon = self.epsilon(progress)
        ratio = self.epsilon_code_ratio(progress)
        depth = len(grid.latents.code) if grid.ordered else 1
        relaxation = self.relaxation
        return Prices(
            epsilon,
            tuple(epsilon * share for share in ordered_ratios(ratio, depth)),
            None if relaxation is None else relaxation(progress),
        )

    def solve(self, problem: ot.OTProblem) -> ot.Plan:
        """Solve a problem of a turn as far as the settings ask; the reached error is logged with every step."""
        return ot.solve(problem, tolerance=self.tolerance, max_steps=self.max_steps, on_failure="return")
