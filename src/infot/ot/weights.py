"""Weights of a measure: filled in and checked once, at the front door."""

import math

import torch
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import to_loop

__all__ = ["checked_weights", "filled_weights", "probabilities"]

_MASS_TOLERANCE = 1e-4
_ROUNDINGS = 8


def checked_weights(
    weights: Tensor | None, name: str, size: int, like: Tensor, *, sum_one: bool = True
) -> Tensor:
    """Return weights, uniform if left out, after checking that they are a measure.

    Sums that are one to single precision only are made one to that of ``like``.

    Args:
        weights: ``(size,)``, or ``(B, size)`` where ``like`` has a batch axis.
        name: What the messages call them.
        size: How many there are.
        like: Cost or cloud whose dtype, device and batch axis they take.
        sum_one: Whether they must sum to one, or to anything positive.

    Raises:
        ProblemError: if shape, dtype, signs or sums are wrong.
    """
    if weights is None:
        return filled_weights(None, name, size, like)
    allowed = [(size,)] if like.ndim == 2 else [(size,), (like.shape[0], size)]
    if tuple(weights.shape) not in allowed:
        raise ProblemError(
            f"expected {name} of shape {' or '.join(map(str, allowed))}, got {tuple(weights.shape)}"
        )
    if not weights.is_floating_point():
        raise ProblemError(
            f"expected floating-point {name}, got {weights.dtype}; divide the counts by their sum"
        )
    weights = weights.to(dtype=like.dtype, device=like.device)
    held = to_loop(weights)
    smallest, masses = float(held.min()), held.sum(-1)
    least, most = float(masses.min()), float(masses.max())
    _check_masses(name, smallest, least, most, sum_one)
    rounding = _ROUNDINGS * torch.finfo(like.dtype).eps
    if not sum_one or (1 - rounding <= least and most <= 1 + rounding):
        return weights
    # Between masses that differ there is no plan: no tolerance below the difference could be met, and the dual would
    # grow without bound along the constants.
    return weights / weights.detach().sum(-1, keepdim=True)


def filled_weights(weights: Tensor | None, name: str, size: int, like: Tensor) -> Tensor:
    """Return weights as given, uniform if left out; only their number is checked, batch axes may be any.

    Args:
        weights: ``(..., size)``.
        name: What the message calls them.
        size: How many there are.
        like: Points whose dtype and device uniform ones take.

    Raises:
        ProblemError: if their number is another.
    """
    if weights is None:
        return torch.full((size,), 1 / size, dtype=like.dtype, device=like.device)
    if weights.shape[-1] != size:
        raise ProblemError(f"expected {size} weights in {name}, got shape {tuple(weights.shape)}")
    return weights


def probabilities(weights: Tensor | None, name: str, size: int, like: Tensor) -> Tensor:
    """Return weights as given, uniform if left out, after checking that they are non-negative with sum one.

    Args:
        weights: ``(..., size)``; batch axes may be any.
        name: What the message calls them.
        size: How many there are.
        like: Points whose dtype and device uniform ones take.

    Raises:
        ProblemError: if they are not.
    """
    filled = filled_weights(weights, name, size, like)
    if weights is not None:
        held, masses = filled.detach(), filled.detach().sum(-1)
        _check_masses(name, float(held.min()), float(masses.min()), float(masses.max()), True)
    return filled


def _check_masses(name: str, smallest: float, least: float, most: float, sum_one: bool) -> None:
    low, high = (1 - _MASS_TOLERANCE, 1 + _MASS_TOLERANCE) if sum_one else (math.ulp(0.0), math.inf)
    if not (smallest >= 0 and low <= least and most <= high and math.isfinite(most)):
        wanted = "sum 1" if sum_one else "a positive, finite sum"
        raise ProblemError(
            f"expected {name} to be non-negative with {wanted}, got minimum {smallest:.3g} and sums from "
            f"{least:.6g} to {most:.6g}{'; divide it by its sum' if sum_one else ''}"
        )
