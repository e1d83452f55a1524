"""Data sets of images with known factors: rendered as they are asked for, some held out."""

from collections.abc import Callable

import torch

from infot.data.base import Dataset, DatasetInfo
from infot.data.factors import FactorImages, Rendered, Sprites
from infot.random import Streams

__all__ = ["FACTOR_SETS", "load_factor_set"]

HELD_OUT = 10_000
SPLIT_SEED = 0  # the splits are part of the benchmarks: no option changes them
_LICENCE = "none needed: rendered on the spot"
_ROTATIONS = (
    "The square looks the same after every 90 degrees, the ellipse after 180, the heart only after 360."
)

FACTOR_SETS: tuple[DatasetInfo, ...] = (
    DatasetInfo(
        name="sprites",
        kind="images",
        description=(
            "A white square, ellipse or heart on black: dSprites rendered anew, anti-aliased, without its angle that "
            "comes twice; shapes of one scale have one area."
        ),
        size="727,280 training and 10,000 held-out images of 1x64x64",
        source="generated; factors of dSprites (Matthey, Higgins, Hassabis, Lerchner 2017)",
        licence=_LICENCE,
        factors=Sprites.factors,
        symmetry=_ROTATIONS,
    ),
)

_IMAGES: dict[str, Callable[[], FactorImages]] = {"sprites": Sprites}


def load_factor_set(info: DatasetInfo) -> Dataset:
    """Render the held-out images of a data set with known factors, and make the others ready to be rendered.

    Args:
        info: An entry of :data:`FACTOR_SETS`.

    Returns:
        The data set; all combinations of factors in a fixed random order, the first of which are held out.
    """
    images = _IMAGES[info.name]()
    order = torch.randperm(len(images), generator=Streams(SPLIT_SEED)(f"data/{info.name}"))
    test_factors = images.factors.at(order[:HELD_OUT])
    return Dataset(
        info.name,
        info.kind,
        train=Rendered(images, order[HELD_OUT:]),
        test=images.render(test_factors),
        train_labels=None,
        test_labels=None,
        info=info,
        factors=images,
        test_factors=test_factors,
    )
