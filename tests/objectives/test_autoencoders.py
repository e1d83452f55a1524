"""The autoencoders: what all of them promise, and that each of them learns digits."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as BernoulliLaw
from torch.distributions import Independent, kl_divergence
from torch.distributions import Normal as NormalLaw

from infot.data import load
from infot.errors import ConfigError
from infot.models.blocks import Block, Categorical, Empty, Normal
from infot.models.code_critic import CodeCritic
from infot.models.code_encoder import CodeEncoder
from infot.models.convolutional import ConvolutionalGenerator
from infot.models.critics import Trunk
from infot.models.encoders import GaussianNoise
from infot.models.generators import LinearGenerator
from infot.models.latents import Latent, LatentSpace
from infot.objectives.autoencoder import Autoencoder
from infot.objectives.base import Batch
from infot.objectives.beta_tcvae import BetaTCVAE
from infot.objectives.beta_vae import BetaVAE
from infot.objectives.factor_vae import FactorVAE
from infot.objectives.likelihoods import Bernoulli, Gaussian
from infot.random import Streams
from infot.training import Schedule, TrainState, fit

CODE_DIM = 4
LATENTS = LatentSpace((Normal(1),) * CODE_DIM, Empty())
SHAPE = (1, 8, 8)
N_DIGITS = 1438
METHODS = ("beta-vae", "factor-vae", "beta-tcvae")
TURNS = [*((name, "model") for name in METHODS), ("factor-vae", "critic")]


def method(name: str, beta: float = 1.0) -> Autoencoder:
    law = Bernoulli()
    return {
        "beta-vae": BetaVAE(LATENTS, likelihood=law, beta=beta),
        "factor-vae": FactorVAE(LATENTS, likelihood=law, gamma=beta),
        "beta-tcvae": BetaTCVAE(LATENTS, likelihood=law, beta=beta, n_data=N_DIGITS),
    }[name]


def nets_of(name: str, seed: int = 0, data: Tensor | None = None) -> nn.ModuleDict:
    centre = None if data is None else data.mean(0)
    spread = 1.0 if data is None else float(data.var(0).mean().sqrt())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trunk = Trunk(SHAPE, width=32, depth=1, centre=centre, spread=spread)
        nets: dict[str, nn.Module] = {
            "generator": ConvolutionalGenerator(CODE_DIM, 0, SHAPE, width=8),
            "encoder": CodeEncoder(trunk, code_dim=CODE_DIM),
        }
        if name == "factor-vae":
            nets["critic"] = CodeCritic(CODE_DIM, width=64, depth=3)
        return nn.ModuleDict(nets)


def stirred(nets: nn.ModuleDict) -> nn.ModuleDict:
    """Move every weight off its start, where heads of zeros let no gradient through."""
    rng = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in nets.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=rng)
    return nets


@pytest.mark.parametrize(("name", "player"), TURNS)
def test_a_loss_is_pure_repeats_and_reaches_every_weight_of_its_player(name: str, player: str) -> None:
    nets, objective = stirred(nets_of(name)), method(name)
    batch = Batch(torch.rand(16, *SHAPE, generator=torch.Generator().manual_seed(0)), 0.5)
    before = {key: value.clone() for key, value in nets.state_dict().items()}
    loss, info = objective.loss(player, nets, batch, Streams(0))
    again, _ = objective.loss(player, nets, batch, Streams(0))
    assert torch.equal(loss, again) and torch.equal(info["loss"], loss)
    assert all(value.ndim == 0 and not value.requires_grad and value.isfinite() for value in info.values())
    mine = list(objective.parameters_of(player, nets))
    loss.backward(inputs=mine)
    assert all(torch.equal(value, before[key]) for key, value in nets.state_dict().items())
    assert all(p.grad is not None and p.grad.abs().sum() > 1e-12 for p in mine)


@pytest.mark.parametrize("name", METHODS)
def test_every_network_has_one_player_and_every_player_a_turn(name: str) -> None:
    nets, objective = nets_of(name), method(name)
    owned = [id(p) for player in objective.players for p in objective.parameters_of(player, nets)]
    assert len(set(owned)) == len(owned)
    assert set(owned) == {id(p) for p in nets.parameters()}
    assert set(objective.turns(0)) == set(objective.players)


@pytest.mark.parametrize("name", METHODS)
def test_the_coder_gives_the_posterior_mean(name: str) -> None:
    nets, objective, x = stirred(nets_of(name)), method(name), torch.rand(5, *SHAPE)
    coder = objective.coder(nets, x, Streams(0))
    posterior, mean = coder.read(x)
    assert torch.equal(mean, nets["encoder"](x).mean.detach()) and mean.shape == (5, CODE_DIM)
    assert torch.equal(posterior, torch.ones(5, 1)) and coder.code_values.shape == (1, CODE_DIM)
    assert coder.route == "the encoder"


@pytest.mark.parametrize(
    ("code", "noise"), [((Categorical(3),), Empty()), ((Normal(2), Normal(1)), Normal(1))]
)
def test_a_latent_that_is_not_all_normal_code_is_refused(code: tuple[Block, ...], noise: Block) -> None:
    with pytest.raises(
        ConfigError, match="an autoencoder's latent is all code and normal: use --latent.normal"
    ):
        BetaVAE(LatentSpace(code, noise), likelihood=Bernoulli(), beta=1.0)


def trained(name: str, beta: float, data: Tensor, seed: int = 0) -> nn.ModuleDict:
    objective = method(name, beta)
    state = TrainState.create(
        nets_of(name, seed, data), objective, n_data=len(data), batch_size=64, seed=seed, betas=(0.9, 0.999)
    )
    schedule = Schedule(
        steps=400, length=400, learning_rate=3e-3, decay_from=0.5, ema_from=0.5, ema_decay=0.95
    )
    fit(state, objective, data, schedule=schedule)
    return state.ema


def error_share(nets: nn.ModuleDict, train: Tensor, test: Tensor) -> float:
    """Return the squared error of reconstructed held-out images over that of the mean image."""
    with torch.no_grad():
        rebuilt = nets["generator"](nets["encoder"](test).mean, torch.zeros(len(test), 0))
    return float((rebuilt - test).square().mean() / (train.mean(0) - test).square().mean())


@pytest.mark.parametrize(("name", "beta"), [("beta-vae", 1.0), ("factor-vae", 10.0), ("beta-tcvae", 6.0)])
def test_it_learns_to_rebuild_digits(name: str, beta: float) -> None:
    """Four coordinates rebuild held-out digits with less than half the error of the mean image.

    Tried on three seeds it was between .39 and .42; between single images of 64 pixels the share varies by .1, over
    359 of them by .006.
    """
    digits = load("digits")
    assert error_share(trained(name, beta, digits.train), digits.train, digits.test) < 0.5


def test_a_code_dearer_than_what_it_explains_is_left_empty() -> None:
    """Digits of 8x8 hold too little: at 4 nats for 1 the β-VAE draws the mean image, whatever the code."""
    digits = load("digits")
    nets = trained("beta-vae", 4.0, digits.train)
    assert float(nets["encoder"](digits.test).information().sum(1).mean()) < 0.05
    assert error_share(nets, digits.train, digits.test) == pytest.approx(1.0, abs=0.03)


def test_the_price_of_a_code_is_the_divergence_of_normal_laws() -> None:
    law = GaussianNoise(torch.randn(7, 3), 0.3 * torch.randn(7, 3))
    expected = kl_divergence(
        NormalLaw(law.mean, law.log_std.exp()), NormalLaw(torch.zeros(7, 3), torch.ones(7, 3))
    )
    torch.testing.assert_close(law.information(), expected)
    drawn = law.sample(torch.Generator().manual_seed(0))
    nets, data = stirred(nets_of("beta-vae")), torch.rand(7, *SHAPE)
    passage = method("beta-vae").pass_through(nets, data, Streams(0))
    assert drawn.shape == (7, 3)
    torch.testing.assert_close(passage.divergence, passage.law.information().sum(1))


def test_beta_prices_the_divergence_alone() -> None:
    nets, batch = stirred(nets_of("beta-vae")), Batch(torch.rand(6, *SHAPE), 0.5)
    for beta in (0.0, 1.0, 4.0):
        loss, info = method("beta-vae", beta).loss("model", nets, batch, Streams(0))
        torch.testing.assert_close(loss.detach(), info["reconstruction"] + beta * info["code_divergence"])


def test_the_bernoulli_surprise_is_the_cross_entropy_of_what_is_drawn() -> None:
    generator = ConvolutionalGenerator(CODE_DIM, 0, SHAPE, width=8).double()
    latent = Latent(torch.randn(5, CODE_DIM).double(), torch.zeros(5, 0).double())
    data = torch.rand(5, *SHAPE).double()
    drawn = generator(*latent)
    expected = -(data * drawn.log() + (1 - data) * (1 - drawn).log()).flatten(1).sum(1)
    found = Bernoulli().surprise(generator, latent, data)
    torch.testing.assert_close(found, expected)
    black_and_white = data.round()
    law = Independent(BernoulliLaw(drawn), 3)
    torch.testing.assert_close(
        Bernoulli().surprise(generator, latent, black_and_white), -law.log_prob(black_and_white)
    )


def test_a_pixel_that_is_surely_wrong_costs_its_logit() -> None:
    generator = ConvolutionalGenerator(1, 0, SHAPE, width=4)
    with torch.no_grad():
        generator.paint.weight.zero_()
        assert generator.paint.bias is not None
        generator.paint.bias.fill_(200.0)
    latent = Latent(torch.zeros(2, 1), torch.zeros(2, 0))
    found = Bernoulli().surprise(generator, latent, torch.zeros(2, *SHAPE))
    torch.testing.assert_close(found, torch.full((2,), 64 * 200.0))


def test_the_gaussian_surprise_is_that_of_torch() -> None:
    generator = LinearGenerator(2, 0, (3,))
    latent, data = Latent(torch.randn(4, 2), torch.zeros(4, 0)), torch.randn(4, 3)
    expected = -NormalLaw(generator(*latent), 0.3).log_prob(data).sum(1)
    torch.testing.assert_close(Gaussian(0.3).surprise(generator, latent, data), expected)


def test_a_linear_autoencoder_reaches_the_likelihood_of_principal_components() -> None:
    """With noise at the size of the smallest variances the bound is tight: its best value is a closed form.

    Tipping and Bishop 1999: the best of q components explains the q largest variances and leaves the others to the
    noise.
    """
    variances, std, n = torch.tensor([4.0, 1.0, 0.09, 0.09]), 0.3, 20_000
    data = torch.randn(n, 4, generator=torch.Generator().manual_seed(1)) * variances.sqrt()
    latents = LatentSpace((Normal(1), Normal(1)), Empty())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nets = nn.ModuleDict({"generator": LinearGenerator(2, 0, (4,)), "encoder": LinearEncoder(4, 2)})
    objective = BetaVAE(latents, likelihood=Gaussian(std), beta=1.0)
    state = TrainState.create(nets, objective, n_data=n, batch_size=256, seed=0, betas=(0.9, 0.99))
    schedule = Schedule(
        steps=1500, length=1500, learning_rate=2e-2, decay_from=0.3, ema_from=0.6, ema_decay=0.99
    )
    fit(state, objective, data, schedule=schedule)
    with torch.no_grad():
        loss, _ = objective.loss("model", state.ema, Batch(data, 1.0), Streams(0))
    entropy = float(0.5 * (2 * math.pi * math.e * variances).log().sum())
    assert float(loss) == pytest.approx(entropy, abs=5 * math.sqrt(2 / n) + 0.02)


class LinearEncoder(nn.Module):
    """Give normal laws whose mean is linear in the datum and whose widths are constant."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mean = nn.Linear(inputs, outputs)
        self.log_std = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> GaussianNoise:
        mean = self.mean(x)
        return GaussianNoise(mean, self.log_std.expand_as(mean))


