"""Answers that are known in closed form: Gaussians, diracs, permutations, quantiles, and costs that fall apart."""

import math

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot

DOUBLE = torch.float64


def root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp_min(0).sqrt()) @ vectors.T


def gaussian_value(
    m: Tensor, cov_a: Tensor, n: Tensor, cov_b: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Return the entropic value at cost ``|x - y|^2`` and the plan's cross-covariance.

    Janati, Muzellec, Peyre, Cuturi, "Entropic optimal transport between unbalanced Gaussian measures has a closed
    form", arXiv 2006.02572, theorem 1; the same number in Mena and Niles-Weed, arXiv 1905.11882.
    """
    d, half = len(m), epsilon / 2
    left = root(cov_a)
    inner = root(4 * left @ cov_b @ left + half**2 * torch.eye(d, dtype=DOUBLE))
    value = (m - n).square().sum() + cov_a.trace() + cov_b.trace() - inner.trace()
    value = (
        value
        + d * half * (1 - math.log(epsilon))
        + half * torch.logdet(inner + half * torch.eye(d, dtype=DOUBLE))
    )
    cross = (left @ inner @ torch.linalg.inv(left) - half * torch.eye(d, dtype=DOUBLE)) / 2
    return value, cross


def on_grid(mean: Tensor, covariance: Tensor, step: float, reach: float) -> tuple[Tensor, Tensor]:
    """Return a grid and the weights of a Gaussian on it; the error falls as ``exp(-2 (pi sigma / step)^2)``."""
    line = torch.arange(-reach, reach + step / 2, step, dtype=DOUBLE)
    grid = torch.cartesian_prod(*[line] * len(mean)).reshape(-1, len(mean)) + mean
    centred = grid - mean
    weights = torch.exp(-((centred @ torch.linalg.inv(covariance)) * centred).sum(1) / 2)
    return grid, weights / weights.sum()


PLANE = (
    torch.tensor([0.0, 0.0], dtype=DOUBLE),
    torch.tensor([[0.6, 0.2], [0.2, 0.4]], dtype=DOUBLE),
    torch.tensor([1.0, -0.5], dtype=DOUBLE),
    torch.tensor([[0.4, -0.15], [-0.15, 0.5]], dtype=DOUBLE),
)


@pytest.mark.parametrize("epsilon", [2.0, 0.5])
def test_gaussians_in_the_plane(epsilon: float) -> None:
    m, cov_a, n, cov_b = PLANE
    (x, a), (y, b) = on_grid(m, cov_a, 0.4, 4.4), on_grid(n, cov_b, 0.4, 4.4)
    plan = ot.solve(
        ot.OTProblem.from_points(x, y, a=a, b=b, regulariser=ot.Entropic(epsilon)), tolerance=1e-9
    )
    value, cross = gaussian_value(m, cov_a, n, cov_b, epsilon)
    assert float(plan.value) == pytest.approx(float(value), abs=1e-5)
    torch.testing.assert_close((x - m).T @ plan.matrix() @ (y - n), cross, atol=1e-5, rtol=0)
    schur = torch.eye(2, dtype=DOUBLE) - torch.linalg.inv(cov_a) @ cross @ torch.linalg.inv(cov_b) @ cross.T
    assert float(plan.mutual_information("latent")) == pytest.approx(
        float(-torch.logdet(schur) / 2), abs=1e-5
    )


def test_the_divergence_of_gaussians_in_the_plane() -> None:
    m, cov_a, n, cov_b = PLANE
    (x, a), (y, b) = on_grid(m, cov_a, 0.4, 4.4), on_grid(n, cov_b, 0.4, 4.4)
    expected = gaussian_value(*PLANE, 1.0)[0]
    for mean, covariance in ((m, cov_a), (n, cov_b)):
        expected = expected - gaussian_value(mean, covariance, mean, covariance, 1.0)[0] / 2
    value = ot.sinkhorn_divergence(x, y, a, b, epsilon=1.0, tolerance=1e-9)
    assert float(value) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize(
    ("d", "s", "expected"), [(2, 1.0, 1.363575), (2, 0.25, 1.499027), (8, 0.5, 2.941159)]
)
def test_the_closed_form_gives_the_published_divergences(d: int, s: float, expected: float) -> None:
    """Values of the survey for I and I / 4 at distance one, found there by quadrature on a line."""
    m, eye = torch.zeros(d, dtype=DOUBLE), torch.eye(d, dtype=DOUBLE)
    n, epsilon = m + 1 / d**0.5, 2 * s**2
    total = gaussian_value(m, eye, n, eye / 4, epsilon)[0]
    total = (
        total
        - gaussian_value(m, eye, m, eye, epsilon)[0] / 2
        - gaussian_value(m, eye / 4, m, eye / 4, epsilon)[0] / 2
    )
    assert float(total) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("s", "value", "divergence"),
    [(1.0, 2.024013, 1.181787), (0.5, 1.704377, 1.242645), (0.25, 1.444418, 1.249514)],
)
def test_gaussians_on_a_grid_of_the_line_have_the_values_of_the_closed_form(
    s: float, value: float, divergence: float
) -> None:
    """N(0, 1) against N(1, 1 / 4): Janati, Muzellec, Peyre, Cuturi, NeurIPS 2020, at epsilon = 2 s^2."""
    x = torch.linspace(-8, 10, 400, dtype=torch.float64)
    a, b = (torch.softmax(-0.5 * ((x - mean) / std).square(), 0) for mean, std in ((0.0, 1.0), (1.0, 0.5)))
    smoothing = ot.Entropic(2 * s**2)
    problem = ot.OTProblem(cost=(x[:, None] - x).square(), a=a, b=b, regulariser=smoothing)
    plan = ot.solve(problem, tolerance=1e-9)
    assert float(plan.value) == pytest.approx(value, abs=2e-6)
    x = x.unsqueeze(1)
    found = ot.sinkhorn_divergence(x, x, a, b, epsilon=smoothing.epsilon, tolerance=1e-9)
    assert float(found) == pytest.approx(divergence, abs=2e-6)


@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 1e3])
def test_a_dirac_against_a_cloud(epsilon: float) -> None:
    x, y = torch.zeros(1, 3, dtype=DOUBLE), torch.randn(5, 3, generator=rng(0), dtype=DOUBLE)
    b = random_weights(5, 1)
    plan = ot.solve(ot.OTProblem.from_points(x, y, b=b, regulariser=ot.Entropic(epsilon)), tolerance=1e-12)
    assert float(plan.value) == pytest.approx(float((b * y.square().sum(1)).sum()), abs=1e-10)
    torch.testing.assert_close(plan.matrix()[0], b, atol=1e-12, rtol=0)
    assert float(plan.mutual_information("latent")) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "regulariser", [ot.Entropic(0.01), ot.Quadratic(0.01)], ids=["entropic", "quadratic"]
)
def test_a_planted_permutation_is_found(regulariser: ot.Regulariser) -> None:
    """Points on a lattice moved by a tenth of its step: the assignment is the planted one, plan and cost follow."""
    x = torch.cartesian_prod(torch.arange(3), torch.arange(3)).to(DOUBLE)
    order = torch.randperm(9, generator=rng(0))
    y = (x + 0.1 * torch.rand(9, 2, generator=rng(1), dtype=DOUBLE))[order]
    plan = ot.solve(ot.OTProblem.from_points(x, y, regulariser=regulariser), tolerance=1e-9, max_steps=5000)
    planted = torch.zeros(9, 9, dtype=DOUBLE)
    planted[order, torch.arange(9)] = 1 / 9
    torch.testing.assert_close(plan.matrix(), planted, atol=1e-9, rtol=0)
    assert float(plan.transport_cost) == pytest.approx(float((x[order] - y).square().sum(1).mean()), abs=1e-9)


def test_the_line_within_the_known_bias() -> None:
    """``W_0 <= <C, pi> <= W_0 + epsilon H``, where H bounds the information of the optimal assignment."""
    x, y = (torch.randn(12, 1, generator=rng(seed), dtype=DOUBLE) for seed in (0, 1))
    a, b = random_weights(12, 2), random_weights(12, 3)
    exact = float(ot.wasserstein_1d(x[:, 0], y[:, 0], a, b))
    for epsilon in (0.3, 0.03, 0.003):
        plan = ot.solve(
            ot.OTProblem.from_points(x, y, a=a, b=b, regulariser=ot.Entropic(epsilon)),
            tolerance=1e-9,
            max_steps=20000,
        )
        assert exact - 1e-8 <= float(plan.transport_cost) <= exact + epsilon * math.log(12)
        assert exact - 1e-8 <= float(plan.value) <= exact + epsilon * math.log(12)


def falling_apart(
    sizes: tuple[int, ...], data: tuple[int, ...]
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    costs = [random_cost(n, m, seed) for seed, (n, m) in enumerate(zip(sizes, data, strict=True))]
    rows = [random_weights(n, 10 + seed) for seed, n in enumerate(sizes)]
    columns = [random_weights(m, 20 + seed) for seed, m in enumerate(data)]
    return costs, rows, columns


def product(parts: list[Tensor]) -> Tensor:
    whole = parts[0]
    for part in parts[1:]:
        whole = (whole.unsqueeze(-1) * part).flatten()
    return whole


@pytest.mark.parametrize(
    "solver", [ot.Nested(), ot.SemiDual(), ot.PerturbedCostLoop()], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize(
    ("sizes", "data", "prices"), [((3, 4), (2, 3), (0.05, 0.2)), ((2, 3, 2), (2, 2, 3), (0.05, 0.1, 0.3))]
)
def test_a_cost_that_falls_apart_gives_each_block_its_own_problem(
    solver: ot.Solver, sizes: tuple[int, ...], data: tuple[int, ...], prices: tuple[float, ...]
) -> None:
    """If latents and data are products and the cost a sum, block k is transported alone at its own price.

    ``sum_k epsilon_k I(z_k; x | z_<k) >= sum_k epsilon_k I(z_k; x_k)`` for independent blocks, with equality for the
    product of the single plans.
    """
    costs, rows, columns = falling_apart(sizes, data)
    total = torch.zeros(*sizes, *data, dtype=DOUBLE)
    for k, cost in enumerate(costs):
        shape = [1] * (2 * len(sizes))
        shape[k], shape[len(sizes) + k] = cost.shape
        total = total + cost.reshape(shape)
    structured = ot.Structured(ot.Entropic(prices[-1]), ot.Blocks(sizes), epsilon_code=prices[:-1])
    problem = ot.OTProblem(
        cost=total.reshape(math.prod(sizes), -1), a=product(rows), b=product(columns), regulariser=structured
    )
    plan = ot.solve(problem, solver=solver, tolerance=1e-9, max_steps=5000, on_failure="raise")
    singles = [
        ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(price)), tolerance=1e-10)
        for cost, a, b, price in zip(costs, rows, columns, prices, strict=True)
    ]
    assert float(plan.value) == pytest.approx(sum(float(single.value) for single in singles), abs=1e-7)
    informations = [float(single.mutual_information("latent")) for single in singles]
    assert float(plan.mutual_information("code")) == pytest.approx(sum(informations[:-1]), abs=1e-6)
    assert float(plan.conditional_information("code")) == pytest.approx(informations[-1], abs=1e-6)
