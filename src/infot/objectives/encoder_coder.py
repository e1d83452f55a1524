"""Reading codes by the encoder of an autoencoder."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot.objectives.base import Coder, Reading

__all__ = ["EncoderCoder"]


class EncoderCoder(Coder):
    """Codes of data as an encoder gives them: the mean of q(c | x).

    A code without categorical blocks has no values to list: the posterior is 1 on a single one, at 0.

    Args:
        encoder: Gives the law of the code of a datum.
        code_dim: Width of the code.
    """

    code_values: Tensor
    route = "the encoder"

    def __init__(self, encoder: nn.Module, *, code_dim: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer(
            "code_values", torch.zeros(1, code_dim, device=next(encoder.parameters()).device)
        )

    @torch.no_grad()
    def posterior(self, x: Tensor) -> Float[Tensor, "n 1"]:
        """Return ones; see :class:`~infot.objectives.base.Coder`."""
        return torch.ones(len(x), 1).to(self.code_values)

    @torch.no_grad()
    def read(self, x: Tensor) -> Reading:
        """Return the mean of q(c | x)."""
        return Reading(self.posterior(x), self.encoder(x).mean)
