"""Draws grids of generated images at fixed codes."""

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from infot.atomic import write_bytes
from infot.models.latents import Latent, LatentSpace
from infot.random import Streams
from infot.training.fit import Callback
from infot.training.state import TrainState

__all__ = ["SampleGrids", "grid_png", "latent_grid", "write_grid"]

ROWS = 16  # most codes shown
COLUMNS = 12  # noise draws of each
GAP = 2  # pixels between tiles
SMALLEST_TILE = 32  # pixels; smaller images are enlarged by a whole factor


def latent_grid(latents: LatentSpace, *, seed: int, rows: int = ROWS, columns: int = COLUMNS) -> Latent:
    """Return latents for a grid: one code a row, the same noise in every row; without noise, as many codes.

    Args:
        latents: The latent space.
        seed: Fixes codes (where they are continuous or more than ``rows``) and noise.
        rows: Most rows.
        columns: Noise draws.

    Returns:
        Code and noise of ``rows * columns`` latents, row by row.
    """
    streams = Streams(seed)
    if latents.noise_dim == 0:
        return latents.sample(rows * columns, streams("grid codes"))
    if latents.n_codes is not None and latents.n_codes <= rows:
        codes = latents.code_values()
    else:
        codes = latents.sample_codes(rows, streams("grid codes"))
    noise = latents.sample_noise(columns, streams("grid noise"))
    return Latent(codes.repeat_interleave(columns, 0), noise.repeat(len(codes), 1))


def write_grid(path: Path, images: Tensor, *, columns: int) -> None:
    """Write images as one PNG; see :func:`grid_png`.

    Args:
        path: The file.
        images: Shape ``(n, channels, height, width)``.
        columns: Images in a row.

    Raises:
        RunFolderError: If the disk refuses.
    """
    write_bytes(path, grid_png(images, columns=columns))


def grid_png(images: Tensor, *, columns: int, gap: int = GAP) -> bytes:
    """Return images as one PNG.

    Args:
        images: Shape ``(n, channels, height, width)``, values in [0, 1] (clipped); of channels that are not 1 or 3 the
            mean is drawn.
        columns: Images in a row.
        gap: Pixels between two of them.
    """
    pixels = (images.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    factor = max(1, -(-SMALLEST_TILE // max(pixels.shape[-2:])))
    pixels = pixels.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    if pixels.shape[1] not in (1, 3):  # no picture format holds other channel counts: show the mean
        pixels = pixels.float().mean(1, keepdim=True).to(torch.uint8)
    n, channels, height, width = pixels.shape
    rows = -(-n // columns)
    page = torch.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, dtype=torch.uint8
    )
    for at, tile in enumerate(pixels):
        top, left = at // columns * (height + gap), at % columns * (width + gap)
        page[top : top + height, left : left + width] = tile.permute(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(page.numpy().squeeze(-1) if channels == 1 else page.numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


class SampleGrids(Callback):
    """Write ``step-XXXXXXXX.png`` from the averaged generator: a row a code, always the same codes and noise.

    Args:
        folder: Where to.
        every: Steps between two grids.
        latents: The latent space.
        seed: Fixes codes and noise.
        steps: Number of steps of the run; the last one gets a grid.
    """

    def __init__(self, folder: Path, *, every: int, latents: LatentSpace, seed: int, steps: int) -> None:
        self.folder = folder
        self.every = every
        self.steps = steps
        self._latent = latent_grid(latents, seed=seed)

    def due(self, state: TrainState) -> bool:
        return state.step % self.every == 0 or state.step == self.steps

    @torch.no_grad()
    def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
        code, noise = (part.to(state.device) for part in self._latent)
        images = state.ema["generator"](code, noise)
        write_grid(self.folder / f"step-{state.step:08d}.png", images, columns=COLUMNS)
