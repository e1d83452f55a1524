"""Codes of images whose factors are known, and how well their single dimensions tell single factors."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from infot.data.factors import FactorImages
from infot.evaluation.exhibits import Model
from infot.metrics import DEFAULT, Disentanglement, Profile, disentanglement_metrics
from infot.models.blocks import Block, Categorical, Circle, Uniform
from infot.models.latents import LatentSpace

__all__ = ["code_numbers", "measure_factors"]


def measure_factors(
    model: Model, images: FactorImages, rng: torch.Generator, *, profile: Profile = DEFAULT
) -> Disentanglement:
    """Measure the codes that a model reads of rendered images against their factors.

    Args:
        model: A model that can read codes of data.
        images: Renders the images.
        rng: Source of randomness.
        profile: How they are measured.

    Raises:
        ConfigError: If the model cannot read codes of data.
    """

    def represent(factors: np.ndarray) -> np.ndarray:
        mean = model.encode(images.render(torch.from_numpy(factors))).mean
        return code_numbers(model.latents, mean).numpy()

    seed = int(torch.randint(2**62, (1,), generator=rng))
    return disentanglement_metrics(
        represent, images.factors.sizes, np.random.default_rng(seed), profile=profile
    )


def code_numbers(latents: LatentSpace, mean: Tensor) -> Tensor:
    """Return codes in units of the standard deviation of their prior, a column for each dimension that counts.

    A continuous coordinate is its mean; a categorical block is one number, the index of its likeliest value. A circle
    is two, the cosine and the sine of the direction of its mean, as networks see it: an angle jumps somewhere, and
    metrics that take variances or bins along a line would hold the jump against it.

    Args:
        latents: The latent space.
        mean: Mean of the code of each datum, shape ``(n, code_dim)``.

    Returns:
        Shape ``(n, D)``.

    Example:
        >>> from infot.models.blocks import Normal
        >>> space = LatentSpace((Categorical(2), Normal(1)), Normal(1))
        >>> code_numbers(space, torch.tensor([[0.2, 0.8, 0.5]]))
        tensor([[2.0000, 0.5000]])
    """
    parts = mean.split([block.dim for block in latents.code], dim=1)
    columns = [
        _numbers(block, part) / _spread(block) for block, part in zip(latents.code, parts, strict=True)
    ]
    return torch.cat(columns, dim=1)


def number_names(latents: LatentSpace, names: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each column of :func:`code_numbers`.

    Args:
        latents: The latent space.
        names: What each coordinate of the code is called.

    Example:
        >>> from infot.models.blocks import Normal
        >>> number_names(LatentSpace((Circle(), Uniform(1)), Normal(1)), ("rotation", "scale"))
        ('rotation cosine', 'rotation sine', 'scale')
    """
    blocks = [block for block in latents.code for _ in range(block.n_coordinates)]
    ends = [(" cosine", " sine") if isinstance(block, Circle) else ("",) for block in blocks]
    return tuple(f"{name}{end}" for name, pair in zip(names, ends, strict=True) for end in pair)


def _numbers(block: Block, mean: Tensor) -> Tensor:
    numbers = block.coordinates(mean)
    return torch.cat([numbers.cos(), numbers.sin()], dim=1) if isinstance(block, Circle) else numbers


def _spread(block: Block) -> float:
    """Return the standard deviation of one of a block's numbers under its prior."""
    if isinstance(block, Categorical):
        return sqrt((block.n**2 - 1) / 12)
    if isinstance(block, Circle):
        return 1 / sqrt(2)
    return 1 / sqrt(3) if isinstance(block, Uniform) else 1.0
