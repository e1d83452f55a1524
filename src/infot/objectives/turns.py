"""Whose turn it is when several players train."""

from dataclasses import dataclass

__all__ = ["Turns"]


@dataclass(frozen=True)
class Turns:
    """The turns of a critic and a generator; a step is one update of the generator.

    Attributes:
        critic: Updates of the critic before an update of the generator.
        generator: Updates of the generator for each visit of the critic: with 3, the critic plays every third step.

    Example:
        >>> Turns(critic=2).at(0), [len(Turns(generator=3).at(step)) for step in range(4)]
        (('critic', 'critic', 'generator'), [2, 1, 1, 2])
    """

    critic: int = 1
    generator: int = 1

    def at(self, step: int) -> tuple[str, ...]:
        """Return the players of a step, in the order of their turns."""
        visits = self.critic if step % self.generator == 0 else 0
        return ("critic",) * visits + ("generator",)
