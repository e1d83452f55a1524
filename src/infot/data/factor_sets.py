"""Data sets of images with known factors: rendered as they are asked for, some held out."""

from collections.abc import Callable

import torch

from infot.data.base import Dataset, DatasetInfo
from infot.data.factors import (
    ColourSprites,
    FactorImages,
    NoisySprites,
    Rendered,
    Sprites,
    Squares,
    XYObject,
)
from infot.random import Streams

__all__ = ["FACTOR_SETS", "load_factor_set"]

HELD_OUT = 10_000
SPLIT_SEED = 0  # the splits are part of the benchmarks: no option changes them
_LICENCE = "none needed: rendered on the spot"
_DISENT = "disent (Michlo, Klein, James 2022, arXiv:2202.13341)"
_NONE = "None: no two images are equal."
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
    DatasetInfo(
        name="sprites-colour",
        kind="images",
        description="The sprites in red, yellow, green, cyan, blue or magenta; the colour is a factor.",
        size="4,413,680 training and 10,000 held-out images of 3x64x64",
        source="generated; dSprites with a colour that is a factor",
        licence=_LICENCE,
        factors=ColourSprites.factors,
        symmetry=_ROTATIONS,
    ),
    DatasetInfo(
        name="sprites-noise",
        kind="images",
        description="The sprites before uniform noise in each pixel, which belongs to the image and is no factor.",
        size="727,280 training and 10,000 held-out images of 1x64x64",
        source="generated; after Noisy-dSprites (Locatello et al. 2019, arXiv:1811.12359)",
        licence=_LICENCE,
        factors=NoisySprites.factors,
        symmetry=f"{_ROTATIONS} The noise differs all the same.",
    ),
    DatasetInfo(
        name="squares",
        kind="images",
        description=(
            "A red, a green and a blue square on a grid of 8x8 cells, in a channel each: the distance in pixels tells "
            "how many squares moved, never how far."
        ),
        size="252,144 training and 10,000 held-out images of 3x64x64",
        source=f"generated; after XYSquares of {_DISENT}",
        licence=_LICENCE,
        factors=Squares.factors,
        symmetry=_NONE,
    ),
    DatasetInfo(
        name="xyobject",
        kind="images",
        description="A square of one of five sizes and 24 hues at one of 25x25 places on black.",
        size="65,000 training and 10,000 held-out images of 3x64x64",
        source=f"generated; after XYObject of {_DISENT}",
        licence=_LICENCE,
        factors=XYObject.factors,
        symmetry=_NONE,
    ),
)

_IMAGES: dict[str, Callable[[], FactorImages]] = {
    "sprites": Sprites,
    "sprites-colour": ColourSprites,
    "sprites-noise": NoisySprites,
    "squares": Squares,
    "xyobject": XYObject,
}


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
