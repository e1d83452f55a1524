"""FactorVAE."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from infot.models.latents import LatentSpace
from infot.objectives.autoencoder import Autoencoder
from infot.objectives.base import Batch
from infot.objectives.likelihoods import Likelihood
from infot.objectives.total_correlation import permuted
from infot.random import Streams

__all__ = ["FactorVAE"]


class FactorVAE(Autoencoder):
    r"""Reconstruct data through a code, and pay ``gamma`` for its total correlation as a critic sees it.

    .. math:: \min_{G, q} E_x \left( E_{q(c|x)} (-\log p(x | G(c))) + KL(q(c | x) | \zeta_c) \right)
        + \gamma \, E_{q(c)} D(c)

    .. math:: \min_D \tfrac12 E_{q(c)} \log(1 + e^{-D(c)}) + \tfrac12 E_{\bar q(c)} \log(1 + e^{D(c)})

    The critic tells codes from codes whose coordinates were shuffled over the batch; its best logit is the log ratio of
    the two densities, whose mean is the total correlation. Kim and Mnih, arXiv 1802.05983, algorithm 2; the codes
    shuffled are those of the same batch.

    Args:
        latents: Normal code blocks and no noise.
        likelihood: The law of a datum about its reconstruction.
        gamma: Price of a nat of total correlation, beside the 1 that it costs as part of the divergence.
        critic_rate: Learning rate of the critic relative to the autoencoder's.
    """

    players = ("model", "critic")
    betas: Mapping[str, tuple[float, float]] = MappingProxyType({"critic": (0.5, 0.9)})

    def __init__(
        self, latents: LatentSpace, *, likelihood: Likelihood, gamma: float, critic_rate: float = 1.0
    ) -> None:
        super().__init__(latents, likelihood=likelihood)
        self.gamma = gamma
        self.rates = {"critic": critic_rate}

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the player's loss in nats; the log holds the total correlation by the critic's logit."""
        if player == "critic":
            return self._critic_loss(nets, batch.data, streams)
        passage = self.pass_through(nets, batch.data, streams)
        correlation = nets["critic"](passage.code).mean()
        return self.correlated_loss(passage, correlation, self.gamma)

    def _critic_loss(
        self, nets: nn.ModuleDict, data: Tensor, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        with torch.no_grad():
            _, code = self.encode(nets, data, streams)
        shuffled = permuted(code, streams("permutation"))
        loss = (softplus(-nets["critic"](code)).mean() + softplus(nets["critic"](shuffled)).mean()) / 2
        return loss, {"loss": loss.detach(), "critic_loss": loss.detach()}
