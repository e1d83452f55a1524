"""Transport on the line against the linear programme and closed forms; its mean over projections."""

import math

import ot as pot
import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ProblemError


def points(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=rng(seed), dtype=torch.float64)


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_the_line_agrees_with_the_linear_programme(power: float) -> None:
    x, y, a, b = (
        points(7, seed=0),
        points(5, seed=1),
        random_weights(7, 2, zeros=2),
        random_weights(5, 3, zeros=1),
    )
    cost = (x.unsqueeze(1) - y).abs() ** power
    expected = pot.emd2(a.numpy(), b.numpy(), cost.numpy())
    assert float(ot.wasserstein_1d(x, y, a, b, power=power)) == pytest.approx(float(expected), rel=1e-9)


def test_a_sorted_shift_and_a_dirac() -> None:
    x = points(6, seed=0)
    assert float(ot.wasserstein_1d(x, x.flip(0) + 3)) == pytest.approx(9)
    assert float(ot.wasserstein_1d(x, torch.zeros(1, dtype=torch.float64))) == pytest.approx(
        float(x.square().mean())
    )


def test_gradients_in_points_and_weights() -> None:
    x, y, p, q = points(4, seed=0), points(3, seed=1), random_weights(4, 2), random_weights(3, 3)

    def value(x: Tensor, y: Tensor, p: Tensor, q: Tensor) -> Tensor:
        return ot.wasserstein_1d(x, y, p / p.sum(), q / q.sum())

    assert torch.autograd.gradcheck(value, [z.requires_grad_() for z in (x, y, p, q)])

    def sliced(x: Tensor, y: Tensor, p: Tensor) -> Tensor:
        return ot.sliced_wasserstein(x, y, p / p.sum(), rng=rng(0), n_projections=5)

    clouds = [points(4, 2, seed=4), points(3, 2, seed=5), random_weights(4, 2)]
    assert torch.autograd.gradcheck(sliced, [z.requires_grad_() for z in clouds])


def test_a_shift_costs_its_mean_square_along_a_direction() -> None:
    """``E (theta . m)^2 = |m|^2 / d``; 4000 directions, four standard errors (kurtosis of a direction below 3)."""
    x, shift = points(9, 3, seed=0), torch.tensor([1.0, -2.0, 2.0], dtype=torch.float64)
    value = float(ot.sliced_wasserstein(x, x + shift, rng=rng(1), n_projections=4000))
    assert value == pytest.approx(9 / 3, abs=4 * 9 / 3 * 2**0.5 / 4000**0.5)


def test_the_generator_decides_and_batches_share_directions() -> None:
    x, y = points(2, 5, 3, seed=0), points(2, 4, 3, seed=1)
    a = torch.stack([random_weights(5, 2), random_weights(5, 3)])
    batch = ot.sliced_wasserstein(x, y, a, rng=rng(0))
    items = [ot.sliced_wasserstein(x[i], y[i], a[i], rng=rng(0)) for i in range(2)]
    torch.testing.assert_close(batch, torch.stack(items))
    assert ot.sliced_wasserstein(x[0], y[0], rng=rng(1)) != ot.sliced_wasserstein(x[0], y[0], rng=rng(2))


def test_a_batch_against_a_single_cloud_is_its_items() -> None:
    x, y, a = points(4, 6, 3, seed=0), points(5, 3, seed=1), random_weights(6, 2)
    together = ot.sliced_wasserstein(x, y, a, rng=rng(0))
    items = [ot.sliced_wasserstein(cloud, y, a, rng=rng(0)) for cloud in x]
    torch.testing.assert_close(together, torch.stack(items))
    torch.testing.assert_close(ot.sliced_wasserstein(y, x, None, a, rng=rng(0)), together)


def test_against_pot() -> None:
    x, y, a, b = points(8, 3, seed=0), points(6, 3, seed=1), random_weights(8, 2), random_weights(6, 3)
    directions = torch.randn(16, 3, generator=rng(5), dtype=torch.float64)
    directions = directions / directions.norm(dim=-1, keepdim=True)
    expected = pot.sliced_wasserstein_distance(
        x.numpy(), y.numpy(), a.numpy(), b.numpy(), projections=directions.T.numpy(), p=2
    )
    value = ot.sliced_wasserstein(x, y, a, b, rng=rng(5), n_projections=16)
    assert float(value) == pytest.approx(float(expected) ** 2, rel=1e-9)


def test_bad_settings_are_named() -> None:
    x = points(3, seed=0)
    with pytest.raises(ProblemError, match="power >= 1"):
        ot.wasserstein_1d(x, x, power=0.5)
    with pytest.raises(ProblemError, match="expected 3 weights"):
        ot.wasserstein_1d(x, x, random_weights(2, 0))
    with pytest.raises(ProblemError, match="expected b to be non-negative with sum 1"):
        ot.wasserstein_1d(x, x, None, 2 * random_weights(3, 0))
    with pytest.raises(ProblemError, match="expected finite points"):
        ot.wasserstein_1d(x, x * math.nan)
    with pytest.raises(ProblemError, match="n_projections >= 1"):
        ot.sliced_wasserstein(x.unsqueeze(1), x.unsqueeze(1), rng=rng(0), n_projections=0)
