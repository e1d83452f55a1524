"""InfoGAN-CR: InfoGAN with a contrastive regulariser."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from infot.errors import ConfigError
from infot.models.blocks import Uniform
from infot.models.latents import LatentSpace
from infot.objectives.base import Batch, Objective
from infot.objectives.code_pairs import draw_pairs
from infot.objectives.infogan import InfoGAN
from infot.objectives.recognition_coder import RecognitionCoder
from infot.objectives.spectral import shrink_to_unit_norm
from infot.objectives.turns import Turns
from infot.random import Streams

__all__ = ["Contrast", "InfoGANCR"]


@dataclass(frozen=True)
class Contrast:
    """How much the contrast weighs, and how hard its pairs are, over progress.

    Attributes:
        weight: Price of a nat that the contrastive network misses.
        start: Progress from which the contrast counts; its network does not train before.
        gap: How far apart the coordinates are that a pair does not share, at first.
        gap_until: Progress at which the gap falls to 0.
    """

    weight: float
    start: float = 0.0
    gap: float = 0.0
    gap_until: float = 0.0

    def gap_at(self, progress: float) -> float:
        """Return the gap at ``progress``."""
        return self.gap if progress < self.gap_until else 0.0


class InfoGANCR(Objective):
    r"""Play InfoGAN, and make a change of each code coordinate show by itself.

    .. math:: \min_{G, H} \; \alpha \, E_k E_{(c, c') | c_k = c'_k} (-\log H_k(G(c, e), G(c', e)))

    A contrastive network H sees two samples of one noise whose codes share one coordinate, and names it; generator and
    network both gain where it is right. H belongs to the critic's player. As in the authors' code for dSprites the
    contrast begins late, with a fresh network, and the layers of both critics have spectral norms of at most 1. Lin,
    Thekumparampil, Fanti and Oh, arXiv 1906.06034 (ICML 2020).

    Args:
        latents: Uniform code blocks of at least two coordinates in all, and noise.
        contrast: The regulariser.
        turns: Whose turn it is.
        critic_rate: Learning rate of the critic relative to the generator's.
        weights: Weights of the bound for categorical and for continuous blocks.

    Raises:
        ConfigError: If the code is another.
    """

    players = ("critic", "generator")

    def __init__(
        self,
        latents: LatentSpace,
        *,
        contrast: Contrast,
        turns: Turns,
        critic_rate: float = 1.0,
        weights: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        if latents.code_dim < 2 or not all(isinstance(block, Uniform) for block in latents.code):
            raise ConfigError(
                "infogan-cr contrasts uniform codes: use --latent.uniform 5 (at least 2), and no other code blocks"
            )
        self.game = InfoGAN(latents, turns=turns, critic_rate=critic_rate, weights=weights)
        self.latents = latents
        self.contrast = contrast
        self.rates = self.game.rates

    def turns(self, step: int) -> tuple[str, ...]:
        """Return the players of a step, in order."""
        return self.game.turns(step)

    def parameters_of(self, player: str, nets: nn.ModuleDict) -> Iterable[nn.Parameter]:
        """Return the parameters of the generator, or of the critic and the contrastive network."""
        names = ("critic", "contrast") if player == "critic" else (player,)
        return [parameter for name in names for parameter in nets[name].parameters()]

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the player's loss; the log holds ``contrast_loss`` (nats) once the contrast counts."""
        loss, info = self.game.loss(player, nets, batch, streams)
        if batch.progress < self.contrast.start:
            return loss, info
        missed = self._missed(player, nets, batch, streams)
        weight = self.contrast.weight if player == "generator" else 1.0  # the network's own loss stands alone
        loss = loss + weight * missed
        return loss, info | {"loss": loss.detach(), "contrast_loss": missed.detach()}

    def constrain(self, player: str, nets: nn.ModuleDict) -> None:
        """Bring the layers of the critics back to spectral norms of at most 1."""
        if player == "critic":
            shrink_to_unit_norm(nets["critic"])
            shrink_to_unit_norm(nets["contrast"])

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> RecognitionCoder:
        """Return the reading network as a coder."""
        return self.game.coder(nets, data, streams)

    def _missed(self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams) -> Float[Tensor, ""]:
        """Return the cross-entropy of the contrastive network on as many pairs as there are data."""
        n, device, rng = len(batch.data), batch.data.device, streams("pairs")
        pairs = draw_pairs(n, self.latents.code_dim, gap=self.contrast.gap_at(batch.progress), rng=rng)
        codes = torch.stack([pairs.first, pairs.second], dim=1).flatten(0, 1).to(device)
        noise = self.latents.sample_noise(n, rng).repeat_interleave(2, dim=0).to(device)
        with torch.set_grad_enabled(player == "generator"):
            made = nets["generator"](codes, noise)
        return cross_entropy(nets["contrast"](made), pairs.shared.to(device))
