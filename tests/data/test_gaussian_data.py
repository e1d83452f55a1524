"""The synthetic data sets follow the laws they state, within five standard errors."""

from math import cos, pi, sin, sqrt

import pytest
import torch
from torch import Tensor

from infot.data import GaussianMixture, describe, gaussian_mixture, load

MIXTURES = ("ring8", "ring8-unbalanced", "grid25", "gaussians1200")
ERRORS = 5.0  # allowed deviation in standard errors


def near(measured: Tensor, truth: Tensor | float, standard_error: Tensor | float) -> bool:
    """Tell whether every entry is within five standard errors."""
    truth, error = torch.as_tensor(truth).double(), torch.as_tensor(standard_error).double()
    return bool(((measured.double() - truth).abs() <= ERRORS * error).all())


def test_ring_centres_are_the_eighths_of_the_circle() -> None:
    expected = torch.tensor([[cos(2 * pi * i / 8), sin(2 * pi * i / 8)] for i in range(8)])
    mixture = gaussian_mixture("ring8")
    torch.testing.assert_close(mixture.centres, expected)
    assert torch.cdist(mixture.centres, mixture.centres).fill_diagonal_(9).min() > 0.7
    assert mixture.sigma == 0.01


def test_grid_centres_are_the_25_points() -> None:
    mixture = gaussian_mixture("grid25")
    assert {tuple(c) for c in mixture.centres.tolist()} == {
        (x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)
    }
    assert mixture.sigma == 0.05


def test_unbalanced_ring_has_the_modes_of_the_ring_in_the_proportions_1_to_8() -> None:
    even, uneven = gaussian_mixture("ring8"), gaussian_mixture("ring8-unbalanced")
    assert torch.equal(even.centres, uneven.centres) and even.sigma == uneven.sigma
    torch.testing.assert_close(uneven.weights * 36, torch.arange(1.0, 9.0))


@pytest.mark.parametrize("name", MIXTURES)
def test_class_names_follow_the_order_of_the_centres(name: str) -> None:
    mixture, names = gaussian_mixture(name), describe(name).class_names
    assert len(names) == len(mixture.centres)
    ring, grid = ("0 degrees", "45 degrees"), ("(-4, -4)", "(-4, -2)")
    first = {"ring8": ring, "ring8-unbalanced": ring, "grid25": grid}.get(name, ("level -1", "level -0.5"))
    assert names[:2] == first


@pytest.mark.parametrize("name", MIXTURES)
def test_modes_have_their_weights_means_and_spread(name: str) -> None:
    data = load(name)
    mixture = data.mixture
    assert mixture is not None and data.train_labels is not None
    n, k, r = len(data.train), len(mixture.centres), mixture.spread_dim
    counts = torch.bincount(data.train_labels, minlength=k)
    weights = mixture.weights.double()
    assert near(counts / n, weights, (weights * (1 - weights) / n).sqrt())
    residual = (data.train - mixture.centres[data.train_labels])[:, :r].double()
    for mode in range(k):
        mean = residual[data.train_labels == mode].mean(0)
        assert near(mean, 0.0, mixture.sigma / counts[mode].double().sqrt())
    square = residual.square().mean()
    assert near(square, mixture.sigma**2, mixture.sigma**2 * sqrt(2 / (n * r)))


def test_coordinates_of_a_mode_are_uncorrelated() -> None:
    data = load("ring8")
    assert data.mixture is not None and data.train_labels is not None
    residual = (data.train - data.mixture.centres[data.train_labels]).double() / data.mixture.sigma
    assert near(residual.prod(1).mean(), 0.0, 1 / sqrt(len(residual)))


def test_gaussians1200_spread_in_700_coordinates_alone() -> None:
    data = load("gaussians1200")
    assert data.mixture is not None and data.train_labels is not None
    flat = data.train[:, 700:]
    assert data.shape == (1200,) and data.mixture.spread_dim == 700
    assert torch.equal(flat, data.mixture.centres[data.train_labels][:, 700:])
    assert (data.train[:, :700] != data.mixture.centres[data.train_labels][:, :700]).any(0).all()


