"""What one pass over a plan between clouds sums up, and the informations that follow from it."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import safe_log
from infot.ot.clouds.dual import weighted
from infot.ot.clouds.problem import CloudProblem
from infot.ot.structure import Blocks

__all__ = ["PlanSums", "blocks_of"]


def blocks_of(problem: CloudProblem) -> Blocks:
    """Return the layout of the rows.

    Raises:
        ProblemError: if the problem has none.
    """
    if problem.blocks is None:
        raise ProblemError(
            "this plan has no blocks; give CloudProblem(blocks=...) or a Structured regulariser"
        )
    return problem.blocks


@dataclass(frozen=True, eq=False)
class PlanSums:
    """Sums over a plan.

    Args:
        problem: Its problem.
        rows: Row masses.
        columns: Column masses.
        codes: Masses of (code, datum); None where the problem has no blocks.
        divergence: ``sum pi log(pi / (a x b))``.
    """

    problem: CloudProblem
    rows: Float[Tensor, "*batch n"]
    columns: Float[Tensor, "*batch m"]
    codes: Float[Tensor, "*batch K m"] | None
    divergence: Float[Tensor, "*batch"]

    def _weights(self) -> tuple[Tensor, Tensor]:
        return self.problem.row_weights.detach(), self.problem.column_weights.detach()

    def information(self, block: str | tuple[int, ...]) -> Float[Tensor, "*batch"]:
        """Return the information of a block; see :meth:`infot.ot.CloudPlan.mutual_information`."""
        if block == "latent":
            return self._of_latent()
        blocks = blocks_of(self.problem)
        if isinstance(block, str):
            if block != "code":
                raise ProblemError(f"expected the block 'code' or 'latent' or a tuple of axes, got {block!r}")
            return self._of_codes(blocks.n_codes)
        blocks.check_first(block)
        if len(block) == len(blocks.code):
            return self._of_latent()
        return self._of_codes(math.prod(blocks.code[: len(block)]))

    def _of_latent(self) -> Tensor:
        if self.problem.marginal_prices is None:
            return self.divergence
        mass, sides = self.rows.sum(-1), zip(self._weights(), (self.rows, self.columns), strict=True)
        left = [(own * (safe_log(own) - safe_log(given))).sum(-1) for given, own in sides]
        return (self.divergence - left[0] - left[1]) / mass + mass.log()

    def _of_codes(self, count: int) -> Tensor:
        """Return the information of the first blocks of the code, which have so many values together."""
        assert self.codes is not None
        masses, (a, b) = self.codes.unflatten(-2, (count, -1)).sum(-2), self._weights()
        if self.problem.marginal_prices is not None:
            mass = self.rows.sum(-1, keepdim=True)
            masses, a, b = masses / mass.unsqueeze(-1), self.rows / mass, self.columns / mass
        independent = safe_log(a.unflatten(-1, (count, -1)).sum(-1)).unsqueeze(-1) + safe_log(b).unsqueeze(-2)
        return (masses * (safe_log(masses) - independent)).sum((-2, -1))

    def entropy(self) -> Float[Tensor, "*batch"]:
        """Return ``-sum pi log pi`` in nats."""
        a, b = self._weights()
        return -self.divergence - weighted(self.rows, safe_log(a)) - weighted(self.columns, safe_log(b))

    def coupled_codes(self, threshold: float) -> Float[Tensor, "*batch"]:
        """Return the share of (code, datum) pairs with weight that carry more than a share of the column's weight."""
        blocks, (a, b) = blocks_of(self.problem), self._weights()
        assert self.codes is not None
        of_codes, columns = a.unflatten(-1, (blocks.n_codes, -1)).sum(-1), b.unsqueeze(-2)
        present = (columns > 0) & (of_codes > 0).unsqueeze(-1)
        coupled = (self.codes > threshold * columns) & present
        return coupled.sum((-2, -1)) / present.sum((-2, -1)).to(b.dtype)
