"""The semi-dual as a loss, and its stochastic ascent with discrete and parametric potentials."""

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ProblemError
from infot.ot.solvers.stochastic import measured_stiffness

BLOCKS = ot.Blocks(code=(3, 2))
REGULARISERS = [
    ot.Entropic(0.1),
    ot.Structured(ot.Entropic(0.1), blocks=BLOCKS, epsilon_code=0.03),
    ot.Quadratic(0.2),
    ot.GroupLasso(0.2, 0.2, BLOCKS),
    ot.Scaled(ot.Quadratic(0.1), 2.0),
]


@pytest.mark.parametrize("regulariser", REGULARISERS, ids=lambda r: type(r).__name__)
def test_it_is_a_differentiable_bound_that_the_solution_meets(regulariser: ot.Regulariser) -> None:
    cost, a, b = random_cost(6, 5, 0), random_weights(6, 1), random_weights(5, 2)
    problem = ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser)
    plan = ot.solve(problem, solver=ot.SemiDual(), tolerance=1e-9, max_steps=3000)
    torch.testing.assert_close(ot.semidual_value(problem, plan.f), plan.value, atol=1e-8, rtol=0)
    other = plan.f + 0.1 * torch.randn(6, generator=rng(3), dtype=torch.float64)
    assert ot.semidual_value(problem, other) < plan.value

    def value(f: Tensor, cost: Tensor) -> Tensor:
        return ot.semidual_value(ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser), f)

    assert torch.autograd.gradcheck(value, (other.requires_grad_(), cost.clone().requires_grad_()), atol=1e-6)


def test_batches_and_bad_potentials() -> None:
    cost = torch.stack([random_cost(6, 5, 0), random_cost(6, 5, 1)])
    problem = ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.1))
    f = torch.randn(2, 6, generator=rng(0), dtype=torch.float64)
    single = ot.OTProblem(cost=cost[1], regulariser=ot.Entropic(0.1))
    torch.testing.assert_close(ot.semidual_value(problem, f)[1], ot.semidual_value(single, f[1]))
    with pytest.raises(ProblemError, match="potential of 6 rows"):
        ot.semidual_value(problem, f[:, :4])
    for price in (0.0, -0.1):
        rewarded = ot.Structured(ot.Entropic(0.1), ot.Blocks((3, 2)), epsilon_code=price)
        with pytest.raises(
            ProblemError,
            match=f"the semi-dual: .* epsilon_code > 0, got epsilon_code={price}; use",
        ):
            ot.semidual_value(ot.OTProblem(cost=cost, regulariser=ot.Scaled(rewarded, 2.0)), f)
    with pytest.raises(ProblemError, match="keeps both marginals"):
        ot.semidual_value(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.1), rho=1.0), f)


def test_the_plan_of_a_potential_is_honest() -> None:
    problem = ot.OTProblem(cost=random_cost(6, 5, 0), regulariser=REGULARISERS[1])
    plan = ot.solve(problem, tolerance=1e-10)
    same = ot.plan_of_potential(problem, plan.f)
    torch.testing.assert_close(same.matrix(), plan.matrix(), atol=1e-9, rtol=0)
    assert bool(same.converged)
    wrong = ot.plan_of_potential(problem, plan.f + random_cost(1, 6, 3)[0])
    assert not wrong.converged and float(wrong.marginal_error) > 0.05


def stream(data: Tensor) -> ot.Draw:
    return lambda count, generator: data[torch.randint(len(data), (count,), generator=generator)]


@pytest.mark.parametrize(
    "regulariser",
    [
        ot.Entropic(0.1),
        ot.Structured(ot.Entropic(0.2), blocks=ot.Blocks(code=(3, 4)), epsilon_code=0.1),
        ot.Quadratic(0.3),
        ot.Pointwise(lambda s: s.clamp_min(0) ** 3 / 3, lambda s: s.clamp_min(0) ** 2),
        ot.Scaled(ot.Pointwise(lambda s: s.clamp_min(0).square() / 2, lambda s: s.clamp_min(0)), 0.3),
        ot.Relative(ot.Entropic(0.05)),
        ot.Relative(ot.Pointwise(torch.expm1, torch.exp)),
    ],
    ids=["Entropic", "Structured", "Quadratic", "cubes", "squares", "relative", "relative own"],
)
def test_a_bank_of_latents_learns_the_potential_of_the_whole_data(regulariser: ot.Regulariser) -> None:
    latents = torch.randn(12, 2, generator=rng(0), dtype=torch.float64)
    data = 0.7 * torch.randn(400, 2, generator=rng(1), dtype=torch.float64) + 0.3
    a = random_weights(12, 2)
    fitted = ot.StochasticAscent(steps=600, batch=128, first=256).fit(
        latents, stream(data), regulariser=regulariser, rng=rng(3), weights=a
    )
    # prices that are relative are those of the first sample; the whole data are solved at the same
    sample = ot.OTProblem.from_points(latents, stream(data)(256, rng(3)), regulariser=regulariser, a=a)
    whole = ot.OTProblem.from_points(latents, data, regulariser=sample.regulariser, a=a)
    plan = ot.solve(whole, tolerance=1e-8, max_steps=5000)
    # the value is within what 512 data leave open; what the potential falls short by is second order
    assert float(plan.value - ot.semidual_value(whole, fitted.f)) < 2e-3
    assert float(ot.plan_of_potential(whole, fitted.f).marginal_error) < 0.06
    assert abs(fitted.chi_square) < 0.06**2 + 0.02
    torch.testing.assert_close(fitted.posterior(data), plan.conditional(), atol=0.1, rtol=0)
    torch.testing.assert_close(fitted.posterior(data).sum(0), torch.ones(400, dtype=torch.float64))
    first = ot.solve(fitted.problem(data[:256]), tolerance=1e-6, max_steps=5000)
    assert ot.semidual_value(whole, fitted.f) > ot.semidual_value(whole, first.f)


