"""What a visitor can set: one number for each coordinate of the code and of the noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from infot.code_vector import code_vector
from infot.config import ModelConfig
from infot.coordinate_names import code_names, noise_names
from infot.errors import ConfigError
from infot.models.blocks import Block, Categorical, Circle, Uniform
from infot.models.latents import LatentSpace

__all__ = ["Control", "code_controls", "code_of", "code_words", "noise_controls", "noise_of"]

REACH = 3.0
"""How far the slider of a normal coordinate goes, in standard deviations."""
FARTHEST = 10.0
"""How far a normal coordinate may be at all."""


@dataclass(frozen=True)
class Control:
    """How one number is set.

    Attributes:
        name: What it is called.
        kind: ``choice`` among whole numbers from 0 to ``high``, ``dial`` for an angle in radians, or ``slider``.
        low: Where it begins.
        high: Where it ends.
        start: Where it stands at first.
    """

    name: str
    kind: str
    low: float
    high: float
    start: float = 0.0


def code_controls(latents: LatentSpace, model: ModelConfig) -> tuple[Control, ...]:
    """Return a control for each coordinate of the code, in the order of the blocks, named by what it drives.

    Args:
        latents: The latent space.
        model: What the generator is.

    Example:
        >>> from infot.models.blocks import Normal
        >>> space = LatentSpace((Categorical(10), Circle(), Uniform(1)), Normal(1))
        >>> [(control.name, control.kind, control.high) for control in code_controls(space, ModelConfig())]
        [('categorical 1', 'choice', 9), ('circle 1', 'dial', 3.141592653589793), ('uniform 1', 'slider', 1.0)]
    """
    blocks = [block for block in latents.code for _ in range(block.n_coordinates)]
    return tuple(
        _control(name, block) for name, block in zip(code_names(latents, model), blocks, strict=True)
    )


def _control(name: str, block: Block) -> Control:
    if isinstance(block, Categorical):
        return Control(name, "choice", 0, block.n - 1)
    if isinstance(block, Circle):
        return Control(name, "dial", -math.pi, math.pi)
    reach = 1.0 if isinstance(block, Uniform) else REACH
    return Control(name, "slider", -reach, reach)


def noise_controls(latents: LatentSpace, model: ModelConfig, shape: tuple[int, ...]) -> tuple[Control, ...]:
    """Return a control for each coordinate of the noise, named by what it deforms where the generator says so.

    Args:
        latents: The latent space.
        model: What the generator is.
        shape: Shape of a data point.
    """
    names = noise_names(latents, model, shape)
    return tuple(Control(name, "slider", -REACH, REACH) for name in names)


def code_of(latents: LatentSpace, controls: Sequence[Control], numbers: Sequence[float]) -> Tensor:
    """Return the code vector, shape ``(code_dim,)``, that numbers of the controls stand for.

    Args:
        latents: The latent space.
        controls: Those of :func:`code_controls`.
        numbers: An index for each categorical block, an angle in radians for each circle, coordinates for the rest.

    Raises:
        ConfigError: If there are too few or too many numbers, or one is outside its range.
    """
    if len(numbers) != len(controls):
        raise ConfigError(f"code: expected {_count(len(controls))}, got {len(numbers)}")
    values: list[float] = []
    for control, number in zip(controls, numbers, strict=True):
        high = FARTHEST if control.high == REACH and control.kind == "slider" else control.high
        low = -FARTHEST if high == FARTHEST else control.low
        if not low - 1e-3 <= number <= high + 1e-3:  # sliders round
            raise ConfigError(f"code: {control.name} lies between {low:.4g} and {high:.4g}, got {number:.4g}")
        values += [math.cos(number), math.sin(number)] if control.kind == "dial" else [number]
    return code_vector(latents, values)


def noise_of(latents: LatentSpace, numbers: Sequence[float]) -> Tensor:
    """Return the noise vector, shape ``(noise_dim,)``.

    Raises:
        ConfigError: If there are too few or too many numbers, or one is no place that noise comes to.
    """
    if len(numbers) != latents.noise_dim:
        raise ConfigError(f"noise: expected {_count(latents.noise_dim)}, got {len(numbers)}")
    far = [number for number in numbers if not abs(number) <= FARTHEST]
    if far:
        raise ConfigError(f"noise: expected numbers between -{FARTHEST:g} and {FARTHEST:g}, got {far[0]:g}")
    return torch.tensor(list(numbers), dtype=torch.float32)


def code_words(latents: LatentSpace, code: Tensor) -> list[str]:
    """Tell each number of a code in a few characters: indices, angles in degrees, coordinates.

    Args:
        latents: The latent space.
        code: Code vector, shape ``(code_dim,)``.

    Example:
        >>> from infot.models.blocks import Normal
        >>> space = LatentSpace((Categorical(3), Circle(), Uniform(1)), Normal(1))
        >>> code_words(space, torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0, -0.25]))
        ['2', '90°', '-0.25']
    """
    numbers = latents.coordinates(code.unsqueeze(0))[0].tolist()
    blocks = [block for block in latents.code for _ in range(block.n_coordinates)]
    words = []
    for block, number in zip(blocks, numbers, strict=True):
        if isinstance(block, Categorical):
            words.append(f"{number:.0f}")
        elif isinstance(block, Circle):
            words.append(f"{math.degrees(number):.0f}°")
        else:
            words.append(f"{number:.2f}")
    return words


def _count(n: int) -> str:
    return "1 number" if n == 1 else f"{n} numbers"