def test_gaussians1200_points_are_nearest_to_their_own_centre() -> None:
    data = load("gaussians1200")
    assert data.mixture is not None and data.test_labels is not None
    nearest = torch.cdist(data.test, data.mixture.centres).argmin(1)
    assert torch.equal(nearest, data.test_labels)


@pytest.mark.parametrize("name", MIXTURES)
def test_quality_radius_holds_the_same_share_of_true_data(name: str) -> None:
    data = load(name)
    assert data.mixture is not None and data.test_labels is not None
    distance = (data.test - data.mixture.centres[data.test_labels]).norm(dim=1)
    share, truth = (distance < data.mixture.quality_radius).double().mean(), 0.98889
    assert near(share, truth, sqrt(truth * (1 - truth) / len(data.test)))


def test_quality_radius_is_three_sigma_in_the_plane() -> None:
    assert gaussian_mixture("ring8").quality_radius == pytest.approx(0.03)
    space = GaussianMixture(torch.zeros(1, 2), 1.0, torch.ones(1), rank=1)
    assert space.quality_radius == pytest.approx(2.5392, abs=1e-3)  # normal quantile of (1 + .98889) / 2


def test_sample_at_gives_the_modes_asked_for() -> None:
    labels = torch.tensor([3, 0, 7])
    mixture = gaussian_mixture("ring8")
    points = mixture.sample_at(labels, torch.Generator().manual_seed(1))
    assert torch.equal(torch.cdist(points, mixture.centres).argmin(1), labels)
    assert not torch.equal(points, mixture.centres[labels])


def test_unequal_weights_are_drawn() -> None:
    mixture = GaussianMixture(torch.zeros(2, 1), 1.0, torch.tensor([0.9, 0.1]))
    labels = mixture.sample(10_000, torch.Generator().manual_seed(0))[1]
    assert near(labels.double().mean(), 0.1, sqrt(0.1 * 0.9 / 10_000))


@pytest.mark.parametrize("name", ["anisotropic", "anisotropic3"])
def test_anisotropic_has_its_variances_along_its_axes(name: str) -> None:
    data = load(name)
    n = len(data.train)
    axes = torch.tensor(data.info.axes, dtype=torch.float64)
    variances = torch.tensor(data.info.variances, dtype=torch.float64)
    torch.testing.assert_close(axes @ axes.T, torch.eye(len(axes), dtype=torch.float64))
    along = data.train.double() @ axes.T
    assert near(along.mean(0), 0.0, (variances / n).sqrt())
    assert near(along.square().mean(0), variances, variances * sqrt(2 / n))
    products = (along.T @ along) / n
    errors = (variances[:, None] * variances[None, :] / n).sqrt()
    off = ~torch.eye(len(axes), dtype=torch.bool)
    assert near(products[off], 0.0, errors[off])
    assert data.train_labels is None and data.mixture is None


def test_anisotropic_is_turned_by_six_tenths_of_a_radian() -> None:
    assert describe("anisotropic").axes[0] == pytest.approx((cos(0.6), sin(0.6)))
    assert describe("anisotropic").variances == (4.0, 1.0)
    assert describe("anisotropic3").variances == (9.0, 4.0, 1.0)


@pytest.mark.parametrize("name", ["ring8", "anisotropic"])
def test_same_seed_same_points_another_seed_others(name: str) -> None:
    first, again, other = load(name, seed=3), load(name, seed=3), load(name, seed=4)
    assert torch.equal(first.train, again.train) and torch.equal(first.test, again.test)
    assert not torch.equal(first.train, other.train)
    assert not torch.equal(first.train[: len(first.test)], first.test)


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_protocol_sizes(name: str) -> None:
    data = load(name)
    assert data.train.shape == (100_000, 2) and data.test.shape == (10_000, 2)
    assert data.train.dtype == torch.float32 and data.train.device.type == "cpu"
    assert (data.kind, data.shape, data.dim, data.name) == ("vectors", (2,), 2, name)
