"""OT-GAN: the minibatch energy distance under a cosine cost that a critic learns."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.latents import LatentSpace
from infot.objectives.adversarial import Adversarial
from infot.objectives.base import Batch
from infot.objectives.batch_energy import batch_energy
from infot.objectives.turns import Turns
from infot.random import Streams

__all__ = ["OTGAN"]


class OTGAN(Adversarial):
    r"""Lower the energy distance of batches, with entropic transport as the distance between two batches.

    .. math:: \min_G \max_h \; \tfrac12 [W(x, y) + W(x, y') + W(x', y) + W(x', y')] - W(x, x') - W(y, y'),
        \qquad C(x, y) = 1 - \cos(h(x), h(y))

    for two batches of data and two of samples, all independent; W is the transport cost of the entropic plan, which is
    held when gradients are taken. Unlike the Sinkhorn divergence of two batches its gradient has no bias. Salimans,
    Zhang, Radford and Metaxas, arXiv 1803.05573, equation 7 and algorithm 1 (there twice this value).

    Args:
        latents: The latent space; the code has no part in the loss.
        turns: Whose turn it is.
        critic_rate: Learning rate of the critic relative to the generator's.
        epsilon: Smoothing of the plans, in units of the cosine cost, over progress.
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
        tolerance: float = 1e-2,
        max_steps: int = 500,
    ) -> None:
        super().__init__(latents, turns=turns, critic_rate=critic_rate)
        self.epsilon = epsilon
        self.tolerance, self.max_steps = tolerance, max_steps
        self.cost = ot.Cosine()

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the energy distance of the two halves of the batch to as many samples, turned for the critic."""
        data = batch.data
        _, made = self.draw(player, nets, data, streams)
        epsilon = self.epsilon(batch.progress)
        distance, transport, plan = batch_energy(
            nets["critic"](made),
            nets["critic"](data),
            cost=self.cost,
            epsilon=epsilon,
            tolerance=self.tolerance,
            max_steps=self.max_steps,
        )
        loss = distance if player == "generator" else -distance
        info = {
            "loss": loss,
            f"{player}_loss": loss,
            "transport_cost": transport,
            "marginal_error": plan.marginal_error.max(),
            "solver_steps": plan.n_steps.float().max(),
            "epsilon": torch.tensor(epsilon),
        }
        return loss, {name: value.detach() for name, value in info.items()}
