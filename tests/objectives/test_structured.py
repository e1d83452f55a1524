import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from infot import ot
from infot.models.blocks import Categorical, Normal
from infot.models.generators import LinearGenerator, MLPGenerator
from infot.models.latents import LatentSpace
from infot.models.priors import LearnedPrior
from infot.objectives.base import Batch
from infot.objectives.latent_batch import LatentGrid
from infot.objectives.plan_problems import PlanProblems
from infot.objectives.plan_settings import PlanSettings
from infot.objectives.structured import SamplePlan
from infot.random import Streams

LOGGED = {
    "loss",
    "transport_cost",
    "plan_information",
    "noise_information",
    "marginal_error",
    "solver_steps",
    "epsilon",
    "epsilon_code",
}


def settings(*, share: float = 1.0, relaxation: float | None = None, tolerance: float = 1e-3) -> PlanSettings:
    return PlanSettings(
        epsilon=ot.Constant(0.5),
        epsilon_code_ratio=ot.Constant(0.2),
        self_structure=ot.Constant(share),
        relaxation=None if relaxation is None else ot.Constant(relaxation),
        tolerance=tolerance,
        max_steps=2000,
    )


def categorical(n: int = 4, m: int = 6) -> LatentGrid:
    return LatentGrid(LatentSpace((Categorical(n),), Normal(2)), m, codes_per_batch=8)


def nets_of(generator: nn.Module) -> nn.ModuleDict:
    return nn.ModuleDict({"generator": generator})


@pytest.mark.parametrize("relaxation", [None, 0.5])
def test_loss_is_pure_and_logs_what_the_contract_names(relaxation):
    torch.manual_seed(0)
    nets = nets_of(MLPGenerator(4, 2, (2,), width=8, depth=1, noise_gain=0.1))
    before = {name: value.clone() for name, value in nets.state_dict().items()}
    objective = SamplePlan(PlanProblems(categorical(), settings(relaxation=relaxation)))
    batch = Batch(torch.randn(20, 2), 0.5)
    loss, info = objective.loss("generator", nets, batch, Streams(0))
    again, _ = objective.loss("generator", nets, batch, Streams(0))
    loss.backward()
    assert set(info) == LOGGED
    assert all(value.ndim == 0 and not value.requires_grad and value.isfinite() for value in info.values())
    assert torch.equal(loss, again)
    assert all(torch.equal(value, before[name]) for name, value in nets.state_dict().items())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in nets.parameters())


def test_samples_flung_far_away_come_back():
    """At costs of 1e6 float32 does not resolve these prices: the plan would be noise that overflows."""
    nets = nets_of(LinearGenerator(4, 2, (2,)))
    with torch.no_grad():
        nets["generator"].map.bias += 1000.0
    fine = replace(settings(), epsilon=ot.Constant(1e-4), epsilon_code_ratio=ot.Constant(0.1))
    problems = PlanProblems(categorical(), replace(fine, max_steps=500, tolerance=1e-2))
    loss, info = SamplePlan(problems).loss("generator", nets, Batch(torch.randn(20, 2), 0.9), Streams(0))
    loss.backward()
    bias = nets["generator"].map.bias.grad
    assert 0.01 < info["epsilon_code"] <= info["epsilon"] < 10
    assert bool(loss.isfinite()) and bool((bias > 1000).all())


def test_prices_that_are_resolved_stay_as_they_are():
    nets = nets_of(LinearGenerator(4, 2, (2,)))
    fine = replace(settings(), epsilon=ot.Constant(1e-4), epsilon_code_ratio=ot.Constant(0.1))
    problems = PlanProblems(categorical(), fine)
    prices = problems.of_data(nets, Batch(torch.randn(20, 2), 0.9), Streams(0)).prices
    assert prices == fine.prices(0.9, categorical())


