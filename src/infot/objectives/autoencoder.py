"""What every variational autoencoder shares: networks, the pass of a batch, the coder."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from infot.errors import ConfigError
from infot.models.blocks import Normal
from infot.models.encoders import GaussianNoise
from infot.models.latents import Latent, LatentSpace
from infot.objectives.base import Objective
from infot.objectives.encoder_coder import EncoderCoder
from infot.objectives.likelihoods import Likelihood
from infot.random import Streams

__all__ = ["Autoencoder", "Passage"]


class Passage(NamedTuple):
    """A batch on its way through an autoencoder.

    Attributes:
        law: Law of the code of each datum.
        code: A draw from it, shape ``(n, code_dim)``.
        reconstruction: ``-log p(x | c)`` of each datum at its draw, in nats.
        divergence: ``KL(q(c | x) | prior)`` of each datum, in nats.
    """

    law: GaussianNoise
    code: Float[Tensor, "n code_dim"]
    reconstruction: Float[Tensor, " n"]
    divergence: Float[Tensor, " n"]


class Autoencoder(Objective):
    """An encoder and a generator trained by one optimiser; what they minimise is up to the method.

    The latent is all code, standard normal: there is no noise that would belong to nobody.

    Args:
        latents: Normal code blocks and no noise.
        likelihood: The law of a datum about its reconstruction.

    Raises:
        ConfigError: If the latent space is another.
    """

    players = ("model",)

    def __init__(self, latents: LatentSpace, *, likelihood: Likelihood) -> None:
        if latents.noise_dim or not all(isinstance(block, Normal) for block in latents.code):
            raise ConfigError(
                "an autoencoder's latent is all code and normal: use --latent.normal 10 with --latent.noise 0, "
                "and no other blocks"
            )
        self.latents = latents
        self.likelihood = likelihood

    def parameters_of(self, player: str, nets: nn.ModuleDict) -> list[nn.Parameter]:
        """Return the parameters of generator and encoder for the player ``model``."""
        names = ("generator", "encoder") if player == "model" else (player,)
        return [parameter for name in names for parameter in nets[name].parameters()]

    def encode(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> tuple[GaussianNoise, Tensor]:
        """Return the laws of the codes of data and a draw from each, from the stream ``code``."""
        law: GaussianNoise = nets["encoder"](data)
        return law, law.sample(streams("code"))

    def pass_through(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Passage:
        """Encode data, draw a code of each and compare what it generates with the datum."""
        law, code = self.encode(nets, data, streams)
        latent = Latent(code, code.new_zeros(len(code), 0))
        surprise = self.likelihood.surprise(nets["generator"], latent, data)
        return Passage(law, code, surprise, law.information().sum(1))

    def correlated_loss(
        self, passage: Passage, correlation: Float[Tensor, ""], price: float
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the bound on the likelihood with ``price`` on top for each nat of total correlation, and its parts."""
        reconstruction, divergence = passage.reconstruction.mean(), passage.divergence.mean()
        loss = reconstruction + divergence + price * correlation
        info = {
            "loss": loss,
            "reconstruction": reconstruction,
            "code_divergence": divergence,
            "total_correlation": correlation,
        }
        return loss, {name: value.detach() for name, value in info.items()}

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> EncoderCoder:
        """Return the encoder as a coder."""
        return EncoderCoder(nets["encoder"], code_dim=self.latents.code_dim)
