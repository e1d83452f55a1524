"""The primal plan: its marginals, its envelope gradient, its coder, and that it finds digits."""

import math

import pytest
import torch
from torch import nn

from infot import ot
from infot.data import BatchSampler, load
from infot.errors import ConfigError
from infot.metrics.clustering import accuracy, contingency
from infot.models.blocks import Categorical, Circle, Normal, Uniform
from infot.models.deformable import PARAMETER_GAIN, DeformableGenerator, deformation_onsets
from infot.models.encoders import NoiseEncoder
from infot.models.latents import LatentSpace
from infot.models.noise_law import NoiseLaw
from infot.models.placed_noise import PlacedEncoder, PlacedGenerator
from infot.models.priors import LearnedPrior
from infot.objectives.base import Batch
from infot.objectives.chart_scores import score_charts
from infot.objectives.primal import PrimalPlan, _thin, noise_gate
from infot.random import Streams


def small(n_codes: int = 3) -> tuple[PrimalPlan, nn.ModuleDict, torch.Tensor]:
    """Return an objective, its networks and some images."""
    torch.manual_seed(0)
    generator = DeformableGenerator(n_codes, (1, 8, 8), displacement_grid=3, appearances=2)
    encoder = NoiseEncoder((1, 8, 8), n_codes=n_codes, noise_dim=generator.noise_dim, width=8)
    latents = LatentSpace((Categorical(n_codes),), Normal(generator.noise_dim))
    objective = PrimalPlan(
        latents, cost_scale=2.0, epsilon=ot.Constant(0.01), epsilon_code=ot.Geometric(0.2, 0.02, 0.0, 0.6)
    )
    return objective, nn.ModuleDict({"generator": generator, "encoder": encoder}), torch.rand(24, 1, 8, 8)


def test_loss_is_pure_and_logs_the_plan():
    objective, nets, data = small()
    losses = [objective.loss("model", nets, Batch(data, 0.5), Streams(0))[0] for _ in range(2)]
    assert torch.equal(*losses)
    _, info = objective.loss("model", nets, Batch(data, 0.0), Streams(0))
    assert set(info) == {
        "loss", "transport_cost", "plan_information", "noise_information", "marginal_error", "solver_steps",
        "epsilon", "epsilon_code",
    }  # fmt: skip
    assert all(value.ndim == 0 and not value.requires_grad for value in info.values())
    assert float(info["epsilon_code"]) == pytest.approx(0.4)
    assert float(info["epsilon"]) == pytest.approx(0.02)
    assert 0 <= float(info["plan_information"]) <= torch.tensor(3.0).log()


def test_one_player_owns_every_parameter_and_gradients_reach_them():
    objective, nets, data = small()
    nn.init.normal_(nets["encoder"].mean.weight, std=0.1)
    owned = list(objective.parameters_of("model", nets))
    assert {id(p) for p in owned} == {id(p) for p in nets.parameters()}
    objective.loss("model", nets, Batch(data, 0.5), Streams(0))[0].backward()
    for name, parameter in nets.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


def of_two_kinds(n_first: int, n_second: int) -> tuple[nn.ModuleDict, torch.Tensor]:
    """Return networks with one template a kind, and a batch of both kinds."""
    _, nets, _ = small(2)
    kinds = torch.zeros(2, 1, 8, 8)
    kinds[0, :, :4], kinds[1, :, 4:] = 1.0, 1.0
    with torch.no_grad():
        nets["generator"].centre.zero_()
        nets["generator"].deviations.copy_(kinds / PARAMETER_GAIN)
    return nets, torch.cat([kinds[:1].expand(n_first, -1, -1, -1), kinds[1:].expand(n_second, -1, -1, -1)])


@pytest.mark.parametrize(("relaxation", "share"), [(None, 0.5), (100.0, 0.5), (1e-3, 0.75)])
def test_code_frequencies_keep_the_prior_or_follow_the_batch(relaxation, share):
    nets, data = of_two_kinds(12, 4)
    generator = nets["generator"]
    objective = PrimalPlan(
        LatentSpace((Categorical(2),), Normal(generator.noise_dim)),
        cost_scale=32.0,
        epsilon=ot.Constant(0.01),
        epsilon_code=ot.Constant(0.1),
        relaxation=None if relaxation is None else ot.Constant(relaxation),
        tolerance=1e-4,
    )
    _, info = objective.loss("model", nets, Batch(data, 1.0), Streams(0))
    entropy = entropy_of(share)
    if share == 0.75:  # each kind goes to its own code, so the code tells all there is to tell
        assert float(info["plan_information"]) == pytest.approx(entropy, abs=1e-2)
    else:  # a third of the larger kind must be split between the codes
        held_back = entropy - 0.75 * entropy_of(1 / 3)
        assert float(info["plan_information"]) == pytest.approx(held_back, abs=1e-2)
    assert float(info["marginal_error"]) <= 1e-3


