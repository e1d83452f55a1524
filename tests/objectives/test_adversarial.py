"""The methods that train a critic: what all of them promise, and what each of them learns."""

import math

import pytest
import torch
from torch import Tensor, nn

from infot import ot
from infot.metrics.coverage import w2
from infot.models.blocks import Categorical, Normal, Uniform
from infot.models.critics import Critic, FeatureCritic, Judgement, RecognitionCritic, Trunk
from infot.models.generators import MLPGenerator
from infot.models.latents import LatentSpace
from infot.objectives.base import Batch, Objective
from infot.objectives.infogan import InfoGAN
from infot.objectives.nonsaturating import NonSaturating
from infot.objectives.ot_gan import OTGAN
from infot.objectives.penalties import gradient_penalty
from infot.objectives.recognition_coder import RecognitionCoder
from infot.objectives.recognition_law import code_log_likelihood, code_log_prior
from infot.objectives.sinkhorn_gan import SinkhornGAN
from infot.objectives.turns import Turns
from infot.objectives.wasserstein import WassersteinGP
from infot.random import Streams
from infot.training import Schedule, TrainState, fit

MODES = 4
LATENTS = LatentSpace((Categorical(MODES),), Normal(2))
METHODS = ("nonsaturating", "pacgan", "wgan-gp", "infogan", "sinkhorn-gan", "ot-gan")
BODY = {"width": 32, "depth": 2}


def method(name: str) -> Objective:
    one = Turns()
    return {
        "nonsaturating": NonSaturating(LATENTS, turns=one),
        "pacgan": NonSaturating(LATENTS, turns=one),
        "wgan-gp": WassersteinGP(LATENTS, turns=Turns(critic=5), penalty=0.1),
        "infogan": InfoGAN(LATENTS, turns=one),
        "sinkhorn-gan": SinkhornGAN(LATENTS, turns=one, epsilon=ot.Constant(0.1), clip=0.5),
        "ot-gan": OTGAN(LATENTS, turns=Turns(generator=3), epsilon=ot.Constant(0.05)),
    }[name]


def critic_of(name: str) -> nn.Module:
    if name == "infogan":
        return RecognitionCritic(Trunk((2,), **BODY), code_dim=LATENTS.code_dim)
    if name in ("sinkhorn-gan", "ot-gan"):
        return FeatureCritic(Trunk((2,), **BODY), features=16)
    return Critic(Trunk((2,), pack=2 if name == "pacgan" else 1, **BODY))


def nets_of(name: str, seed: int = 0) -> nn.ModuleDict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = MLPGenerator(MODES, 2, (2,), noise_gain=1.0, **BODY)
        return nn.ModuleDict({"generator": generator, "critic": critic_of(name)})


def slanted(n: int, seed: int) -> Tensor:
    """Draw from a Gaussian away from the origin, wide along one diagonal and narrow along the other."""
    wide, narrow = torch.randn(2, n, generator=torch.Generator().manual_seed(seed))
    return torch.stack([0.6 + 0.6 * wide + 0.1 * narrow, -0.4 + 0.6 * wide - 0.1 * narrow], 1)


@pytest.mark.parametrize("player", ["critic", "generator"])
@pytest.mark.parametrize("name", METHODS)
def test_a_loss_is_pure_repeats_and_reaches_every_weight_of_its_player(name: str, player: str) -> None:
    nets, objective, batch = nets_of(name), method(name), Batch(slanted(16, 0), 0.5)
    before = {key: value.clone() for key, value in nets.state_dict().items()}
    loss, info = objective.loss(player, nets, batch, Streams(0))
    again, _ = objective.loss(player, nets, batch, Streams(0))
    assert torch.equal(loss, again) and torch.equal(info["loss"], loss)
    assert f"{player}_loss" in info
    assert all(value.ndim == 0 and not value.requires_grad and value.isfinite() for value in info.values())
    mine = list(objective.parameters_of(player, nets))
    loss.backward(inputs=mine)
    assert all(torch.equal(value, before[key]) for key, value in nets.state_dict().items())
    # a shift common to data and samples costs nothing where only differences count
    free = {"wgan-gp": 1, "sinkhorn-gan": 1}.get(name, 0) if player == "critic" else 0
    silent = [p for p in mine if p.grad is None or not p.grad.abs().sum() > 1e-12]
    assert len(silent) <= free