def test_the_prices_of_total_correlation_are_those_of_the_papers() -> None:
    nets, batch = stirred(nets_of("factor-vae")), Batch(torch.rand(6, *SHAPE), 0.5)
    for name, extra in (("factor-vae", 6.0), ("beta-tcvae", 5.0)):
        loss, info = method(name, 6.0).loss("model", nets, batch, Streams(0))
        bound = info["reconstruction"] + info["code_divergence"]
        torch.testing.assert_close(loss.detach(), bound + extra * info["total_correlation"])
    plain, _ = method("beta-vae", 1.0).loss("model", nets, batch, Streams(0))
    unpriced, _ = method("beta-tcvae", 1.0).loss("model", nets, batch, Streams(0))
    torch.testing.assert_close(plain, unpriced)


def test_the_critic_of_codes_learns_their_total_correlation() -> None:
    """On correlated normal codes the mean logit of a trained critic is the closed form, -log(1 - r²) / 2."""
    correlation, n = 0.8, 20_000
    rng = torch.Generator().manual_seed(0)
    code = torch.randn(n, 2, generator=rng)
    code[:, 1] = correlation * code[:, 0] + math.sqrt(1 - correlation**2) * code[:, 1]
    latents = LatentSpace((Normal(2),), Empty())
    objective = FactorVAE(latents, likelihood=Gaussian(1.0), gamma=1.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nets = nn.ModuleDict(
            {
                "generator": LinearGenerator(2, 0, (2,)),
                "encoder": Reader(),
                "critic": CodeCritic(2, width=64, depth=2),
            }
        )
    optimiser = torch.optim.Adam(nets["critic"].parameters(), lr=2e-3)
    streams = Streams(0)
    for step in range(600):
        at = torch.randint(n, (256,), generator=rng)
        loss, _ = objective.loss("critic", nets, Batch(code[at], step / 600), streams)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found = nets["critic"](code)
    expected = -0.5 * math.log(1 - correlation**2)
    assert float(found.mean()) == pytest.approx(expected, abs=0.1)


class Reader(nn.Module):
    """Take what it sees for the code, almost surely."""

    def forward(self, x: Tensor) -> GaussianNoise:
        return GaussianNoise(x, torch.full_like(x, -10.0))


def test_the_critic_of_codes_has_its_own_moments() -> None:
    nets, objective = nets_of("factor-vae"), method("factor-vae")
    state = TrainState.create(nets, objective, n_data=10, batch_size=2, seed=0, betas=(0.9, 0.999))
    betas = {player: optimiser.param_groups[0]["betas"] for player, optimiser in state.optimisers.items()}
    assert betas == {"model": (0.9, 0.999), "critic": (0.5, 0.9)}
