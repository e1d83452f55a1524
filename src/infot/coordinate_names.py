"""What the coordinates of code and noise are called: by what they do, where the configuration says so."""

from collections import Counter
from collections.abc import Iterator

from infot.assembly import noise_deformations
from infot.config import ModelConfig
from infot.models.blocks import Block, Categorical
from infot.models.latents import LatentSpace

__all__ = ["code_names", "noise_names"]


def code_names(latents: LatentSpace, model: ModelConfig) -> tuple[str, ...]:
    """Return a name for each coordinate of the code, in the order of the blocks.

    What drives a deformation has its name, what picks a tint too, what drives a blend of deformations is numbered, and
    so is the rest within its kind.

    Args:
        latents: The latent space.
        model: What the generator is.

    Example:
        >>> from infot.models.blocks import Normal, Uniform
        >>> space = LatentSpace((Categorical(10), Uniform(2)), Normal(1))
        >>> code_names(space, ModelConfig())
        ('categorical 1', 'uniform 1', 'uniform 2')
        >>> code_names(space, ModelConfig(generator="deformable", code_deformations=("shear",), code_blends=1))
        ('categorical 1', 'shear', 'blend 1')
        >>> code_names(space, ModelConfig(generator="deformable", code_tints=1, code_deformations=("scale", "shear")))
        ('tint', 'scale', 'shear')
    """
    tints = iter(["tint"] * model.code_tints)
    blends = [f"blend {k}" for k in range(1, model.code_blends + 1)]
    driven = iter([*map(_spaced, model.code_deformations), *blends])
    counts: Counter[str] = Counter()
    return tuple(
        _name(block, tints if isinstance(block, Categorical) else driven, counts)
        for block in latents.code
        for _ in range(block.n_coordinates)
    )


def _name(block: Block, named: Iterator[str], counts: Counter[str]) -> str:
    """Return the next of the names that there are for such blocks, else its kind with its number, which is counted."""
    kind = type(block).__name__.lower()
    counts[kind] += 1
    return next(named, f"{kind} {counts[kind]}")


def noise_names(latents: LatentSpace, model: ModelConfig, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return a name for each coordinate of the noise: what it deforms, or a number.

    Args:
        latents: The latent space.
        model: What the generator is.
        shape: Shape of a data point.
    """
    known: tuple[str, ...] = ()
    if model.generator == "deformable":
        known = tuple(map(_spaced, noise_deformations(model, shape)))
    return tuple(known[k] if k < len(known) else f"noise {k + 1}" for k in range(latents.noise_dim))


def _spaced(name: str) -> str:
    return name.replace("_", " ")