@pytest.mark.parametrize("name", METHODS)
def test_turns_name_players_and_every_step_has_one_update_of_the_generator(name: str) -> None:
    objective = method(name)
    for step in range(7):
        turns = objective.turns(step)
        assert set(turns) <= set(objective.players)
        assert turns.count("generator") == 1 and turns[-1] == "generator"
    assert "critic" in objective.turns(0)


@pytest.mark.parametrize(
    ("name", "steps", "rate"),
    [
        ("nonsaturating", 800, 3e-3),
        ("pacgan", 800, 3e-3),
        ("wgan-gp", 250, 2e-3),
        ("infogan", 300, 3e-3),
        ("sinkhorn-gan", 60, 5e-3),
        ("ot-gan", 150, 3e-3),
    ],
)
def test_it_learns_a_gaussian(name: str, steps: int, rate: float) -> None:
    """W2 to fresh data falls below half of what it was; between two true samples it is 0.12, a tenth of the start.

    Tried on three to five seeds, every method ended below two fifths of the start on all of them.
    """
    nets, objective = nets_of(name), method(name)
    state = TrainState.create(nets, objective, n_data=2000, batch_size=64, seed=0, betas=(0.5, 0.9))
    schedule = Schedule(
        steps=steps, length=steps, learning_rate=rate, decay_from=0.5, ema_from=0.5, ema_decay=0.95
    )
    latent = LATENTS.sample(400, torch.Generator().manual_seed(5))
    start = w2(nets["generator"](*latent).detach(), slanted(400, 2))
    fit(state, objective, slanted(2000, 1), schedule=schedule)
    made = state.ema["generator"](*latent).detach()
    assert w2(made, slanted(400, 2)) < start / 2
    if name == "infogan":
        coder = objective.coder(state.ema, slanted(10, 0), Streams(0))
        assert coder is not None
        right = (coder.posterior(made).argmax(1) == latent.code.argmax(1)).float().mean()
        chance = 1 / MODES
        assert right > chance + 5 * math.sqrt(chance * (1 - chance) / 400)


def test_the_gradient_penalty_of_a_linear_critic_is_known() -> None:
    critic = nn.Linear(3, 1)
    x, y = torch.randn(2, 5, 3).unbind()
    penalty = gradient_penalty(critic, x, y, torch.Generator().manual_seed(0))
    torch.testing.assert_close(penalty, (critic.weight.norm() - 1).square())
    (slope,) = torch.autograd.grad(penalty, critic.weight)
    unit = critic.weight.detach() / critic.weight.detach().norm()
    torch.testing.assert_close(slope, 2 * (critic.weight.detach().norm() - 1) * unit)


def test_the_wasserstein_critic_estimates_a_difference_of_means() -> None:
    nets, batch = nets_of("wgan-gp"), Batch(slanted(16, 0), 0.5)
    nets["critic"] = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    _, info = method("wgan-gp").loss("critic", nets, batch, Streams(0))
    made = nets["generator"](*LATENTS.sample(16, Streams(0)("latent")))
    expected = (batch.data.mean(0) - made.mean(0)) @ nets["critic"][0].weight[0]
    torch.testing.assert_close(info["critic_distance"], expected.detach())


def test_packed_critics_judge_neighbours_together() -> None:
    critic = Critic(Trunk((3, 8, 8), pack=2, width=8, depth=1))
    x = torch.rand(6, 3, 8, 8)
    together = torch.cat([x[0::2], x[1::2]], dim=1)
    torch.testing.assert_close(critic(x), critic.head(critic.trunk.layers(together)).squeeze(1))


def test_the_law_of_a_code_is_that_of_torch() -> None:
    space = LatentSpace((Categorical(3, (0.5, 0.3, 0.2)), Uniform(2), Normal(1)), Normal(2))
    code, parameters = space.sample_codes(7, torch.Generator().manual_seed(0)), torch.randn(7, 6)
    found = code_log_likelihood(space, parameters, code)
    categorical = torch.distributions.OneHotCategorical(logits=parameters[:, :3]).log_prob(code[:, :3])
    normal = torch.distributions.Normal(parameters[:, 3:], 1.0).log_prob(code[:, 3:]).sum(1)
    torch.testing.assert_close(found, torch.stack([categorical, normal], 1))
    prior = code_log_prior(space, code)
    weights = torch.tensor([0.5, 0.3, 0.2])
    torch.testing.assert_close(prior[:, 0], weights.log()[code[:, :3].argmax(1)])
    own = torch.distributions.Normal(0.0, 1.0).log_prob(code[:, 5]) - 2 * math.log(2)
    torch.testing.assert_close(prior[:, 1], own)


