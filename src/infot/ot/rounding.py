"""Rounding: the nearest feasible plan of a nearly feasible one."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["round_to_marginals"]


def round_to_marginals(
    matrix: Float[Tensor, "B n m"], a: Float[Tensor, "B n"], b: Float[Tensor, "B m"]
) -> Float[Tensor, "B n m"]:
    """Return a plan with exactly the marginals ``a`` and ``b``, no farther than twice the marginal error in L1.

    Rows, then columns, are scaled down where they are too heavy, and the missing mass is put back as a product
    (Altschuler, Weed, Rigollet, "Near-linear time approximation algorithms for optimal transport", arXiv 1705.09634,
    algorithm 2).

    Example:
        >>> plan = torch.tensor([[[0.6, 0.0], [0.0, 0.5]]])
        >>> round_to_marginals(plan, torch.full((1, 2), 0.5), torch.full((1, 2), 0.5)).tolist()
        [[[0.5, 0.0], [0.0, 0.5]]]
    """
    tiny = torch.finfo(matrix.dtype).tiny
    matrix = matrix * (a / matrix.sum(-1).clamp_min(tiny)).clamp_max(1).unsqueeze(-1)
    matrix = matrix * (b / matrix.sum(-2).clamp_min(tiny)).clamp_max(1).unsqueeze(-2)
    rows, columns = a - matrix.sum(-1), b - matrix.sum(-2)
    missing = rows.sum(-1, keepdim=True).clamp_min(tiny)
    return matrix + rows.unsqueeze(-1) * (columns / missing).unsqueeze(-2)
