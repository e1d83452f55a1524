"""A posed generator under a primal plan: places that nobody named come out as codes along the axes of the plane."""

from dataclasses import replace

import numpy as np
import torch

from infot.config import LatentConfig
from infot.data import Dataset, DatasetInfo
from infot.presets import PRESETS
from infot.session import session_on, trained_model

SIDE = 16
STEPS = 250


def _blobs(n: int, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return blurred points whose places are uniform on a square, and the places, in half widths."""
    places = 1.2 * torch.rand(n, 2, generator=rng) - 0.6
    line = torch.linspace(-1 + 1 / SIDE, 1 - 1 / SIDE, SIDE)
    columns, rows = (torch.exp(-((line - places[:, [axis]]) ** 2) / 0.05) for axis in (0, 1))
    return (rows[:, :, None] * columns[:, None, :])[:, None], places


def test_places_are_told_along_the_axes_of_the_plane() -> None:
    images, _ = _blobs(2000, torch.Generator().manual_seed(0))
    info = DatasetInfo("blobs", "images", "blobs", "2000", "made here", "none")
    dataset = Dataset("blobs", "images", images, images[:100], None, None, info)
    preset = PRESETS["sprites"]
    config = replace(
        preset,
        latent=LatentConfig(uniform=2, noise=0),
        model=replace(preset.model, generator="posed", width=32, code_deformations=()),
        training=replace(preset.training, steps=STEPS),
    )
    session = session_on(dataset, config)
    session.fit()
    seen, places = _blobs(500, torch.Generator().manual_seed(1))
    codes = trained_model(session).encode(seen).mean
    told = np.abs(np.corrcoef(places.T, codes.T)[:2, 2:])
    # Uniform places and codes of one axis each correlate by 1; turned by 15 degrees, by cos and sin of it: .97 and .26.
    assert sorted(told.argmax(axis=1)) == [0, 1]
    assert told.max(axis=1).min() > 0.97 and told.min(axis=1).max() < 0.26