def test_the_bound_of_infogan_is_zero_where_nothing_is_read_and_the_entropy_where_all_is() -> None:
    for logit, expected in ((0.0, 0.0), (50.0, math.log(MODES))):
        nets = nn.ModuleDict({"generator": Copier(), "critic": Reader(logit)})
        _, info = InfoGAN(LATENTS, turns=Turns()).loss(
            "generator", nets, Batch(torch.zeros(64, MODES), 0.5), Streams(0)
        )
        assert float(info["code_information"]) == pytest.approx(expected, abs=1e-5)


class Reader(nn.Module):
    """Take what it sees for the code, with a given confidence."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit

    def forward(self, x: Tensor) -> Judgement:
        return Judgement(x[:, 0], self.logit * x)


class Copier(nn.Module):
    """Show the code itself."""

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        return code.requires_grad_()


def test_the_recognition_coder_reads_several_blocks() -> None:
    space = LatentSpace((Categorical(2), Uniform(1), Categorical(3)), Normal(2))
    critic = RecognitionCritic(Trunk((4,), width=8, depth=1), code_dim=space.code_dim)
    coder, x = RecognitionCoder.of(critic, space), torch.randn(5, 4)
    posterior, mean = coder.read(x)
    first, last = (torch.softmax(critic(x).code[:, part], 1) for part in (slice(0, 2), slice(3, 6)))
    torch.testing.assert_close(posterior.view(5, 2, 3), first[:, :, None] * last[:, None])
    torch.testing.assert_close(mean, torch.cat([first, critic(x).code[:, 2:3], last], 1).detach())
    assert coder.code_values.shape == (6, 6) and not coder.code_values[:, 2].any()


def test_ot_gan_is_the_energy_distance_of_four_batches_solved_one_by_one() -> None:
    nets, batch = nets_of("ot-gan").double(), Batch(slanted(12, 0).double(), 0.5)
    objective = OTGAN(LATENTS, turns=Turns(), epsilon=ot.Constant(0.1), tolerance=1e-8, max_steps=20_000)
    latent = [part.double() for part in LATENTS.sample(12, Streams(0)("latent"))]
    nets["generator"] = Fixed(nets["generator"](*latent).detach())
    loss, _ = objective.loss("critic", nets, batch, Streams(0))
    features = [nets["critic"](points).chunk(2) for points in (nets["generator"](*latent), batch.data)]

    def transport(x: Tensor, y: Tensor) -> Tensor:
        problem = ot.OTProblem(cost=ot.Cosine()(x, y), regulariser=ot.Entropic(0.1))
        return ot.solve(problem, tolerance=1e-8, max_steps=20_000).transport_cost

    (x, other_x), (y, other_y) = features
    cross = sum(transport(a, b) for a in (x, other_x) for b in (y, other_y))
    torch.testing.assert_close(
        loss, -(cross / 2 - transport(x, other_x) - transport(y, other_y)), rtol=1e-5, atol=1e-8
    )


class Fixed(nn.Module):
    """Generate the same points, whatever the latent."""

    def __init__(self, points: Tensor) -> None:
        super().__init__()
        self.points = points

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        return self.points


def test_sinkhorn_gan_is_the_divergence_of_features_over_their_mean_cost_and_clips_its_critic() -> None:
    nets, batch = nets_of("sinkhorn-gan").double(), Batch(slanted(12, 0).double(), 0.5)
    objective = SinkhornGAN(
        LATENTS, turns=Turns(), epsilon=ot.Constant(0.3), clip=0.05, tolerance=1e-9, max_steps=5000
    )
    latent = [part.double() for part in LATENTS.sample(12, Streams(0)("latent"))]
    nets["generator"] = Fixed(nets["generator"](*latent).detach())
    x, y = (nets["critic"](points).detach() for points in (nets["generator"](*latent), batch.data))
    scale = float(ot.squared_euclidean(x, y).mean())
    divergence = ot.sinkhorn_divergence(x, y, epsilon=0.3 * scale, tolerance=1e-9, max_steps=5000)
    loss, info = objective.loss("generator", nets, batch, Streams(0))
    torch.testing.assert_close(loss, divergence / scale, rtol=1e-6, atol=1e-9)
    assert float(info["mean_cost"]) == pytest.approx(scale)
    with torch.no_grad():
        objective.constrain("generator", nets)
        assert max(float(p.abs().max()) for p in nets["critic"].parameters()) > 0.05
        objective.constrain("critic", nets)
        assert max(float(p.abs().max()) for p in nets["critic"].parameters()) <= 0.05
