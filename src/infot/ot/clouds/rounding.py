"""A plan between clouds with exact marginals, in memory linear in the points."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.rows import CloudRows, consecutive
from infot.ot.clouds.tiles import make_tiles

__all__ = ["RoundedCloudPlan"]


@dataclass(frozen=True, eq=False)
class RoundedCloudPlan(CloudRows):
    """The plan ``r_i pi_ij c_j + u_i v_j``: a plan whose rows and columns are scaled, and a product; exact marginals.

    Args:
        problem: The problem as posed.
        plan: The plan that was rounded.
        row_scale: ``r``, at most one.
        column_scale: ``c``, at most one.
        missing_rows: ``u``: what the rows of the scaled plan miss.
        missing_columns: ``v``: what its columns miss, over the whole that is missing.
    """

    problem: CloudProblem
    plan: CloudRows
    row_scale: Float[Tensor, "*batch n"]
    column_scale: Float[Tensor, "*batch m"]
    missing_rows: Float[Tensor, "*batch n"]
    missing_columns: Float[Tensor, "*batch m"]

    @classmethod
    def of(cls, plan: CloudRows) -> "RoundedCloudPlan":
        """Round a plan, in three passes over it (:func:`infot.ot.rounding.round_to_marginals`).

        Raises:
            ProblemError: if the marginals have a price, so that there is nothing to round to.
        """
        problem = plan.problem
        if problem.rho is not None:
            raise ProblemError("expected kept marginals to round to, got a problem with rho")
        a, b = problem.row_weights.detach(), problem.column_weights.detach()
        tiny = torch.finfo(a.dtype).tiny
        row_scale = (a / plan.marginals()[0].clamp_min(tiny)).clamp_max(1)
        columns = plan.apply_transposed(row_scale.unsqueeze(-1)).squeeze(-1)
        column_scale = (b / columns.clamp_min(tiny)).clamp_max(1)
        missing_rows = a - row_scale * plan.apply(column_scale.unsqueeze(-1)).squeeze(-1)
        missing = missing_rows.sum(-1, keepdim=True).clamp_min(tiny)
        missing_columns = (b - column_scale * columns) / missing
        return cls(problem, plan, row_scale, column_scale, missing_rows, missing_columns)

    def row_blocks(self) -> Iterator[tuple[slice, Float[Tensor, "*batch r m"]]]:
        """Yield the rows of the plan a few at a time, each block in memory that the next one overwrites."""
        for rows, block in self.plan.row_blocks():
            yield rows, self._rounded(block, rows)

    def rows(self, rows: slice) -> Float[Tensor, "*batch r m"]:
        """Return some rows of the plan as a matrix of masses.

        Raises:
            ProblemError: if the slice has a step or leaves the plan.
        """
        part = consecutive(rows, self.row_scale.shape[-1])
        return self._rounded(self.plan.rows(part), part)

    def _rounded(self, block: Tensor, rows: slice) -> Tensor:
        block *= self.row_scale[..., rows].unsqueeze(-1)
        block *= self.column_scale.unsqueeze(-2)
        block += self.missing_rows[..., rows].unsqueeze(-1) * self.missing_columns.unsqueeze(-2)
        return block

    @property
    def transport_cost(self) -> Float[Tensor, "*batch"]:
        """``<C, pi>`` of a plan that keeps the marginals: at least what moving the mass must cost."""
        problem, none = self.problem, torch.zeros_like(self.column_scale)
        tiles, total = make_tiles(problem.x, problem.y, 1.0, problem.cost), 0 * self.row_scale[..., 0]
        for rows, block in self.row_blocks():
            total -= (block * tiles.score(rows, none)).sum((-2, -1))
        return total
