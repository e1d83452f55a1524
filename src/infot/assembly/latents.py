"""From a configuration to the latent space."""

from collections.abc import Iterator
from itertools import islice

from infot.config import LatentConfig, ModelConfig, RunConfig
from infot.errors import ConfigError
from infot.models.blocks import Block, Categorical, Circle, Empty, Normal, Uniform
from infot.models.deformable import deformation_names
from infot.models.latents import LatentSpace

__all__ = ["build_latents", "drawn_channels", "noise_deformations"]

_DEFAULT_NOISE = 2


def build_latents(config: RunConfig, shape: tuple[int, ...]) -> LatentSpace:
    """Make the latent space: categorical blocks first, then circles, then one block for each continuous dimension.

    Args:
        config: The configuration.
        shape: Shape of a data point; a deformable generator has one noise dimension for each deformation of it.
    """
    latent = config.latent
    code: list[Block] = list(_categorical(latent))
    code += [Circle(latent.sectors)] * latent.circle
    code += [Uniform(1)] * latent.uniform + [Normal(1)] * latent.normal
    noise_dim = _noise_dim(config, shape)
    return LatentSpace(tuple(code), Normal(noise_dim) if noise_dim else Empty())


def _categorical(latent: LatentConfig) -> Iterator[Categorical]:
    if latent.weights is None:
        yield from (Categorical(n) for n in latent.categorical)
        return
    shares = iter(latent.weights)
    for n in latent.categorical:
        own = list(islice(shares, n))
        yield Categorical(n, tuple(share / sum(own) for share in own))


def _noise_dim(config: RunConfig, shape: tuple[int, ...]) -> int:
    if config.model.generator != "deformable":
        return _DEFAULT_NOISE if config.latent.noise is None else config.latent.noise
    n = len(noise_deformations(config.model, shape))
    if config.latent.noise not in (None, n):
        raise ConfigError(
            f"latent.noise: a deformable generator has {n} deformations of images of shape {shape}, "
            f"got {config.latent.noise}; leave it out"
        )
    return n


def noise_deformations(model: ModelConfig, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Name the deformations that the code leaves to the noise."""
    every = deformation_names(drawn_channels(model, shape), model.displacement_grid, model.appearances)
    return tuple(name for name in every if name not in model.code_deformations)


def drawn_channels(model: ModelConfig, shape: tuple[int, ...]) -> int:
    """Return how many channels a deformable generator draws: tints colour a single one."""
    return 1 if model.code_tints else shape[0]
