"""Hold out a part of the examples, the same for the same seed."""

import numpy as np
import torch

from infot.data.raw import Array

__all__ = ["held_out_split"]


def held_out_split(
    n: int, labels: Array | None, *, share: float, rng: torch.Generator
) -> tuple[Array, Array]:
    """Split n examples at random into training and held-out ones, class by class where there are labels.

    Of a class (or of everything) with m examples, ``round(share * m)`` are held out; at least one example is
    held out in all and at least one is trained on. Both parts come in random order.

    Args:
        n: Number of examples, at least 2.
        labels: Class of each example (n,), or ``None``.
        share: Share to hold out, in (0, 1).
        rng: Source of randomness.

    Returns:
        Indices of the training and of the held-out examples, int64.

    Example:
        >>> train, test = held_out_split(10, None, share=0.2, rng=torch.Generator().manual_seed(0))
        >>> len(train), len(test)
        (8, 2)
    """
    order = torch.randperm(n, generator=rng).numpy()
    held = np.zeros(n, dtype=bool)
    for value in [None] if labels is None else np.unique(labels):
        members = order if labels is None else order[labels[order] == value]
        held[members[: int(np.floor(share * len(members) + 0.5))]] = True
    if not held.any():
        held[order[0]] = True
    if held.all():
        held[order[-1]] = False
    return order[~held[order]], order[held[order]]
