"""Colours of codes and runs: safe for colour-blind readers, on light and on dark paper."""

from dataclasses import dataclass

import numpy as np

__all__ = ["ACCENT", "Groups", "colour", "group"]

HUES = (
    *("#1f7fc1", "#e08e00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b5a11d", "#8265b0"),
    *("#9a6a3a", "#808a94", "#6f9a2b", "#c2439a", "#1a9ba6", "#c94a5c", "#5b6fd6", "#d08a70"),
)
"""Okabe and Ito's palette ("Color Universal Design", 2008), changed where it did not show on white or black,
and eight hues more of middle lightness. Where codes are many, numbers tell them apart, not colours."""

RAMP = ("#2f4b8f", "#4f659a", "#6f7f97", "#8d938c", "#aaa679", "#c7b65c", "#e0bf3f", "#f2c014")
"""Eight steps from dark blue to yellow, ordered by lightness as cividis is: for ordered values."""

ACCENT = (0x2A, 0x7F, 0xC4)
"""Red, green, blue of heat maps; strength is given by opacity, so that they work on light and dark paper."""


def colour(index: int) -> str:
    """Give the colour of a code or run: sixteen hues, then the same again.

    >>> colour(0), colour(16) == colour(0)
    ('#1f7fc1', True)
    """
    return HUES[index % len(HUES)]


@dataclass(frozen=True)
class Groups:
    """Points sorted into groups that are drawn in one colour each."""

    index: np.ndarray
    """Group of each point, (n,), integers."""
    names: tuple[str, ...]
    """What each group is called: a code, or a range of a continuous code."""
    colours: tuple[str, ...]
    """Colour of each group."""
    ordered: bool
    """Whether the groups are steps of a continuous code."""


def group(values: np.ndarray) -> Groups:
    """Sort points by code: one group per value of a categorical code, eight quantiles of a continuous one.

    Args:
        values: Code of each point, (n,); integers, or floats that are whole numbers, are taken as categories.
    """
    if np.all(values == np.round(values)):
        index = values.astype(np.int64)
        index = index - min(0, int(index.min(initial=0)))
        count = int(index.max(initial=-1)) + 1
        return Groups(
            index, tuple(str(k) for k in range(count)), tuple(colour(k) for k in range(count)), False
        )
    edges = np.quantile(values, np.linspace(0, 1, len(RAMP) + 1))
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(RAMP) - 1)
    names = tuple(f"{edges[k]:.2f} to {edges[k + 1]:.2f}" for k in range(len(RAMP)))
    return Groups(index, names, RAMP, True)
