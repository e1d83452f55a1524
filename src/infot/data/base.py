"""What a data set is: training and held-out examples, what is known of them, how a table was scaled."""

from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, Literal, Protocol

import torch
from scipy.stats import chi2
from torch import Tensor

from infot.data.factors import FactorImages, FactorSpace

__all__ = ["Dataset", "DatasetInfo", "GaussianMixture", "Kind", "Points", "Scaling"]

Kind = Literal["vectors", "images"]

SAMPLE = 4096
"""Training examples that statistics are taken of where the training part is no tensor."""

TWO_DIMENSIONAL_THREE_SIGMA = (
    0.9888910034617577  # 1 - exp(-4.5): share of a 2-D Gaussian within 3 sigma of its centre
)


class Points(Protocol):
    """Training examples, indexed by int64 rows: a tensor, or images rendered as they are asked for."""

    @property
    def shape(self) -> torch.Size:
        """``(n, *shape)``."""
        ...

    @property
    def device(self) -> torch.device:
        """Where examples come to be."""
        ...

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def __getitem__(self, rows: Any, /) -> Tensor:
        """Return the examples at ``rows``, int64 (m,), as float32 (m, *shape)."""
        ...


@dataclass(frozen=True)
class DatasetInfo:
    """Say what a data set is and where it comes from.

    Attributes:
        name: Name by which :func:`infot.data.load` knows it.
        kind: ``"vectors"`` or ``"images"``.
        description: One or two sentences for a reader who meets the data for the first time.
        size: Number and shape of the examples, in words.
        source: Where the data comes from.
        licence: Under which terms it may be used.
        class_names: Name of each label value, in order; empty without labels.
        variances: Variances along ``axes``, largest first (anisotropic Gaussians only).
        axes: Principal axes, one unit vector for each variance (anisotropic Gaussians only).
        factors: The factors that the images are made from, where they are known.
        symmetry: Which different factors give the same image.
    """

    name: str
    kind: Kind
    description: str
    size: str
    source: str
    licence: str
    class_names: tuple[str, ...] = ()
    variances: tuple[float, ...] = ()
    axes: tuple[tuple[float, ...], ...] = ()
    factors: FactorSpace | None = None
    symmetry: str = ""


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    r"""Hold the known law of a synthetic data set, :math:`\sum_k w_k N(c_k, \sigma^2 I_r)`.

    The covariance is :math:`\sigma^2` on the first ``rank`` coordinates and zero on the others.

    Attributes:
        centres: Means of the modes, shape (k, d).
        sigma: Standard deviation of every mode in each of its ``rank`` directions.
        weights: Probabilities of the modes, shape (k,).
        rank: Number of leading coordinates along which the modes spread; ``None`` means all d.
    """

    centres: Tensor
    sigma: float
    weights: Tensor
    rank: int | None = None

    @property
    def spread_dim(self) -> int:
        """Number of coordinates along which a mode spreads."""
        return self.centres.shape[1] if self.rank is None else self.rank

    @property
    def quality_radius(self) -> float:
        r"""Distance to the nearest centre below which a sample is of high quality.

        :math:`\sigma\sqrt{q}`, q the 0.98889-quantile of the chi-square law with ``spread_dim`` degrees of
        freedom: it is :math:`3\sigma` in two dimensions (the PacGAN protocol) and keeps the same share of
        true data in any other.
        """
        if self.spread_dim == 2:
            return 3.0 * self.sigma
        return self.sigma * sqrt(float(chi2.ppf(TWO_DIMENSIONAL_THREE_SIGMA, self.spread_dim)))

    def sample_labels(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw ``n`` modes by their weights; returns int64, shape (n,)."""
        return torch.multinomial(self.weights, n, replacement=True, generator=rng)

    def sample_at(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Draw one point of each given mode; ``labels`` int64 (n,), returns (n, d)."""
        spread = torch.randn(len(labels), self.spread_dim, generator=rng) * self.sigma
        points = self.centres[labels]
        points[:, : self.spread_dim] += spread
        return points

    def sample(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw ``n`` points and their modes.

        Args:
            n: Number of points.
            rng: Source of randomness.

        Returns:
            Points (n, d) and modes (n,), int64.
        """
        labels = self.sample_labels(n, rng)
        return self.sample_at(labels, rng), labels


@dataclass(frozen=True, eq=False)
class Scaling:
    r"""Bring the columns of a table to mean 0 and variance 1, and back.

    :math:`(x - \mathrm{mean}) / \mathrm{std}`, column by column.

    A column with a single value is only centred (its ``std`` is 1), so that :meth:`undo` gives it back
    exactly.

    Attributes:
        mean: Mean of each column of the training part, shape (d,), float64.
        std: Standard deviation (divisor n) of each column, shape (d,), float64.

    Example:
        >>> scaling = Scaling.of(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
        >>> scaling.apply(torch.tensor([[3.0, 5.0]]))
        tensor([[1., 0.]])
        >>> scaling.undo(torch.tensor([[1.0, 0.0]]))
        tensor([[3., 5.]])
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, points: Tensor) -> "Scaling":
        """Measure the columns of ``points`` (n, d)."""
        points = points.double()
        mean = points.mean(0)
        std = (points - mean).square().mean(0).sqrt()
        constant = (points == points[0]).all(0)
        return cls(torch.where(constant, points[0], mean), torch.where(constant, torch.ones_like(std), std))

    def apply(self, points: Tensor) -> Tensor:
        """Scale points (n, d) in the user's units; returns float32."""
        return ((points.double() - self.mean) / self.std).float()

    def undo(self, points: Tensor) -> Tensor:
        """Return scaled points (n, d) to the user's units; dtype and device stay those of ``points``."""
        mean, std = self.mean.to(points.device), self.std.to(points.device)
        return (points.double() * std + mean).to(points.dtype)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Hold examples to train on, held-out ones to evaluate on, and what is known about them.

    Attributes:
        name: Name of the data set.
        kind: ``"vectors"`` or ``"images"``.
        train: Training examples (n, \\*shape), float32 on the CPU; images (c, h, w) in [0, 1]. A tensor, or what
            stands in for one too large to hold.
        test: Held-out examples of the same shape.
        train_labels: Class of each training example, int64 in 0..k-1, or ``None``; for evaluation alone.
        test_labels: Class of each held-out example, or ``None``.
        info: Description, source, licence.
        mixture: The law the data was drawn from, where it is a Gaussian mixture.
        feature_names: Column names of a table; empty otherwise.
        scaling: How the columns of a table were scaled; ``None`` where they were not.
        factors: What renders the images from their factors, where these are known.
        test_factors: Factors of the held-out images, int64 (n, K), or ``None``.
        digest: What tells the user's own data from any others; empty for data that the package brings or makes.
    """

    name: str
    kind: Kind
    train: Points
    test: Tensor
    train_labels: Tensor | None
    test_labels: Tensor | None
    info: DatasetInfo
    mixture: GaussianMixture | None = None
    feature_names: tuple[str, ...] = ()
    scaling: Scaling | None = None
    factors: FactorImages | None = None
    test_factors: Tensor | None = None
    digest: str = ""

    def training_sample(self) -> Tensor:
        """Return what statistics of the training part are taken of: all of a tensor, else its first 4096 examples.

        Training parts that are no tensor come in random order, fixed with the data set.
        """
        if isinstance(self.train, Tensor):
            return self.train
        return self.train[torch.arange(min(SAMPLE, len(self.train)))]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.train.shape[1:])

    @property
    def dim(self) -> int:
        """Number of values in one example."""
        return prod(self.shape)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each label value; empty without labels."""
        return self.info.class_names
