"""What is known of the starts of a run, of which the best goes on."""

from dataclasses import dataclass, field

from torch import Tensor

from infot.training.snapshot import Snapshot

__all__ = ["Outcome", "Starts"]


@dataclass(frozen=True)
class Outcome:
    """How a start ended.

    Attributes:
        information: Mean of I(c;x) over the last stretch of the start, in nats; None where it diverged.
        error: What went wrong then.

    Example:
        >>> str(Outcome(2.2184)), str(Outcome(None, "step 7: loss is not finite"))
        ('I(c;x) 2.2184 nats', 'diverged at step 7: loss is not finite')
    """

    information: float | None
    error: str | None = None

    def __str__(self) -> str:
        """Say it in words."""
        told = self.information
        return f"diverged at {self.error}" if told is None else f"I(c;x) {told:.4f} nats"


@dataclass
class Starts:
    """The starts so far; a part of the state of a run, which checkpoints hold.

    Attributes:
        current: Index of the start in hand; their number once all have ended.
        outcomes: How those before it ended, in order.
        total: Sum of the information that counts of the start in hand, 0-dimensional; None before the first.
        kept: Where the best of those that have ended stands, until a choice is made.
    """

    current: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    total: Tensor | None = None
    kept: Snapshot | None = None

    @property
    def best(self) -> int | None:
        """Index of the start whose code tells most, the first of equals; None where none has ended well."""
        told = {k: end.information for k, end in enumerate(self.outcomes) if end.information is not None}
        return max(told, key=told.__getitem__) if told else None

    def watch(self, information: Tensor) -> None:
        """Count what the code told of one batch in the start in hand."""
        self.total = information if self.total is None else self.total + information

    def end(self, outcome: Outcome) -> bool:
        """Note how the start in hand ended; return whether it is the best so far."""
        self.outcomes.append(outcome)
        self.total = None
        return self.best == len(self.outcomes) - 1