def test_gradient_is_that_of_the_two_values_by_finite_differences():
    """Envelope theorem: with both plans held, the gradient is that of W(z, x) - W_tau(z, stop z')."""
    torch.manual_seed(1)
    nets = nets_of(LinearGenerator(3, 2, (2,))).double()
    grid, streams = categorical(3, 5), Streams(5)
    objective = SamplePlan(PlanProblems(grid, settings(share=0.5, tolerance=1e-9)))
    data = torch.randn(12, 2, dtype=torch.float64)
    latents, own = grid.draw(streams("latent")), grid.latents.sample(12, streams("latent"))
    code, noise = (part.double() for part in latents.latent)
    others = nets["generator"](*(part.double() for part in own)).detach()

    def value() -> torch.Tensor:
        points = nets["generator"](code, noise)
        values = []
        for target, price in ((data, 0.1), (others, 0.3)):
            structured = ot.Structured(ot.Entropic(0.5), blocks=latents.blocks, epsilon_code=price)
            problem = ot.OTProblem(cost=ot.squared_euclidean(points, target), regulariser=structured)
            values.append(ot.solve(problem, tolerance=1e-9, max_steps=5_000).value)
        return values[0] - values[1]

    class Cast(nn.Module):
        def forward(self, code, noise):
            return nets["generator"](code.double(), noise.double())

    loss, _ = objective.loss("generator", nets_of(Cast()), Batch(data, 0.0), Streams(5))
    weight = nets["generator"].map.weight
    (gradient,) = torch.autograd.grad(loss, weight)
    step = 1e-5
    for index in [(0, 0), (1, 2), (0, 4)]:
        with torch.no_grad():
            weight[index] += step
            high = value()
            weight[index] -= 2 * step
            low = value()
            weight[index] += step
        assert float(gradient[index]) == pytest.approx(float(high - low) / (2 * step), rel=1e-4, abs=1e-7)


def test_the_law_of_the_data_is_stationary_when_the_self_term_has_the_full_structure():
    """Method, section 5: at tau = 1 the expected gradient vanishes where G's law is the data's law."""
    grid = LatentGrid(LatentSpace((Normal(1),), Normal(1)), 4, codes_per_batch=6)
    generator = LinearGenerator(1, 1, (2,))
    with torch.no_grad():
        generator.map.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        generator.map.bias.zero_()
    streams, scale = Streams(0), torch.tensor([2.0, 1.0])
    objective, found = SamplePlan(PlanProblems(grid, settings(share=1.0))), []
    for _ in range(200):
        data = torch.randn(24, 2, generator=streams("data")) * scale
        loss, _ = objective.loss("generator", nets_of(generator), Batch(data, 0.0), streams)
        found.append(torch.autograd.grad(loss, generator.map.weight)[0].flatten())
    gradients = torch.stack(found)
    error = gradients.std(0) / math.sqrt(len(found))
    assert (gradients.mean(0).abs() < 4 * error).all()
    assert float(error.max()) < 0.15


def test_ratio_one_is_the_plain_sinkhorn_plan():
    plain = PlanSettings(
        ot.Constant(0.5), ot.Constant(1.0), ot.Linear(0.0, 1.0), None, tolerance=1e-6, max_steps=2000
    )
    grid = categorical()
    objective = SamplePlan(PlanProblems(grid, plain))
    torch.manual_seed(0)
    nets = nets_of(MLPGenerator(4, 2, (2,), width=8, depth=1, noise_gain=0.1))
    data = torch.randn(20, 2)
    _, info = objective.loss("generator", nets, Batch(data, 0.0), Streams(0))
    latents = grid.draw(Streams(0)("latent"))
    cost = ot.squared_euclidean(nets["generator"](*latents.latent), data)
    plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.5)), tolerance=1e-6)
    assert float(info["transport_cost"]) == pytest.approx(float(plan.transport_cost), rel=1e-4)


FORMING = PlanSettings(
    epsilon=ot.Geometric(0.2, 0.01),
    epsilon_code_ratio=ot.Constant(0.1),
    self_structure=ot.Linear(0.0, 1.0, 0.3, 0.6),
    relaxation=ot.Geometric(0.5, 0.01),
    tolerance=2e-2,
    max_steps=200,
)
"""Prices that fall while codes form."""


