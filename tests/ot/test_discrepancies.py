"""Maximum mean discrepancies against explicit sums, laws and finite differences."""

import math

import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ProblemError

KERNELS = [ot.GaussianKernel(0.7), ot.LaplaceKernel(0.7), ot.EnergyKernel()]


def cloud(n: int, seed: int, d: int = 2) -> Tensor:
    return torch.randn(n, d, generator=rng(seed), dtype=torch.float64)


def similarity(kernel: ot.Kernel, x: Tensor, y: Tensor) -> float:
    distance = math.dist(x.tolist(), y.tolist())
    if isinstance(kernel, ot.GaussianKernel):
        return math.exp(-(distance**2) / (2 * 0.7**2))
    return math.exp(-distance / 0.7) if isinstance(kernel, ot.LaplaceKernel) else -distance


def mean(kernel: ot.Kernel, x: Tensor, y: Tensor, a: Tensor, b: Tensor, own: bool) -> float:
    pairs = [(i, j) for i in range(len(x)) for j in range(len(y)) if not own or i != j]
    total = sum(float(a[i] * b[j]) for i, j in pairs)
    return sum(float(a[i] * b[j]) * similarity(kernel, x[i], y[j]) for i, j in pairs) / total


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
@pytest.mark.parametrize("estimate", list(ot.Estimate), ids=lambda e: e.name)
def test_sums_over_pairs(kernel: ot.Kernel, estimate: ot.Estimate) -> None:
    x, y, a, b = cloud(5, 0), cloud(4, 1), random_weights(5, 2, zeros=1), random_weights(4, 3)
    own = estimate is ot.Estimate.UNBIASED
    expected = (
        mean(kernel, x, x, a, a, own) + mean(kernel, y, y, b, b, own) - 2 * mean(kernel, x, y, a, b, False)
    )
    value = ot.mmd_squared(x, y, a, b, kernel=kernel, estimate=estimate)
    assert float(value) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
def test_gradients(kernel: ot.Kernel) -> None:
    arrays = [cloud(4, 0), cloud(3, 1), random_weights(4, 2), random_weights(3, 3)]
    for estimate in ot.Estimate:

        def value(*arrays: Tensor, estimate: ot.Estimate = estimate) -> Tensor:
            return ot.mmd_squared(*arrays, kernel=kernel, estimate=estimate)

        assert torch.autograd.gradcheck(value, [x.clone().requires_grad_() for x in arrays])


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
def test_biased_discrepancies_are_positive_and_vanish_on_equal_measures(kernel: ot.Kernel) -> None:
    x, y = cloud(6, 0), cloud(7, 1)
    assert ot.mmd_squared(x, y, kernel=kernel) > 0
    assert float(ot.mmd_squared(x, x.flip(0), kernel=kernel)) == pytest.approx(0, abs=1e-14)
    torch.testing.assert_close(ot.mmd_squared(x, y, kernel=kernel), ot.mmd_squared(y, x, kernel=kernel))


def test_the_unbiased_estimate_is_right_in_the_mean() -> None:
    """Two samples of one law: 400 means of U-statistics must lie within four standard errors of zero."""
    x, y = (torch.randn(400, 8, 1, generator=rng(seed), dtype=torch.float64) for seed in (0, 1))
    values = ot.energy_distance(x, y, estimate=ot.Estimate.UNBIASED)
    assert abs(float(values.mean())) < 4 * float(values.std()) / 400**0.5
    biased = ot.energy_distance(x, y)
    assert float(biased.mean()) > 4 * float(biased.std()) / 400**0.5


def test_energy_distance_of_diracs_and_a_point_in_the_middle() -> None:
    x, y = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    assert float(ot.energy_distance(x, y)) == 10
    ends = torch.tensor([[0.0], [2.0]])
    assert float(ot.energy_distance(ends, torch.tensor([[1.0]]))) == pytest.approx(2 * 1 - 1)


def test_half_the_energy_distance_is_the_sinkhorn_divergence_at_a_large_epsilon() -> None:
    x, y = cloud(5, 0), cloud(6, 1)
    divergence = ot.sinkhorn_divergence(x, y, epsilon=1e4, cost=ot.Lp(), tolerance=1e-12)
    assert float(divergence) == pytest.approx(float(ot.energy_distance(x, y)) / 2, abs=1e-3)


def test_batches_are_their_items() -> None:
    x, y = torch.stack([cloud(4, 0), cloud(4, 1)]), torch.stack([cloud(3, 2), cloud(3, 3)])
    a = torch.stack([random_weights(4, 4), random_weights(4, 5)])
    batch = ot.mmd_squared(x, y, a, kernel=KERNELS[0])
    items = [ot.mmd_squared(x[i], y[i], a[i], kernel=KERNELS[0]) for i in range(2)]
    torch.testing.assert_close(batch, torch.stack(items))


def test_bad_settings_are_named() -> None:
    x = cloud(1, 0)
    with pytest.raises(ProblemError, match="positive, finite bandwidth"):
        ot.GaussianKernel(0.0)
    with pytest.raises(ProblemError, match="positive, finite bandwidth"):
        ot.LaplaceKernel(float("nan"))
    with pytest.raises(ProblemError, match="two weighted points or more"):
        ot.energy_distance(x, cloud(3, 1), estimate=ot.Estimate.UNBIASED)
    with pytest.raises(ProblemError, match="expected 1 weights in a"):
        ot.energy_distance(x, cloud(3, 1), random_weights(2, 0))
    for weights in ([2.0, 1.0, 0.0], [1.5, -0.5, 0.0], [math.nan, 1.0, 0.0]):
        with pytest.raises(ProblemError, match="expected a to be non-negative with sum 1"):
            ot.energy_distance(cloud(3, 1), x, torch.tensor(weights, dtype=torch.float64))
    for bad in (math.nan, math.inf):
        with pytest.raises(ProblemError, match="expected finite points"):
            ot.mmd_squared(x, bad * cloud(3, 1), kernel=KERNELS[0])
