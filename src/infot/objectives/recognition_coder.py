"""Reading codes by a recognition network."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot.models.blocks import Categorical
from infot.models.latents import LatentSpace
from infot.objectives.base import Coder, Reading

__all__ = ["RecognitionCoder"]


class RecognitionCoder(Coder):
    """Codes of data as the network that was trained on generated data reads them: the route of InfoGAN.

    The posterior ranges over the values of the categorical blocks, continuous ones at 0.

    Args:
        critic: Gives the parameters of the law of the code.
        code_values: Values of the categorical blocks, zeros in the continuous ones, ``(k, code_dim)``.
        categorical: Whether a coordinate of the code belongs to a categorical block, ``(code_dim,)``.
    """

    code_values: Tensor
    categorical: Tensor
    route = "the recognition network"

    def __init__(self, critic: nn.Module, *, code_values: Tensor, categorical: Tensor) -> None:
        super().__init__()
        self.critic = critic
        self.register_buffer("code_values", code_values)
        self.register_buffer("categorical", categorical)

    @classmethod
    def of(cls, critic: nn.Module, latents: LatentSpace) -> "RecognitionCoder":
        """Return the coder of a latent space; buffers lie where the network does."""
        device = next(critic.parameters()).device
        blocks = [block for block in latents.code if isinstance(block, Categorical)]
        listed = [isinstance(block, Categorical) for block in latents.code for _ in range(block.dim)]
        categorical = torch.tensor(listed)
        values = torch.zeros(1, latents.code_dim)
        if blocks:
            known = LatentSpace(tuple(blocks), latents.noise).code_values()
            values = torch.zeros(len(known), latents.code_dim)
            values[:, categorical] = known
        return cls(critic, code_values=values.to(device), categorical=categorical.to(device))

    @torch.no_grad()
    def posterior(self, x: Tensor) -> Float[Tensor, "n k"]:
        """Return q(c | x) of every value of the categorical blocks; rows sum to 1."""
        return self._posterior(self.critic(x).code)

    @torch.no_grad()
    def read(self, x: Tensor) -> Reading:
        """Return q(c | x) and its mean: probabilities in categorical blocks, the read value in continuous ones."""
        code = self.critic(x).code
        posterior = self._posterior(code)
        return Reading(posterior, torch.where(self.categorical, posterior @ self.code_values, code))

    def _posterior(self, code: Tensor) -> Tensor:
        # The log-probability of a value is the sum of the logits of its blocks, up to what all values share.
        return torch.softmax(code @ self.code_values.T, dim=1)
