"""The Wasserstein GAN with gradient penalty."""

from jaxtyping import Float
from torch import Tensor, nn

from infot.models.latents import LatentSpace
from infot.objectives.adversarial import Adversarial
from infot.objectives.base import Batch
from infot.objectives.penalties import gradient_penalty
from infot.objectives.turns import Turns
from infot.random import Streams

__all__ = ["WassersteinGP"]


class WassersteinGP(Adversarial):
    r"""Lower the Wasserstein-1 distance, as a critic of slope 1 sees it.

    .. math:: \min_D E_z D(G(z)) - E_x D(x) + \lambda E (|\nabla D| - 1)^2, \qquad \min_G - E_z D(G(z))

    Gulrajani et al., arXiv 1704.00028.

    Args:
        latents: The latent space; the code has no part in the loss.
        turns: Whose turn it is.
        critic_rate: Learning rate of the critic relative to the generator's.
        penalty: Weight of the gradient penalty.
    """

    def __init__(
        self, latents: LatentSpace, *, turns: Turns, critic_rate: float = 1.0, penalty: float = 10.0
    ) -> None:
        super().__init__(latents, turns=turns, critic_rate=critic_rate)
        self.penalty = penalty

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the player's loss; the critic's log holds its estimate of the distance, without the penalty."""
        data, critic = batch.data, nets["critic"]
        _, made = self.draw(player, nets, data, streams)
        if player == "generator":
            loss = -critic(made).mean()
            return loss, {"loss": loss.detach(), "generator_loss": loss.detach()}
        distance = critic(data).mean() - critic(made).mean()
        penalty = gradient_penalty(critic, data, made, streams("penalty"))
        loss = self.penalty * penalty - distance
        info = {"loss": loss, "critic_loss": loss, "critic_distance": distance, "gradient_penalty": penalty}
        return loss, {name: value.detach() for name, value in info.items()}
