"""Pairs of codes that have one coordinate in common."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["CodePairs", "draw_pairs"]


class CodePairs(NamedTuple):
    """Pairs of codes.

    Attributes:
        first: The codes of one side.
        second: The codes of the other.
        shared: The coordinate that both have in common.
    """

    first: Float[Tensor, "n d"]
    second: Float[Tensor, "n d"]
    shared: Int[Tensor, " n"]


def draw_pairs(n: int, code_dim: int, *, gap: float, rng: torch.Generator) -> CodePairs:
    """Draw pairs of codes, uniform on [-1, 1], that share one coordinate; the others are at least ``gap`` apart.

    A coordinate that is not shared is drawn twice between ``gap/2 - 1`` and ``1 - gap/2``, and the two values are moved
    ``gap`` further apart. Lin et al., arXiv 1906.06034, section 4, as in the authors' code.

    Args:
        n: How many.
        code_dim: Coordinates of a code, at least 2.
        gap: In [0, 2).
        rng: On the CPU.
    """
    first, second = (1 - gap / 2) * (2 * torch.rand(2, n, code_dim, generator=rng) - 1)
    apart = torch.where(first > second, gap / 2, -gap / 2)
    first, second = first + apart, second - apart
    shared = torch.randint(code_dim, (n,), generator=rng)
    common = 2 * torch.rand(n, generator=rng) - 1
    rows = torch.arange(n)
    first[rows, shared] = second[rows, shared] = common
    return CodePairs(first, second, shared)
