"""Synthetic data whose law is known: Gaussian mixtures, and Gaussians with distinct principal axes."""

from math import cos, pi, sin

import torch
from torch import Tensor

from infot.data.base import Dataset, DatasetInfo, GaussianMixture
from infot.random import Streams

__all__ = ["GAUSSIANS", "gaussian_mixture", "load_gaussians"]

_LICENCE = "none needed: drawn on the spot"
_PACGAN = "generated; protocol of PacGAN (Lin, Khetan, Fanti, Oh 2018, arXiv:1712.04086)"

_MEANS_1200 = (
    -1.0,
    -0.5,
    0.0,
    0.5,
    -2.0,
    -2.5,
    10.0,
    0.25,
    -13.0,
    -5.5,
)  # of PacGAN's VEEGAN1200DPackingMixture

_ROTATION = 0.6  # radians, of the 2-D Gaussian's first axis
_AXES_2 = ((cos(_ROTATION), sin(_ROTATION)), (-sin(_ROTATION), cos(_ROTATION)))
_AXES_3 = (
    (2 / 3, 2 / 3, 1 / 3),
    (-2 / 3, 1 / 3, 2 / 3),
    (1 / 3, -2 / 3, 2 / 3),
)  # orthonormal

GAUSSIANS: tuple[DatasetInfo, ...] = (
    DatasetInfo(
        name="ring8",
        kind="vectors",
        description="Eight Gaussians of standard deviation 0.01 at the angles 2 pi i / 8 of the unit circle.",
        size="100,000 training and 10,000 held-out points in the plane",
        source=_PACGAN,
        licence=_LICENCE,
        class_names=tuple(f"{45 * i} degrees" for i in range(8)),
    ),
    DatasetInfo(
        name="ring8-unbalanced",
        kind="vectors",
        description="The modes of ring8, drawn in the proportions 1 : 2 : ... : 8 from angle 0 on.",
        size="100,000 training and 10,000 held-out points in the plane",
        source="generated; the modes of PacGAN's ring (arXiv:1712.04086)",
        licence=_LICENCE,
        class_names=tuple(f"{45 * i} degrees" for i in range(8)),
    ),
    DatasetInfo(
        name="grid25",
        kind="vectors",
        description="Twenty-five Gaussians of standard deviation 0.05 on the grid {-4, -2, 0, 2, 4} squared.",
        size="100,000 training and 10,000 held-out points in the plane",
        source=_PACGAN,
        licence=_LICENCE,
        class_names=tuple(f"({x}, {y})" for x in range(-4, 5, 2) for y in range(-4, 5, 2)),
    ),
    DatasetInfo(
        name="gaussians1200",
        kind="vectors",
        description=(
            "Ten modes in 1200 dimensions: a mode has all 1200 coordinates at one of ten levels, with "
            "standard normal noise on the first 700 coordinates and none on the other 500."
        ),
        size="20,000 training and 5,000 held-out points in 1200 dimensions",
        source=f"{_PACGAN}, its rebuild of the VEEGAN data (Srivastava et al. 2017, arXiv:1705.07761)",
        licence=_LICENCE,
        class_names=tuple(f"level {mean:g}" for mean in _MEANS_1200),
    ),
    DatasetInfo(
        name="anisotropic",
        kind="vectors",
        description="One Gaussian in the plane with variances 4 and 1 along axes turned by 0.6 rad.",
        size="50,000 training and 10,000 held-out points in the plane",
        source="generated",
        licence=_LICENCE,
        variances=(4.0, 1.0),
        axes=_AXES_2,
    ),
    DatasetInfo(
        name="anisotropic3",
        kind="vectors",
        description="One Gaussian in space with variances 9, 4 and 1, along axes off the coordinate axes.",
        size="50,000 training and 10,000 held-out points in space",
        source="generated",
        licence=_LICENCE,
        variances=(9.0, 4.0, 1.0),
        axes=_AXES_3,
    ),
)

_COUNTS = {
    "ring8": (100_000, 10_000),
    "ring8-unbalanced": (100_000, 10_000),
    "grid25": (100_000, 10_000),
    "gaussians1200": (20_000, 5_000),  # 120 MB; 100,000 points would take 480 MB and add nothing to ten modes
    "anisotropic": (50_000, 10_000),
    "anisotropic3": (50_000, 10_000),
}


def gaussian_mixture(name: str) -> GaussianMixture:
    """Return the law of ``ring8``, ``ring8-unbalanced``, ``grid25`` or ``gaussians1200``.

    Modes have equal weights but for ``ring8-unbalanced``, whose modes weigh 1, 2, ..., 8 thirty-sixths.

    Args:
        name: One of the four names.

    Returns:
        The mixture, with modes in the order of the data set's ``class_names``.

    Raises:
        KeyError: No mixture has this name.

    Example:
        >>> gaussian_mixture("ring8").centres.shape
        torch.Size([8, 2])
    """
    if name in ("ring8", "ring8-unbalanced"):
        centres = torch.tensor([[cos(2 * pi * i / 8), sin(2 * pi * i / 8)] for i in range(8)])
        weights = torch.full((8,), 1 / 8) if name == "ring8" else torch.arange(1.0, 9.0) / 36
        return GaussianMixture(centres, 0.01, weights)
    if name == "grid25":
        levels = torch.arange(-4.0, 5.0, 2.0)
        return GaussianMixture(torch.cartesian_prod(levels, levels), 0.05, torch.full((25,), 1 / 25))
    if name == "gaussians1200":
        centres = torch.tensor(_MEANS_1200)[:, None].expand(-1, 1200).contiguous()
        return GaussianMixture(centres, 1.0, torch.full((10,), 1 / 10), rank=700)
    raise KeyError(name)


def load_gaussians(info: DatasetInfo, seed: int) -> Dataset:
    """Draw a synthetic data set; the same seed gives the same points.

    Args:
        info: An entry of :data:`GAUSSIANS`.
        seed: Seed of the draw.

    Returns:
        The data set; labels are the modes, where there are several.
    """
    rng = Streams(seed)(f"data/{info.name}")
    n_train, n_test = _COUNTS[info.name]
    if info.axes:
        train, test = _single(info, n_train, rng), _single(info, n_test, rng)
        return Dataset(info.name, info.kind, train, test, None, None, info)
    mixture = gaussian_mixture(info.name)
    train, train_labels = mixture.sample(n_train, rng)
    test, test_labels = mixture.sample(n_test, rng)
    return Dataset(info.name, info.kind, train, test, train_labels, test_labels, info, mixture)


def _single(info: DatasetInfo, n: int, rng: torch.Generator) -> Tensor:
    """Draw n points of the centred Gaussian with the variances and axes of ``info``."""
    scaled = torch.randn(n, len(info.variances), generator=rng) * torch.tensor(info.variances).sqrt()
    return scaled @ torch.tensor(info.axes)
