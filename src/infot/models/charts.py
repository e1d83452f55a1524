"""Charts of a code: the finitely many pieces that a plan assigns data to, with normal coordinates inside each."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from infot.models.blocks import Block

__all__ = ["Charts"]


@dataclass(frozen=True, eq=False)
class Charts:
    """All combinations of the charts of several blocks.

    A code is a chart and a point of ``R^n_normals``, whose prior is standard normal in every chart: a purely
    categorical code is its chart.

    Attributes:
        blocks: The blocks of the code.
        index: Chart of each block in each combination, shape ``(k, n_blocks)``; the last block varies fastest.
        weights: Prior over the combinations, shape ``(k,)``.

    Example:
        >>> from infot.models.blocks import Categorical, Uniform
        >>> charts = Charts.of((Categorical(3), Uniform(1)))
        >>> len(charts), charts.n_normals
        (3, 1)
        >>> charts.codes(torch.tensor([2]), torch.zeros(1, 1))
        tensor([[0., 0., 1., 0.]])
    """

    blocks: tuple[Block, ...]
    index: Int[Tensor, "k n_blocks"]
    weights: Float[Tensor, " k"]

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> "Charts":
        """Combine the charts of ``blocks``."""
        ranges = [range(len(block.chart_weights())) for block in blocks]
        weights = torch.ones(1)
        for block in blocks:
            weights = (weights[:, None] * block.chart_weights()).flatten()
        return cls(tuple(blocks), torch.tensor(list(itertools.product(*ranges))), weights)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_normals(self) -> int:
        """Number of coordinates within a chart."""
        return sum(block.n_normals for block in self.blocks)

    def codes(
        self, chart: Int[Tensor, " n"], normals: Float[Tensor, "n n_normals"]
    ) -> Float[Tensor, "n code_dim"]:
        """Return the codes at ``normals`` in ``chart``, differentiable in ``normals``."""
        index = self.index.to(chart.device)[chart]
        parts = normals.split([block.n_normals for block in self.blocks], dim=1)
        placed = [
            block.place(index[:, i], part)
            for i, (block, part) in enumerate(zip(self.blocks, parts, strict=True))
        ]
        return torch.cat(placed, dim=1)