def test_codes_become_the_modes_of_four_gaussians():
    torch.manual_seed(0)
    streams = Streams(0)
    centres = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    nets = nets_of(MLPGenerator(4, 2, (2,), width=32, depth=2, noise_gain=0.1, spread=0.7))
    objective = SamplePlan(PlanProblems(categorical(4, 16), FORMING))
    optimiser = torch.optim.Adam(nets.parameters(), lr=5e-3, betas=(0.5, 0.99))
    for step in range(200):
        modes = torch.randint(4, (64,), generator=streams("data"))
        data = centres[modes] + 0.05 * torch.randn(64, 2, generator=streams("data"))
        loss, _ = objective.loss("generator", nets, Batch(data, step / 199), streams)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    labels = torch.arange(4).repeat_interleave(50)
    test = centres[labels] + 0.05 * torch.randn(200, 2, generator=streams("test"))
    coder = objective.coder(nets, centres.repeat(64, 1) + 0.05 * torch.randn(256, 2), streams)
    codes = coder.posterior(test).argmax(1)
    assert sorted(codes[::50].tolist()) == [0, 1, 2, 3]
    assert (codes == codes[::50].repeat_interleave(50)).all()
    assert float((coder.reconstruct(test) - centres[labels]).norm(dim=1).mean()) < 0.3


def with_prior(nets: nn.ModuleDict, n: int, *, rate: float = 0.05) -> nn.ModuleDict:
    nets["prior"] = LearnedPrior((Categorical(n),), rate=rate, least=0.1)
    return nets


def test_a_learned_prior_follows_what_the_loss_found_and_the_loss_leaves_it_alone():
    torch.manual_seed(0)
    nets = with_prior(nets_of(MLPGenerator(4, 2, (2,), width=8, depth=1, noise_gain=0.1)), 4, rate=0.5)
    objective = SamplePlan(PlanProblems(categorical(), settings(relaxation=0.05)))
    loss, found = objective.loss("generator", nets, Batch(torch.randn(20, 2) + 2, 0.5), Streams(0))
    assert set(found) == LOGGED | {"code_frequencies"} and loss.isfinite()
    torch.testing.assert_close(nets["prior"].frequencies, torch.full((4,), 0.25))
    used = found["code_frequencies"]
    assert used.shape == (4,) and float(used.sum()) == pytest.approx(1, abs=1e-5)
    objective.follow("generator", nets, found)
    torch.testing.assert_close(nets["prior"].frequencies, (0.25 + used) / 2, atol=1e-3, rtol=0)


def test_a_learned_prior_finds_the_weights_of_four_gaussians():
    """Weights 1 : 2 : 3 : 4; the prior ends at them within the scatter of its average, and so do coder and samples."""
    torch.manual_seed(0)
    streams, weights = Streams(0), torch.tensor([0.1, 0.2, 0.3, 0.4])
    centres = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    nets = with_prior(nets_of(MLPGenerator(4, 2, (2,), width=32, depth=2, noise_gain=0.1, spread=0.7)), 4)
    objective = SamplePlan(PlanProblems(categorical(4, 12), FORMING))
    optimiser = torch.optim.Adam(nets.parameters(), lr=5e-3, betas=(0.5, 0.99))
    for step in range(250):
        modes = torch.multinomial(weights, 64, replacement=True, generator=streams("data"))
        data = centres[modes] + 0.05 * torch.randn(64, 2, generator=streams("data"))
        loss, found = objective.loss("generator", nets, Batch(data, step / 249), streams)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        objective.follow("generator", nets, found)
    prior = nets["prior"].frequencies
    with torch.no_grad():
        made = nets["generator"](torch.eye(4), torch.zeros(4, 2))
    modes = torch.cdist(made, centres).argmin(1)
    assert sorted(modes.tolist()) == [0, 1, 2, 3]
    scatter = (0.05 / 2 * weights * (1 - weights) / 64).sqrt()  # of an exponential average of batches of 64
    assert bool(((prior - weights[modes]).abs() < 5 * scatter).all())
    labels = torch.repeat_interleave(torch.arange(4), torch.tensor([26, 51, 77, 102]))
    sample = centres[labels] + 0.05 * torch.randn(256, 2, generator=streams("test"))
    coder = objective.coder(nets, sample, streams)
    torch.testing.assert_close(coder.posterior(sample).mean(0), weights[modes], atol=0.01, rtol=0)
