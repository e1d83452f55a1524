"""The Sinkhorn GAN: a Sinkhorn divergence between features that a critic learns."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.latents import LatentSpace
from infot.objectives.adversarial import Adversarial
from infot.objectives.base import Batch
from infot.objectives.turns import Turns
from infot.random import Streams

__all__ = ["SinkhornGAN"]


class SinkhornGAN(Adversarial):
    r"""Lower the Sinkhorn divergence of samples and data under a ground cost that a critic raises.

    .. math:: \min_G \max_h \; S_\varepsilon(G_\#\zeta, \nu), \qquad C(x, y) = |h(x) - h(y)|^2

    with the critic's weights clipped to keep the features bounded. Genevay, Peyré and Cuturi, arXiv 1706.00292. Here
    epsilon is relative to the mean cost of the batch, so that it does not depend on the scale of the features, the
    solves go to a tolerance in place of a fixed number of iterations, and the loss is the divergence over that mean
    cost, which leaves the direction of gradients as it is.

    Args:
        latents: The latent space; the code has no part in the loss.
        turns: Whose turn it is.
        critic_rate: Learning rate of the critic relative to the generator's.
        epsilon: Smoothing, relative to the mean cost between samples and data, over progress.
        clip: Largest size of a weight of the critic.
        tolerance: L1 marginal error of each solve.
        max_steps: Limit on the steps of each solve.
    """

    def __init__(
        self,
        latents: LatentSpace,
        *,
        turns: Turns,
        epsilon: ot.Schedule,
        critic_rate: float = 1.0,
        clip: float = 0.01,
        tolerance: float = 1e-2,
        max_steps: int = 100,
    ) -> None:
        super().__init__(latents, turns=turns, critic_rate=critic_rate)
        self.epsilon, self.clip = epsilon, clip
        self.tolerance, self.max_steps = tolerance, max_steps

    def constrain(self, player: str, nets: nn.ModuleDict) -> None:
        """Clip the critic's weights."""
        if player == "critic":
            for weight in nets["critic"].parameters():
                weight.clamp_(-self.clip, self.clip)

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the divergence over the mean cost, with its sign turned for the critic."""
        data = batch.data
        _, made = self.draw(player, nets, data, streams)
        x, y = nets["critic"](made), nets["critic"](data)
        scale = ot.squared_euclidean(x, y).mean().detach().clamp_min(torch.finfo(x.dtype).tiny)
        unit = scale.sqrt()
        divergence = ot.sinkhorn_divergence(
            x / unit,
            y / unit,
            epsilon=self.epsilon(batch.progress),
            tolerance=self.tolerance,
            max_steps=self.max_steps,
            on_failure="return",
        )
        loss = divergence if player == "generator" else -divergence
        info = {
            "loss": loss,
            f"{player}_loss": loss,
            "mean_cost": scale,
            "epsilon": scale * self.epsilon(batch.progress),
        }
        return loss, {name: value.detach() for name, value in info.items()}
