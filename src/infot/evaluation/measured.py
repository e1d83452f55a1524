"""What one part of an evaluation found."""

from dataclasses import dataclass

from infot.metrics import Metric

__all__ = ["Measured"]


@dataclass(frozen=True)
class Measured:
    """What was measured, and how.

    Attributes:
        metrics: The measurements by name.
        protocol: How, in sentences.
    """

    metrics: dict[str, Metric]
    protocol: dict[str, str]
