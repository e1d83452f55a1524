"""What every game of a generator and a critic shares: players, turns, rates, draws."""

import torch
from torch import Tensor, nn

from infot.models.latents import Latent, LatentSpace
from infot.objectives.base import Objective
from infot.objectives.turns import Turns
from infot.random import Streams

__all__ = ["Adversarial"]


class Adversarial(Objective):
    """A game of a critic and a generator on independent draws; the loss is up to the method.

    Args:
        latents: The latent space.
        turns: Whose turn it is.
        critic_rate: Learning rate of the critic relative to the generator's.
    """

    players = ("critic", "generator")

    def __init__(self, latents: LatentSpace, *, turns: Turns, critic_rate: float = 1.0) -> None:
        self.latents = latents
        self.order = turns
        self.rates = {"critic": critic_rate}

    def turns(self, step: int) -> tuple[str, ...]:
        """Return the players of a step, in order."""
        return self.order.at(step)

    def draw(self, player: str, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> tuple[Latent, Tensor]:
        """Return as many independent latents as there are data, and what the generator makes of them.

        Args:
            player: Whose turn it is; gradients reach the generator on its own turn only.
            nets: Holds ``generator``, on the device of the data.
            data: The batch.
            streams: The draws come from the stream ``latent``.
        """
        code, noise = (part.to(data.device) for part in self.latents.sample(len(data), streams("latent")))
        with torch.set_grad_enabled(player == "generator"):
            return Latent(code, noise), nets["generator"](code, noise)
