"""Reading codes by an encoder that was trained under the plan."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.blocks import Block, Categorical, Circle
from infot.models.latents import LatentSpace
from infot.objectives.base import Coder, Partners, PlanCoder, Reading
from infot.objectives.sample_coder import SampleCoder

__all__ = ["AmortisedCoder"]


class AmortisedCoder(PlanCoder):
    """Codes of data as the encoder tells them; what couples data with samples is the plan.

    The posterior ranges over the values of the categorical blocks, continuous ones at 0 (a single value where there is
    no categorical block); the mean holds the encoder's mean in continuous blocks, on a circle its direction.

    Args:
        encoder: Gives the law of the code of a datum; see :func:`~infot.objectives.code_information.code_information`.
        code: The blocks of the code.
        plan: The structured plan between a bank of latents and data.
    """

    code_values: Tensor
    categorical: Tensor
    route = "the encoder that was trained under the plan"

    def __init__(self, encoder: nn.Module, code: Sequence[Block], *, plan: SampleCoder) -> None:
        super().__init__()
        self.encoder, self.blocks, self.held = encoder, tuple(code), plan
        listed = [isinstance(block, Categorical) for block in code for _ in range(block.dim)]
        like = plan.points
        self.register_buffer("categorical", torch.tensor(listed, device=like.device), persistent=False)
        self.register_buffer("code_values", _values(self.blocks).to(like.device), persistent=False)

    @classmethod
    def of(cls, encoder: nn.Module, latents: LatentSpace, *, plan: SampleCoder) -> "AmortisedCoder":
        """Return the coder of a latent space."""
        return cls(encoder, latents.code, plan=plan)

    @property
    def routes(self) -> Mapping[str, Coder]:
        """Return both: the plan reads codes too, more slowly and at the data's own cost."""
        return {"plan": self.held, "encoder": self}

    @torch.no_grad()
    def posterior(self, x: Tensor) -> Float[Tensor, "n k"]:
        """Return q(c | x) of every value of the categorical blocks; rows sum to 1."""
        return self._posterior(self.encoder(x).mean)

    @torch.no_grad()
    def read(self, x: Tensor) -> Reading:
        """Return q(c | x) and its mean; see the class."""
        told = self.encoder(x).mean
        posterior = self._posterior(told)
        parts = told.split([block.dim for block in self.blocks], dim=1)
        pairs = zip(self.blocks, parts, strict=True)
        places = torch.cat([_place(block, part) for block, part in pairs], dim=1)
        return Reading(posterior, torch.where(self.categorical, posterior @ self.code_values, places))

    def partners(self, x: Tensor, count: int) -> Partners:
        """Return the heaviest couplings of each datum under the plan."""
        return self.held.partners(x, count)

    def plan(self, x: Tensor) -> ot.Plan:
        """Return the plan between the bank and ``x``."""
        return self.held.plan(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return the plan's barycentre of the generated points of each datum's likeliest code."""
        return self.held.reconstruct(x)

    def _posterior(self, told: Tensor) -> Tensor:
        # The log-probability of a value is the sum of the logits of its blocks, up to what all values share.
        return torch.softmax(told @ self.code_values.T, dim=1)


def _place(block: Block, told: Tensor) -> Tensor:
    return torch.nn.functional.normalize(told, dim=1) if isinstance(block, Circle) else told


def _values(code: Sequence[Block]) -> Tensor:
    """Return the values of the categorical blocks, zeros in the continuous ones, ``(k, code_dim)``."""
    values = torch.zeros(1, 0)
    for block in code:
        own = torch.eye(block.dim) if isinstance(block, Categorical) else torch.zeros(1, block.dim)
        values = torch.cat([values.repeat_interleave(len(own), dim=0), own.repeat(len(values), 1)], dim=1)
    return values
