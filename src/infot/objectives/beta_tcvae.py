"""The β-TCVAE."""

from jaxtyping import Float
from torch import Tensor, nn

from infot.models.latents import LatentSpace
from infot.objectives.autoencoder import Autoencoder
from infot.objectives.base import Batch
from infot.objectives.likelihoods import Likelihood
from infot.objectives.total_correlation import total_correlation
from infot.random import Streams

__all__ = ["BetaTCVAE"]


class BetaTCVAE(Autoencoder):
    r"""Reconstruct data through a code whose total correlation costs ``beta``, and all else of it 1.

    .. math:: \min_{G, q} E_x \left( E_{q(c|x)} (-\log p(x | G(c))) + KL(q(c | x) | \zeta_c) \right) + (\beta - 1) TC

    Chen et al., arXiv 1802.04942, equation 4 with the other two weights at 1, where the three parts of the divergence
    add up to its closed form.

    Args:
        latents: Normal code blocks and no noise.
        likelihood: The law of a datum about its reconstruction.
        beta: Price of a nat of total correlation.
        n_data: Number of training data.
    """

    def __init__(self, latents: LatentSpace, *, likelihood: Likelihood, beta: float, n_data: int) -> None:
        super().__init__(latents, likelihood=likelihood)
        self.beta = beta
        self.n_data = n_data

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the loss in nats, and its parts."""
        passage = self.pass_through(nets, batch.data, streams)
        correlation = total_correlation(passage.law, passage.code, self.n_data)
        return self.correlated_loss(passage, correlation, self.beta - 1)
