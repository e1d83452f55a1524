"""The non-saturating GAN, with PacGAN's packing as an option."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from infot.models.latents import LatentSpace
from infot.objectives.base import Batch, Objective
from infot.objectives.generated import draw
from infot.objectives.turns import Turns
from infot.random import Streams

__all__ = ["NonSaturating"]


class NonSaturating(Objective):
    r"""Tell data from samples by a logistic critic, and raise the odds of the samples.

    .. math:: \min_D E_x \log(1 + e^{-D(x)}) + E_z \log(1 + e^{D(G(z))}), \qquad \min_G E_z \log(1 + e^{-D(G(z))})

    Goodfellow et al., arXiv 1406.2661, with the generator's loss that does not saturate (section 3). A critic that
    judges packs of samples makes it PacGAN (Lin et al., arXiv 1712.04086).

    Args:
        latents: The latent space; the code has no part in the loss.
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

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the player's loss in nats."""
        data = batch.data
        _, made = draw(player, nets, self.latents, len(data), streams, data.device)
        if player == "generator":
            loss = softplus(-nets["critic"](made)).mean()
        else:
            loss = softplus(-nets["critic"](data)).mean() + softplus(nets["critic"](made)).mean()
        return loss, {"loss": loss.detach(), f"{player}_loss": loss.detach()}