def test_the_coder_reads_an_unbalanced_sample_as_it_is():
    nets, data = of_two_kinds(12, 4)
    latents = LatentSpace((Categorical(2),), Normal(nets["generator"].noise_dim))
    prices = {"cost_scale": 32.0, "epsilon": ot.Constant(0.01), "epsilon_code": ot.Geometric(1.0, 0.1)}
    rigid = PrimalPlan(latents, **prices).coder(nets, data, Streams(0))
    relaxed = PrimalPlan(latents, **prices, relaxation=ot.Constant(0.01)).coder(nets, data, Streams(0))
    torch.testing.assert_close(rigid.posterior(data).mean(0), torch.tensor([0.5, 0.5]), atol=1e-3, rtol=0)
    torch.testing.assert_close(relaxed.posterior(data).mean(0), torch.tensor([0.75, 0.25]), atol=1e-3, rtol=0)


def test_a_learned_prior_follows_the_batches_and_is_the_prior_of_the_coder():
    nets, data = of_two_kinds(12, 4)
    latents = LatentSpace((Categorical(2),), Normal(nets["generator"].noise_dim))
    nets["prior"] = LearnedPrior(latents.code, rate=0.1, least=0.1)
    objective = PrimalPlan(
        latents,
        cost_scale=32.0,
        epsilon=ot.Constant(0.01),
        epsilon_code=ot.Constant(0.1),
        relaxation=ot.Constant(0.1),
        tolerance=1e-4,
    )
    assert {id(p) for p in objective.parameters_of("model", nets)} == {id(p) for p in nets.parameters()}
    for _ in range(80):
        before = nets["prior"].frequencies.clone()
        _, found = objective.loss("model", nets, Batch(data, 1.0), Streams(0))
        assert torch.equal(nets["prior"].frequencies, before)
        objective.follow("model", nets, found)
    wanted = torch.tensor([0.75, 0.25])
    torch.testing.assert_close(nets["prior"].frequencies, wanted, atol=2e-3, rtol=0)
    coder = objective.coder(nets, data, Streams(0))
    torch.testing.assert_close(coder.log_weights.exp(), nets["prior"].frequencies)
    torch.testing.assert_close(coder.posterior(data).mean(0), wanted, atol=2e-3, rtol=0)


def test_a_law_of_the_noise_follows_once_all_of_it_is_in_play():
    objective, nets, data = small()
    nn.init.normal_(nets["encoder"].mean.weight, std=0.1)
    law = NoiseLaw((3,), nets["generator"].noise_dim, rate=0.5)
    nets["generator"] = PlacedGenerator(nets["generator"], law)
    nets["encoder"] = PlacedEncoder.of(nets["encoder"], law, objective.latents)
    prices = {"cost_scale": 2.0, "epsilon": ot.Constant(0.01), "epsilon_code": ot.Constant(0.02)}
    onsets = torch.full((objective.latents.noise_dim,), 0.5)
    objective = PrimalPlan(objective.latents, **prices, onsets=onsets)
    for progress in (0.3, 0.59):
        _, found = objective.loss("model", nets, Batch(data, progress), Streams(0))
        objective.follow("model", nets, found)
        assert float(law.means.abs().max()) == 0
    _, found = objective.loss("model", nets, Batch(data, 0.61), Streams(0))
    assert float(law.means.abs().max()) == 0  # the loss is pure
    assert not any(value.requires_grad for value in found.values())
    objective.follow("model", nets, found)
    assert float(law.means.abs().max()) > 0
    assert {id(p) for p in objective.parameters_of("model", nets)} == {id(p) for p in nets.parameters()}


