"""The β-VAE."""

from jaxtyping import Float
from torch import Tensor, nn

from infot.models.latents import LatentSpace
from infot.objectives.autoencoder import Autoencoder
from infot.objectives.base import Batch
from infot.objectives.likelihoods import Likelihood
from infot.random import Streams

__all__ = ["BetaVAE"]


class BetaVAE(Autoencoder):
    r"""Reconstruct data through a code, each of whose nats costs ``beta``.

    .. math:: \min_{G, q} E_x \left( E_{q(c|x)} (-\log p(x | G(c))) + \beta \, KL(q(c | x) | \zeta_c) \right)

    Higgins et al., β-VAE, ICLR 2017, equation 4; with ``beta`` 1 it is the variational autoencoder of Kingma and
    Welling, arXiv 1312.6114.

    Args:
        latents: Normal code blocks and no noise.
        likelihood: The law of a datum about its reconstruction.
        beta: Price of a nat through the code, where a nat of reconstruction costs 1.
    """

    def __init__(self, latents: LatentSpace, *, likelihood: Likelihood, beta: float) -> None:
        super().__init__(latents, likelihood=likelihood)
        self.beta = beta

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the loss in nats, and its parts."""
        passage = self.pass_through(nets, batch.data, streams)
        reconstruction, divergence = passage.reconstruction.mean(), passage.divergence.mean()
        loss = reconstruction + self.beta * divergence
        info = {"loss": loss, "reconstruction": reconstruction, "code_divergence": divergence}
        return loss, {name: value.detach() for name, value in info.items()}
