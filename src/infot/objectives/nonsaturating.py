"""The non-saturating GAN, with PacGAN's packing as an option."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from infot.objectives.adversarial import Adversarial
from infot.objectives.base import Batch
from infot.random import Streams

__all__ = ["NonSaturating"]


class NonSaturating(Adversarial):
    r"""Tell data from samples by a logistic critic, and raise the odds of the samples.

    .. math:: \min_D E_x \log(1 + e^{-D(x)}) + E_z \log(1 + e^{D(G(z))}), \qquad \min_G E_z \log(1 + e^{-D(G(z))})

    Goodfellow et al., arXiv 1406.2661, with the generator's loss that does not saturate (section 3). A critic that
    judges packs of samples makes it PacGAN (Lin et al., arXiv 1712.04086). The code has no part in the loss.
    """

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the player's loss in nats."""
        data = batch.data
        _, made = self.draw(player, nets, data, streams)
        if player == "generator":
            loss = softplus(-nets["critic"](made)).mean()
        else:
            loss = softplus(-nets["critic"](data)).mean() + softplus(nets["critic"](made)).mean()
        return loss, {"loss": loss.detach(), f"{player}_loss": loss.detach()}