def entropy_of(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def test_scores_add_cost_and_price():
    objective, nets, data = small()
    nn.init.normal_(nets["encoder"].mean.weight, std=0.1)
    law = nets["encoder"](data)
    gate = torch.ones(law.mean.shape[-1])
    scores = score_charts(nets, objective.charts, law, data, prices=0.3 * gate, gate=gate)
    code, row = 2, 5
    image = nets["generator"](torch.eye(3)[[code]], law.mean[row, [code]])
    expected = (image[0] - data[row]).square().sum()
    torch.testing.assert_close(
        scores[code, row], expected + 0.3 * law.information()[row, code].sum(), rtol=1e-4, atol=1e-4
    )


def test_noise_not_yet_in_play_has_no_price_and_no_effect():
    objective, nets, data = small()
    nn.init.normal_(nets["encoder"].mean.weight)
    law = nets["encoder"](data)
    closed = torch.zeros(law.mean.shape[-1])
    scores = score_charts(nets, objective.charts, law, data, prices=closed + 0.3, gate=closed)
    templates = nets["generator"].templates(torch.eye(3))
    expected = ot.squared_euclidean(templates.flatten(1), data.flatten(1))
    torch.testing.assert_close(scores, expected, rtol=1e-3, atol=1e-3)


def test_thinned_pairs_keep_every_mean():
    shares = torch.tensor([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3]])
    total, rng = torch.zeros(2, 3, dtype=torch.float64), torch.Generator().manual_seed(0)
    repetitions = 4000
    for _ in range(repetitions):
        rows, columns, weights = _thin(shares, rng)
        total[rows, columns] += weights
    # A pair kept with chance q has weight share / (2 q): its variance is at most (share / 2)^2 (1 - q) / q.
    chance = (4 * shares).clamp(1e-9, 1)
    error = 5 * (shares / 2) * ((1 - chance) / chance / repetitions).sqrt()
    assert ((total / repetitions - shares / 2).abs() <= error + 1e-6).all()
    assert total[0, 2] == 0


def test_gate_opens_after_the_onset():
    onsets = torch.tensor([0.0, 0.3])
    assert noise_gate(onsets, 0.0).tolist() == [1.0, 0.0]
    assert noise_gate(onsets, 0.35).tolist() == pytest.approx([1.0, 0.5])
    assert noise_gate(onsets, 0.9).tolist() == [1.0, 1.0]


def test_coder_is_balanced_deterministic_and_survives_saving():
    objective, nets, data = small()
    coder = objective.coder(nets, data, Streams(0))
    posterior = coder.posterior(data)
    torch.testing.assert_close(posterior.sum(1), torch.ones(24))
    torch.testing.assert_close(posterior.mean(0), torch.full((3,), 1 / 3), atol=1e-3, rtol=0)
    codes, noise = coder.noise(data)
    assert torch.equal(codes, posterior.argmax(1))
    expected = nets["generator"](torch.eye(3)[codes], noise)
    torch.testing.assert_close(coder.reconstruct(data), expected)
    torch.testing.assert_close(coder.reconstruct(data.repeat(12, 1, 1, 1))[-24:], expected)
    other_objective, other_nets, _ = small()
    other_nets.load_state_dict(nets.state_dict())
    other = other_objective.coder(other_nets, torch.rand(24, 1, 8, 8), Streams(1))
    other.load_state_dict(coder.state_dict())
    assert torch.equal(other.posterior(data), posterior)


def test_coder_leaves_the_networks_free_to_train_on():
    objective, nets, data = small()
    objective.coder(nets, data, Streams(0))
    assert all(parameter.requires_grad for parameter in nets.parameters())


def turning() -> tuple[PrimalPlan, nn.ModuleDict, torch.Tensor]:
    """Return an objective whose code is a template, an angle and a place, its networks and some images."""
    torch.manual_seed(0)
    driven = ("rotation", "translation_x", "translation_y")
    generator = DeformableGenerator(2, (1, 8, 8), displacement_grid=0, driven=driven)
    latents = LatentSpace((Categorical(2), Circle(3), Uniform(1), Uniform(1)), Normal(generator.noise_dim))
    encoder = NoiseEncoder((1, 8, 8), n_codes=6, noise_dim=3 + generator.noise_dim, width=8)
    nn.init.normal_(encoder.mean.weight, std=0.1)
    objective = PrimalPlan(
        latents,
        cost_scale=2.0,
        epsilon=ot.Constant(0.01),
        epsilon_code=ot.Constant(0.1),
        epsilons_within=[ot.Constant(0.001), ot.Constant(0.002), ot.Constant(0.003)],
    )
    return objective, nn.ModuleDict({"generator": generator, "encoder": encoder}), torch.rand(24, 1, 8, 8)


