"""A learned prior follows what data use, keeps a smallest share, and is the prior of the latent space."""

import math

import pytest
import torch
from torch import nn

from infot import ot
from infot.errors import ConfigError
from infot.models.blocks import Categorical, Circle, Normal
from infot.models.latents import LatentSpace
from infot.models.priors import LearnedPrior, at_least, follow_codes, learned_latents


def test_at_least_is_the_nearest_distribution_above_the_bound() -> None:
    """Optimality of the projection in KL(q | p): free entries in proportion, bound ones not worth raising."""
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        p = torch.rand(7, generator=rng, dtype=torch.float64).pow(3)
        p = (p / p.sum()).float()
        q = at_least(p, 0.08)
        assert float(q.sum()) == pytest.approx(1, abs=1e-6) and float(q.min()) >= 0.08 - 1e-7
        free = q > 0.08 + 1e-7
        ratios = q / p
        assert float(ratios[free].max() - ratios[free].min()) < 1e-5
        assert bool((ratios[~free] >= ratios[free].max() - 1e-5).all())


@pytest.mark.parametrize(
    ("shares", "least", "wanted"),
    [
        ([1.0, 0.0, 0.0], 0.0, [1.0, 0.0, 0.0]),
        ([1.0, 0.0, 0.0], 1 / 3, [1 / 3] * 3),
        ([2.0, 6.0], 0.1, [0.25, 0.75]),
        ([0.1, 0.12, 0.78], 0.2, [0.2, 0.2, 0.6]),
        ([0.05, 0.21, 0.74], 0.2, [0.2, 0.2, 0.6]),
    ],
)
def test_at_least_by_hand(shares: list[float], least: float, wanted: list[float]) -> None:
    torch.testing.assert_close(at_least(torch.tensor(shares), least), torch.tensor(wanted))


def test_the_fixed_point_is_how_often_data_hold_each_class() -> None:
    """Far classes: whatever the price of leaving the prior, the prior ends at the frequencies of the data."""
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([2, 6, 12]))
    scores = (torch.arange(3).unsqueeze(1) != labels).float()
    for rho in (1.0, 0.1, 0.001):
        prior = LearnedPrior((Categorical(3),), rate=0.2, least=0.1)
        for _ in range(400):
            found = ot.relaxed_frequencies(scores, prior.shares()[0], epsilon=0.02, rho=rho)
            prior.follow(found)
        torch.testing.assert_close(prior.shares()[0], torch.tensor([0.1, 0.3, 0.6]), atol=2e-3, rtol=0)


def test_one_batch_moves_the_prior_by_the_rate() -> None:
    prior = LearnedPrior((Categorical(2, (0.3, 0.7)),), rate=0.25, least=0.0)
    prior.follow(torch.tensor([0.7, 0.3]))
    torch.testing.assert_close(prior.shares()[0], torch.tensor([0.4, 0.6]))


def test_an_unused_code_keeps_its_smallest_share_and_comes_back() -> None:
    prior = LearnedPrior((Categorical(4),), rate=0.1, least=0.2)
    for _ in range(200):
        prior.follow(torch.tensor([0.0, 0.5, 0.25, 0.25]))
    assert float(prior.shares()[0][0]) == pytest.approx(0.05)
    entropy = -float((prior.shares()[0] * prior.shares()[0].log()).sum())
    assert entropy > 0.05 * math.log(1 / 0.05)
    for _ in range(200):
        prior.follow(torch.tensor([0.25, 0.25, 0.25, 0.25]))
    torch.testing.assert_close(prior.shares()[0], torch.full((4,), 0.25), atol=1e-5, rtol=0)


def test_blocks_follow_their_marginals_and_continuous_ones_keep_their_prior() -> None:
    code = (Categorical(2), Circle(2), Categorical(3))
    prior = LearnedPrior(code, rate=1.0, least=0.0)
    joint = torch.rand(2, 2, 3, generator=torch.Generator().manual_seed(0))
    joint /= joint.sum()
    prior.follow(joint.flatten())
    first, last = prior.shares()
    torch.testing.assert_close(first, joint.sum((1, 2)))
    torch.testing.assert_close(last, joint.sum((0, 1)))
    space = prior.of(LatentSpace(code, Normal(1)))
    assert space.code[1] == Circle(2)
    assert isinstance(space.code[0], Categorical)
    torch.testing.assert_close(space.code[0].probabilities(), joint.sum((1, 2)))


def test_a_latent_space_draws_with_the_learned_frequencies() -> None:
    space = LatentSpace((Categorical(3),), Normal(1))
    nets = nn.ModuleDict({"prior": LearnedPrior(space.code, rate=1.0, least=0.1)})
    follow_codes(nets, {"code_frequencies": torch.tensor([0.7, 0.2, 0.1])})
    learned = learned_latents(space, nets)
    torch.testing.assert_close(learned.code_weights(), torch.tensor([0.7, 0.2, 0.1]))
    drawn = learned.sample(20_000, torch.Generator().manual_seed(0)).code.mean(0)
    torch.testing.assert_close(
        drawn, torch.tensor([0.7, 0.2, 0.1]), atol=5 * math.sqrt(0.25 / 20_000), rtol=0
    )
    assert learned_latents(space, nn.ModuleDict()) is space
    follow_codes(nn.ModuleDict(), {})


def test_the_prior_is_state_and_nothing_that_an_optimiser_steps() -> None:
    prior = LearnedPrior((Categorical(2), Categorical(3)), rate=0.5, least=0.1)
    assert list(prior.state_dict()) == ["frequencies"] and not list(prior.parameters())


@pytest.mark.parametrize(
    ("rate", "least", "match"),
    [(0.0, 0.1, "a rate in"), (1.5, 0.1, "a rate in"), (0.1, -0.1, "least share"), (0.1, 1.1, "least share")],
)
def test_numbers_out_of_range_are_refused(rate: float, least: float, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        LearnedPrior((Categorical(2),), rate=rate, least=least)


def test_what_has_no_categories_is_refused() -> None:
    with pytest.raises(ConfigError, match="this code has none"):
        LearnedPrior((Normal(1),), rate=0.1, least=0.1)
    with pytest.raises(ConfigError, match="a smallest share between 0 and 1/2"):
        at_least(torch.tensor([0.5, 0.5]), 0.6)
