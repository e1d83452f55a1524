"""InfoGAN: a GAN whose critic also reads the code off the samples."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from infot.models.latents import LatentSpace
from infot.objectives.adversarial import Adversarial
from infot.objectives.base import Batch
from infot.objectives.recognition_coder import RecognitionCoder
from infot.objectives.recognition_law import code_log_likelihood, code_log_prior
from infot.objectives.turns import Turns
from infot.random import Streams

__all__ = ["InfoGAN"]


class InfoGAN(Adversarial):
    r"""Play a non-saturating GAN, and raise a lower bound of the information that samples hold on their code.

    .. math:: L_I = E_{c, e} \log q(c | G(c, e)) - \log \zeta_c(c) \le I(c; G(c, e))

    Both players gain ``lambda L_I``: the generator by writing the code, the critic by reading it. Unlike the plan's
    information it is taken on generated data only. Chen et al., arXiv 1606.03657; as in the authors' code the reading
    network shares the critic's trunk and optimiser, and continuous codes have a normal law of variance 1.

    Args:
        latents: The latent space.
        turns: Whose turn it is.
        critic_rate: Learning rate of the critic relative to the generator's.
        weights: Weights of the bound for categorical and for continuous blocks.
    """

    def __init__(
        self,
        latents: LatentSpace,
        *,
        turns: Turns,
        critic_rate: float = 1.0,
        weights: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        super().__init__(latents, turns=turns, critic_rate=critic_rate)
        self.weights = weights

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the player's loss; the log holds the bound of each kind of block, ``code_information``, in nats."""
        data, critic = batch.data, nets["critic"]
        latent, made = self.draw(player, nets, data, streams)
        judged = critic(made)
        if player == "generator":
            game = softplus(-judged.logit).mean()
        else:
            game = softplus(-critic(data).logit).mean() + softplus(judged.logit).mean()
        gains = code_log_likelihood(self.latents, judged.code, latent.code) - code_log_prior(
            self.latents, latent.code
        )
        bound = gains.mean(0)
        loss = game - (bound * torch.tensor(self.weights).to(bound)).sum()
        info = {
            "loss": loss,
            f"{player}_loss": game,
            "code_information": bound[0],
            "continuous_code_information": bound[1],
        }
        return loss, {name: value.detach() for name, value in info.items()}

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> RecognitionCoder:
        """Return the reading network as a coder."""
        return RecognitionCoder.of(nets["critic"], self.latents)
