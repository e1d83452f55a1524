"""Networks whose noise is placed by a learned law: a generator, and an encoder of its noise."""

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor, nn

from infot.models.charts import Charts
from infot.models.encoders import GaussianNoise
from infot.models.latents import LatentSpace
from infot.models.noise_law import NoiseLaw, NoiseMoments

__all__ = ["PlacedEncoder", "PlacedGenerator", "find_moments", "follow_noise"]


class PlacedGenerator(nn.Module):
    """Generate at the place that the law of the code's category gives to the noise: ``G(c, m_c + L_c e)``.

    Args:
        generator: Generates from code and placed noise.
        law: Places the noise.
    """

    def __init__(self, generator: nn.Module, law: NoiseLaw) -> None:
        super().__init__()
        self.generator, self.law = generator, law

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        """Return data from codes ``(n, code_dim)`` and standard normal noise ``(n, noise_dim)``, ``(n, *shape)``."""
        return self.generator(code, self.law.place(code, noise))


class PlacedEncoder(nn.Module):
    """Give the law of the standard noise: an encoder says where the mean is placed, and the width before placing.

    The law may move without moving what is generated at the means.

    Args:
        encoder: Encodes, for each chart of the code, the continuous code within it and behind it the noise.
        law: Places the noise; it is that of the generator.
        category: The category that each chart belongs to.
    """

    category: Tensor

    def __init__(self, encoder: nn.Module, law: NoiseLaw, category: Int[Tensor, " charts"]) -> None:
        super().__init__()
        self.encoder, self.law = encoder, law
        self.register_buffer("category", category, persistent=False)

    @classmethod
    def of(cls, encoder: nn.Module, law: NoiseLaw, latents: LatentSpace) -> "PlacedEncoder":
        """Place the noise of an encoder of ``latents``."""
        charts = Charts.of(latents.code)
        codes = charts.codes(torch.arange(len(charts)), torch.zeros(len(charts), charts.n_normals))
        return cls(encoder, law, law.categories(codes))

    def forward(self, x: Tensor) -> GaussianNoise:
        """Return the laws for data ``x`` (n, *shape), arrays ``(n, charts, n_normals + noise_dim)``."""
        mean, log_std = self.encoder(x)
        noise_dim = self.law.means.shape[1]
        within, placed = mean.split([mean.shape[2] - noise_dim, noise_dim], dim=2)
        return GaussianNoise(torch.cat([within, self.law.standardise(placed, self.category)], dim=2), log_std)


def find_moments(
    nets: nn.ModuleDict, law: GaussianNoise, chart: Int[Tensor, " p"], weights: Tensor
) -> dict[str, Tensor]:
    """Return what :func:`follow_noise` needs of couplings ``(p,)``: nothing where no law is learned.

    Args:
        nets: Hold ``generator`` and ``encoder``.
        law: The laws of the code within the chart and of the noise, arrays ``(p, n_normals + noise_dim)``.
        chart: The chart of each coupling.
        weights: The mass of each.
    """
    generator, encoder = nets["generator"], nets["encoder"]
    if not isinstance(generator, PlacedGenerator) or not isinstance(encoder, PlacedEncoder):
        return {}
    noise_dim = generator.law.means.shape[1]
    noise = GaussianNoise(law.mean[:, -noise_dim:], law.log_std[:, -noise_dim:])
    moments = generator.law.moments(noise, encoder.category[chart], weights)
    return {f"noise_{name}": value for name, value in moments._asdict().items()}


def follow_noise(nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
    """Move the law of the noise, where one is learned and :func:`find_moments` found moments, towards these."""
    generator = nets["generator"]
    if isinstance(generator, PlacedGenerator) and "noise_mass" in found:
        generator.law.follow(NoiseMoments(**{name: found[f"noise_{name}"] for name in NoiseMoments._fields}))
