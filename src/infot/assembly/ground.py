"""From a configuration to the ground cost of a plan."""

from infot import ot
from infot.config import ObjectiveConfig
from infot.errors import ConfigError
from infot.objectives.followed_ground import FollowedGround
from infot.objectives.ground import PIXELS, FixedGround, Ground, LearnedGround
from infot.objectives.pyramid_ground import PyramidGround

__all__ = ["build_ground"]


def build_ground(wanted: ObjectiveConfig, cost: ot.Cost | None) -> Ground:
    """Make the ground cost.

    Args:
        wanted: The configuration of the objective.
        cost: The cost between flattened points where the configuration says that it is given.

    Raises:
        ConfigError: If it is no ground cost.
    """
    if cost is not None:
        if not isinstance(cost, ot.Cost):
            raise ConfigError(f"cost: expected a ground cost, an infot.ot.Cost, got {cost!r}")
        return FixedGround(cost)
    match wanted.cost:
        case "learned" if wanted.plan == "primal":
            return FollowedGround()
        case "learned":
            return LearnedGround()
        case "pyramid":
            return PyramidGround(ot.Linear(0.0, 1.0, *wanted.sharpen))
        case _:
            return PIXELS
