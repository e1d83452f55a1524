"""What commands print: results on standard output, what is going on on standard error."""

import sys
from collections.abc import Mapping

__all__ = ["headline", "say", "tell"]


def say(text: str) -> None:
    """Print a result."""
    print(text)


def tell(text: str) -> None:
    """Print what is going on."""
    print(text, file=sys.stderr)


def headline(metrics: Mapping[str, float]) -> str:
    """Return metrics as aligned lines."""
    width = max(map(len, metrics), default=0)
    return "\n".join(f"  {name:{width}}  {value:.4g}" for name, value in metrics.items())