def test_relative_prices_are_those_of_the_first_sample() -> None:
    latents, data = (torch.randn(n, 2, generator=rng(n), dtype=torch.float64) for n in (5, 90))
    fitted = ot.StochasticAscent(steps=3, batch=20, first=30).fit(
        latents, stream(data), regulariser=ot.Relative(ot.Entropic(0.1)), rng=rng(3)
    )
    mean = ot.squared_euclidean(latents, stream(data)(30, rng(3))).mean()
    assert isinstance(fitted.regulariser, ot.Entropic)
    assert fitted.regulariser.epsilon == pytest.approx(0.1 * float(mean), rel=1e-12)


def test_a_pointwise_regulariser_takes_steps_by_its_curvature() -> None:
    """Of entropy that is epsilon over the largest row mass; of squares gamma over the largest share of data coupled."""
    cost, a = random_cost(6, 5, 0), random_weights(6, 1)
    own = ot.Pointwise(lambda s: 0.2 * torch.expm1(s / 0.2), lambda s: torch.exp(s / 0.2))
    entropic = ot.OTProblem(cost=cost, a=a, regulariser=own)
    f = ot.solve(entropic, tolerance=1e-10).f
    assert measured_stiffness(entropic, f) == pytest.approx(0.2, rel=1e-8)
    squares = ot.Scaled(ot.Pointwise(lambda s: s.clamp_min(0).square() / 2, lambda s: s.clamp_min(0)), 0.05)
    problem = ot.OTProblem(cost=cost, a=a, regulariser=squares)
    plan = ot.solve(problem, tolerance=1e-10, max_steps=5000)
    share = (plan.matrix() > 0).double().mean(1).max()
    assert float(share) < 1
    assert measured_stiffness(problem, plan.f) == pytest.approx(0.05 / float(share), rel=1e-12)


class Quadratic(torch.nn.Module):
    """The family that holds the potentials between Gaussians."""

    def __init__(self) -> None:
        super().__init__()
        self.coefficients = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return z[:, 0] * self.coefficients[0] + z[:, 0].square() * self.coefficients[1]


def test_a_parametric_potential_finds_that_of_gaussians() -> None:
    """Between N(0, 1) and N(1, 1/4): ``f`` is quadratic; its coefficients come from a fine grid."""
    epsilon, rate = 0.5, 0.05
    grid = torch.linspace(-6, 6, 300, dtype=torch.float64).unsqueeze(1)
    a, b = (torch.softmax(-((grid[:, 0] - mean) ** 2) / (2 * v), 0) for mean, v in ((0.0, 1.0), (1.0, 0.25)))
    problem = ot.OTProblem.from_points(grid, grid, regulariser=ot.Entropic(epsilon), a=a, b=b)
    f = ot.solve(problem, tolerance=1e-8).f
    inside = grid[:, 0].abs() < 2
    z = grid[inside, 0]
    design = torch.stack([torch.ones_like(z), z, z.square()], 1)
    expected = torch.linalg.lstsq(design, f[inside].unsqueeze(1)).solution[1:, 0]
    model = Quadratic()
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)

    def ascend(steps: int, seed: int) -> Tensor:
        def normal(mean: float, deviation: float) -> ot.Draw:
            return lambda n, g: mean + deviation * torch.randn(n, 1, generator=g, dtype=torch.float64)

        return ot.ascend_potential(
            model,
            optimiser,
            draw_latents=normal(0.0, 1.0),
            draw_data=normal(1.0, 0.5),
            regulariser=ot.Entropic(epsilon),
            rng=rng(seed),
            steps=steps,
            batch=(400, 200),
        )

    ascend(150, 0)
    optimiser.param_groups[0]["lr"] = rate / 10
    values = ascend(200, 1)
    torch.testing.assert_close(model.coefficients.detach(), expected, atol=0.06, rtol=0)
    # each step's value carries the noise of its batch, of order one over the root of 200 data and 200 steps
    exact = float(ot.solve(problem, tolerance=1e-8).value)
    assert float(values.mean()) == pytest.approx(exact, abs=0.05)


def test_bad_settings_are_named() -> None:
    with pytest.raises(ProblemError, match="positive steps"):
        ot.StochasticAscent(steps=0)
    latents = torch.rand(4, 2)
    for regulariser in (ot.Rebated(ot.Entropic(0.1), (4,), ()), ot.Unregularised()):
        with pytest.raises(ProblemError, match="convex regulariser with a price"):
            ot.StochasticAscent().fit(latents, stream(latents), regulariser=regulariser, rng=rng(0))
    for density in (lambda s: s.detach().clamp_min(0), lambda s: (s > 0).to(s) * 2 + 0 * s):
        with pytest.raises(ProblemError, match="finite derivative that torch can follow.*got 0"):
            ot.StochasticAscent().fit(
                latents, stream(latents), regulariser=ot.Pointwise(torch.relu, density), rng=rng(0)
            )
