"""What a structured plan between clouds holds beside its potentials."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["CloudCodes"]


@dataclass(frozen=True, eq=False)
class CloudCodes:
    """What the structure of a plan lowers the ground cost by, one number for every code and column.

    Args:
        perturbation: ``lambda log r(c, x)``, in units of cost (method, section 3).
        value: Optimal value, in units of cost: that of the semi-dual before the rows were made exact.
    """

    perturbation: Float[Tensor, "*batch K m"]
    value: Float[Tensor, "*batch"]

    @classmethod
    def joined(cls, parts: "Sequence[CloudCodes]") -> "CloudCodes":
        """Return those of a batch from those of its items."""
        return cls(
            torch.stack([part.perturbation for part in parts]), torch.stack([part.value for part in parts])
        )

    def items(self) -> "list[CloudCodes]":
        """Return those of every item of a batch."""
        return [CloudCodes(*arrays) for arrays in zip(self.perturbation, self.value, strict=True)]
