"""What commands print: results on standard output, what is going on on standard error."""

import sys
from collections.abc import Mapping

__all__ = ["headline", "say", "tell"]


def say(text: str) -> None:
    """Print a result."""
    sys.stdout.write(f"{text}\n")


def tell(text: str) -> None:
    """Print what is going on."""
    sys.stderr.write(f"{text}\n")


def headline(metrics: Mapping[str, float]) -> str:
    """Return metrics as aligned lines."""
    width = max(map(len, metrics), default=0)
    return "\n".join(f"  {name:{width}}  {value:.4g}" for name, value in metrics.items())
