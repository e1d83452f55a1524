"""The problem: which mass is to be moved where, at what cost, with which regularisation."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.costs import Cost, SquaredEuclidean
from infot.ot.padding import filled_cost, masked_weights
from infot.ot.regularisers import Regulariser, unscaled
from infot.ot.relative import Relative
from infot.ot.structure import Blocks, Structured
from infot.ot.unbalanced import Price, Rho, check_rho
from infot.ot.weights import checked_weights

__all__ = ["OTProblem"]


@dataclass(frozen=True, eq=False)
class OTProblem:
    """Move mass from latents (rows) to data (columns) at least cost: ``min <C, pi> + Omega(pi)``.

    Args:
        cost: ``(n, m)``, or ``(B, n, m)`` for B problems at once; finite floating-point numbers. May require
            gradients: solves look at its values only.
        regulariser: What smooths the plan; inside :class:`Relative`, with prices in multiples of the mean cost.
        a: Weights of the rows, ``(n,)`` or ``(B, n)``, non-negative with sum one; uniform if left out.
        b: Weights of the columns, ``(m,)`` or ``(B, m)``; likewise.
        blocks: Layout of the rows for the diagnostics of plans that are not structured themselves.
        rho: Price of a nat by which the plan's marginals leave the weights, one number or one a side, in units of
            cost, or a tensor of one an item; infinite keeps a marginal. With a finite one the weights may have any
            positive sum.
        row_mask: Which rows are present, ``(n,)`` or ``(B, n)``; the others are padding: without weight, their costs
            never looked at. All if left out.
        column_mask: Which columns are present, ``(m,)`` or ``(B, m)``; likewise.

    Raises:
        ProblemError: if shapes, weights, masks, prices or costs form no problem.

    Example:
        >>> from infot import ot
        >>> problem = ot.OTProblem(cost=torch.rand(6, 5), regulariser=ot.Entropic(0.1))
        >>> problem.a.sum().item()
        1.0
    """

    cost: Tensor
    regulariser: Regulariser
    a: Tensor | None = None
    b: Tensor | None = None
    blocks: Blocks | None = None
    rho: Rho = None
    row_mask: Tensor | None = None
    column_mask: Tensor | None = None

    def __post_init__(self) -> None:
        """Check everything once and fill in weights, costs of padding and relative prices."""
        _check_form(self.cost)
        n, m = self.cost.shape[-2:]
        fill = object.__setattr__
        fill(self, "cost", filled_cost(self.cost, self.row_mask, self.column_mask))
        if not math.isfinite(self.mean_cost) and not bool(torch.isfinite(self.cost).all()):
            raise ProblemError(
                "expected finite costs, got NaN or Inf; check the points or features they come from"
            )
        fill(self, "rho", check_rho(self.rho, self.cost.shape[:-2]))
        a, b = (
            masked_weights(w, mask, self.cost)
            for w, mask in ((self.a, self.row_mask), (self.b, self.column_mask))
        )
        fill(self, "a", checked_weights(a, "a", n, self.cost, sum_one=self.rho is None))
        fill(self, "b", checked_weights(b, "b", m, self.cost, sum_one=self.rho is None))
        if isinstance(self.regulariser, Relative):
            fill(self, "regulariser", self.regulariser.at(self.cost, self.row_weights, self.column_weights))
        base = unscaled(self.regulariser)
        if self.blocks is None and isinstance(base, Structured):
            fill(self, "blocks", base.blocks)
        if self.blocks is not None and self.blocks.n_rows != n:
            raise ProblemError(
                f"expected {self.blocks.n_rows} rows for blocks {self.blocks.code}, got a cost with {n}; "
                "rows are code values times noise draws"
            )

    @classmethod
    def from_points(
        cls,
        x: Tensor,
        y: Tensor,
        *,
        regulariser: Regulariser,
        cost: Cost | None = None,
        **fields: Any,
    ) -> "OTProblem":
        """Make the problem between two clouds, with the squared Euclidean cost unless another is given.

        Args:
            x: Points of the rows, ``(n, d)`` or ``(B, n, d)``.
            y: Points of the columns.
            regulariser: What smooths the plan.
            cost: Ground cost.
            **fields: Other fields of the problem: weights, masks, blocks, ``rho``.
        """
        matrix = (SquaredEuclidean() if cost is None else cost)(x, y)
        return cls(cost=matrix, regulariser=regulariser, **fields)

    @property
    def batched(self) -> bool:
        """Whether the problem has a leading batch axis."""
        return self.cost.ndim == 3

    def as_batch(self) -> "OTProblem":
        """Return the problem with a batch axis on every array, cut off from the graph."""
        cost = self.cost.detach().reshape(-1, *self.cost.shape[-2:])
        a = self.row_weights.detach().expand(cost.shape[0], -1)
        b = self.column_weights.detach().expand(cost.shape[0], -1)
        return self.derived(cost=cost, a=a, b=b, mean_cost=self.mean_cost)

    def on_graph(self) -> "OTProblem":
        """Return the problem with a batch axis on every array, from which gradients flow to the arrays as given.

        Weights live on the simplex, so only their proportions matter: their gradients come out centred. With ``rho``
        they may have any sum, and their gradients are those of free numbers.
        """
        cost = self.cost.reshape(-1, *self.cost.shape[-2:])
        weights = [self.row_weights, self.column_weights]
        if self.rho is None:
            weights = [_proportions(w) for w in weights]
        a, b = (w.expand(cost.shape[0], -1) for w in weights)
        return self.derived(cost=cost, a=a, b=b)

    def derived(self, **changes: Any) -> "OTProblem":
        """Return the problem with fields exchanged for ones known to fit, without checking everything again."""
        derived = object.__new__(OTProblem)
        derived.__dict__.update(self.__dict__)
        if "cost" in changes:
            derived.__dict__.pop("mean_cost", None)
        derived.__dict__.update(changes)
        return derived

    @cached_property
    def mean_cost(self) -> float:
        """The mean of all costs: one pass, which is also the check that they are finite."""
        return float(self.cost.detach().mean())

    @property
    def marginal_prices(self) -> tuple[Price, Price] | None:
        """The prices of leaving the two marginals, or None where both are kept."""
        assert self.rho is None or isinstance(self.rho, tuple)
        return self.rho

    @property
    def row_weights(self) -> Float[Tensor, "*batch n"]:
        """The weights of the rows, filled in."""
        assert self.a is not None
        return self.a

    @property
    def column_weights(self) -> Float[Tensor, "*batch m"]:
        """The weights of the columns, filled in."""
        assert self.b is not None
        return self.b


def _proportions(weights: Tensor) -> Tensor:
    """Return the weights, as a function of their proportions."""
    if not weights.requires_grad:
        return weights
    total = weights.sum(-1, keepdim=True)
    return weights * (total.detach() / total)


def _check_form(cost: Tensor) -> None:
    if not isinstance(cost, Tensor) or cost.dtype not in (torch.float32, torch.float64):
        got = cost.dtype if isinstance(cost, Tensor) else type(cost).__name__
        raise ProblemError(f"expected a cost tensor of float32 or float64, got {got}; call .float() on it")
    if cost.ndim not in (2, 3) or 0 in cost.shape:
        raise ProblemError(
            f"expected a cost of shape (n, m) or (B, n, m), not empty, got {tuple(cost.shape)}"
        )