def test_each_continuous_coordinate_has_its_price():
    objective, nets, data = turning()
    prices = objective.prices(0.5, data)
    assert prices.tolist() == pytest.approx([0.002, 0.004, 0.006] + [0.02] * nets["generator"].noise_dim)


def test_information_is_counted_where_it_flows():
    objective, nets, data = turning()
    before = objective.loss("model", nets, Batch(data, 0.5), Streams(0))[1]
    with torch.no_grad():  # every chart says far more about the places, and no more about the noise
        of_code = nets["encoder"].mean.weight.view(6, 3 + nets["generator"].noise_dim, -1)[:, :3]
        of_code.mul_(20)
    after = objective.loss("model", nets, Batch(data, 0.5), Streams(0))[1]
    assert float(after["plan_information"]) > float(before["plan_information"]) + 0.1
    assert float(after["noise_information"]) == pytest.approx(float(before["noise_information"]), rel=0.2)


def test_a_continuous_code_is_read_at_its_likeliest_place():
    objective, nets, data = turning()
    coder = objective.coder(nets, data, Streams(0))
    reading = coder.read(data)
    assert reading.posterior.shape == (24, 6) and reading.mean.shape == (24, 6)
    torch.testing.assert_close(reading.mean[:, :2].sum(1), torch.ones(24))
    torch.testing.assert_close(reading.mean[:, 2:4].norm(dim=1), torch.ones(24))
    # the image that the plan couples with a datum is drawn from that code
    chart, noise = coder.noise(data)
    torch.testing.assert_close(nets["generator"](reading.mean, noise), coder.reconstruct(data))
    assert torch.equal(reading.mean[:, :2].argmax(1), chart // 3)


def test_prices_of_another_number_than_the_coordinates_are_refused():
    with pytest.raises(
        ConfigError, match="a price for each of the 1 continuous coordinates of the code, got 0"
    ):
        PrimalPlan(
            LatentSpace((Uniform(1),), Normal(2)),
            cost_scale=1.0,
            epsilon=ot.Constant(0.1),
            epsilon_code=ot.Constant(0.1),
        )


def test_onsets_of_another_size_are_refused():
    with pytest.raises(ConfigError, match="expected 2 onsets, .* got 3"):
        PrimalPlan(
            LatentSpace((Categorical(2),), Normal(2)),
            cost_scale=1.0,
            epsilon=ot.Constant(0.1),
            epsilon_code=ot.Constant(0.1),
            onsets=torch.zeros(3),
        )


@pytest.mark.slow
def test_codes_find_the_digits():
    digits = load("digits")
    assert digits.test_labels is not None
    torch.manual_seed(0)
    streams = Streams(0)
    generator = DeformableGenerator(10, digits.shape)
    generator.initialise(digits.train, streams("start"))
    encoder = NoiseEncoder(digits.shape, n_codes=10, noise_dim=generator.noise_dim, width=64)
    nets = nn.ModuleDict({"generator": generator, "encoder": encoder})
    objective = PrimalPlan(
        LatentSpace((Categorical(10),), Normal(generator.noise_dim)),
        cost_scale=2 * float(digits.train.flatten(1).var(0).sum()),
        epsilon=ot.Geometric(0.03, 0.002, 0.0, 0.6),
        epsilon_code=ot.Geometric(0.1, 0.005, 0.0, 0.6),
        onsets=deformation_onsets(generator.names),
        relaxation=ot.Geometric(0.25, 0.0125, 0.6, 0.8),
    )
    optimiser = torch.optim.Adam(nets.parameters(), lr=2e-3, betas=(0.5, 0.99))
    sampler = BatchSampler(len(digits.train), 128, streams("data"))
    steps = 450
    for step in range(steps):
        loss, _ = objective.loss("model", nets, Batch(digits.train[sampler.next()], step / steps), streams)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    codes = objective.coder(nets, digits.train, streams).posterior(digits.test).argmax(1)
    # 360 digits: three standard errors below the .95 that training reaches
    assert accuracy(contingency(codes.numpy(), digits.test_labels.numpy())) >= 0.91
