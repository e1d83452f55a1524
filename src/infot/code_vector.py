"""What users call a code, as the vector that networks see."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from infot.errors import ConfigError
from infot.models.blocks import Categorical
from infot.models.latents import LatentSpace

__all__ = ["code_vector"]


def code_vector(latents: LatentSpace, code: int | Sequence[float] | Tensor) -> Tensor:
    """Return the code vector, shape ``(code_dim,)``, that ``code`` means.

    Args:
        latents: The latent space.
        code: An index into the table of code values, one value for each block (indices of categorical blocks,
            coordinates of continuous ones), or a code vector.

    Raises:
        ConfigError: If there is no such code.
    """
    if isinstance(code, Tensor):
        if code.shape != (latents.code_dim,):
            raise ConfigError(f"expected a code vector ({latents.code_dim},), got {tuple(code.shape)}")
        return code.float()
    values = [code] if isinstance(code, int) else list(code)
    if len(values) == 1 and latents.n_codes is not None:
        return latents.code_values()[_index(values[0], latents.n_codes)]
    return _of_values(latents, values)


def _index(value: float, n: int) -> int:
    if not (0 <= value < n and value == int(value)):  # the range first: NaN and infinity are no integers
        raise ConfigError(f"code: expected a whole number from 0 to {n - 1}, got {value}")
    return int(value)


def _of_values(latents: LatentSpace, values: Sequence[float]) -> Tensor:
    widths = [1 if isinstance(block, Categorical) else block.dim for block in latents.code]
    if len(values) != sum(widths):
        raise ConfigError(
            f"code: expected {sum(widths)} values (one index for a categorical block, one number for each continuous "
            f"dimension), got {len(values)}"
        )
    parts: list[Tensor] = []
    at = 0
    for block, width in zip(latents.code, widths, strict=True):
        if isinstance(block, Categorical):
            parts.append(torch.eye(block.n)[_index(values[at], block.n)])
        else:
            parts.append(torch.tensor(values[at : at + width], dtype=torch.float32))
        at += width
    vector = torch.cat(parts)
    if not all(map(math.isfinite, vector.tolist())):
        raise ConfigError(f"code: expected finite numbers, got {list(values)}")
    return vector
