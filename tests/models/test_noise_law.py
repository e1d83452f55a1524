"""The learned law of the noise: it places and standardises, and follows the moments of what it is shown."""

import pytest
import torch

from infot.errors import ConfigError
from infot.models.blocks import Categorical, Circle, Normal
from infot.models.encoders import GaussianNoise
from infot.models.latents import LatentSpace
from infot.models.noise_law import NoiseLaw, NoiseMoments

SIZES, D = (2, 3), 4


def moved_law(*, rate: float = 0.5, seed: int = 0) -> NoiseLaw:
    """Return a law with a mean and a root of its own in each of six categories."""
    law, rng = NoiseLaw(SIZES, D, rate=rate).double(), torch.Generator().manual_seed(seed)
    law.means.normal_(generator=rng)
    roots = torch.randn(6, D, D, generator=rng, dtype=torch.float64).tril(-1)
    law.roots.copy_(roots + torch.diag_embed(0.5 + torch.rand(6, D, generator=rng, dtype=torch.float64)))
    return law


def couplings(n: int = 60, *, seed: int = 1) -> tuple[GaussianNoise, torch.Tensor, torch.Tensor]:
    """Return laws of the noise, categories and weights of ``n`` couplings."""
    rng = torch.Generator().manual_seed(seed)
    mean = torch.randn(n, D, generator=rng, dtype=torch.float64)
    log_std = -1 + 0.3 * torch.randn(n, D, generator=rng, dtype=torch.float64)
    category = torch.cat([torch.arange(6), torch.randint(6, (n - 6,), generator=rng)])
    return GaussianNoise(mean, log_std), category, torch.rand(n, generator=rng, dtype=torch.float64) + 0.1


def test_a_new_law_leaves_the_noise_as_it_is():
    law, noise = NoiseLaw(SIZES, D, rate=0.1), torch.randn(5, D)
    code = torch.eye(5)
    assert torch.equal(law.place(code, noise), noise)
    placed = noise.unsqueeze(1)
    assert torch.equal(law.standardise(placed, torch.tensor([2])), placed)


def test_placing_is_affine_in_each_category_and_standardising_undoes_it():
    law, latents = moved_law(), LatentSpace((Categorical(2), Categorical(3), Circle(2)), Normal(D))
    latent = latents.sample(40, torch.Generator().manual_seed(2))
    code, noise = latent.code.double(), latent.noise.double()
    category = law.categories(code)
    assert torch.equal(category, latents.category_index(code))
    placed = law.place(code, noise)
    expected = torch.stack([law.means[c] + law.roots[c] @ e for c, e in zip(category, noise, strict=True)])
    torch.testing.assert_close(placed, expected)
    back = law.standardise(placed[:, None].expand(-1, 6, -1), torch.arange(6))
    torch.testing.assert_close(back[torch.arange(40), category], noise)


def test_without_categories_there_is_one_law():
    law = NoiseLaw((), D, rate=1.0)
    law.follow(NoiseMoments(torch.ones(1), torch.ones(1, D), torch.ones(1, D, D) + torch.eye(D)))
    torch.testing.assert_close(law.place(torch.rand(3, 2), torch.zeros(3, D)), torch.ones(3, D))


def test_moments_are_those_of_many_draws():
    law, (noise, category, weights) = moved_law(), couplings()
    moments = law.moments(noise, category, weights)
    assert float(moments.mass.sum()) == pytest.approx(1.0)
    for c in range(6):
        own = category == c
        share = weights[own] / weights[own].sum()
        assert float(moments.mass[c]) == pytest.approx(float(weights[own].sum() / weights.sum()))
        torch.testing.assert_close(moments.mean[c], share @ noise.mean[own])
        second = sum(
            p * (torch.outer(m, m) + torch.diag((2 * s).exp()))
            for p, m, s in zip(share, noise.mean[own], noise.log_std[own], strict=True)
        )
        torch.testing.assert_close(moments.second[c], second)


@pytest.mark.parametrize("rate", [0.05, 0.5, 1.0])
def test_following_averages_the_moments_of_the_placed_noise(rate):
    law, (noise, category, weights) = moved_law(rate=rate), couplings()
    before = law.means.clone(), law.roots @ law.roots.mT
    moments = law.moments(noise, category, weights)
    step = (rate * 6 * moments.mass).clamp_max(1)
    # the other road: moments about the origin of the placed noise, averaged there
    placed = law.means + (law.roots @ moments.mean.unsqueeze(2)).squeeze(2)
    within = moments.second - moments.mean.unsqueeze(2) * moments.mean.unsqueeze(1)
    raw = law.roots @ within @ law.roots.mT + placed.unsqueeze(2) * placed.unsqueeze(1)
    mean = torch.lerp(before[0], placed, step[:, None])
    old = before[1] + before[0].unsqueeze(2) * before[0].unsqueeze(1)
    covariance = torch.lerp(old, raw, step[:, None, None]) - mean.unsqueeze(2) * mean.unsqueeze(1)
    law.follow(moments)
    torch.testing.assert_close(law.means, mean)
    torch.testing.assert_close(law.roots @ law.roots.mT, covariance)
    assert torch.equal(law.roots, law.roots.tril())


def test_a_category_without_data_keeps_its_law():
    law, (noise, category, weights) = moved_law(rate=1.0), couplings()
    kept = law.means[4].clone(), law.roots[4].clone()
    own = category != 4
    law.follow(law.moments(GaussianNoise(noise.mean[own], noise.log_std[own]), category[own], weights[own]))
    assert torch.equal(law.means[4], kept[0])
    torch.testing.assert_close(law.roots[4], kept[1])


def test_it_ends_at_the_mean_and_covariance_of_what_it_is_shown():
    law = NoiseLaw((2,), D, rate=0.1)
    rng = torch.Generator().manual_seed(3)
    centres, turns = torch.randn(2, D, generator=rng), torch.randn(2, D, D, generator=rng)
    category = torch.arange(200) % 2
    placed = centres[category] + (turns[category] @ torch.randn(200, D, 1, generator=rng)).squeeze(2)
    narrow, weights = torch.full((200, D), -10.0), torch.ones(200)
    for _ in range(200):
        standard = law.standardise(placed[:, None].expand(-1, 2, -1), torch.arange(2))
        law.follow(
            law.moments(GaussianNoise(standard[torch.arange(200), category], narrow), category, weights)
        )
    for c in range(2):
        torch.testing.assert_close(law.means[c], placed[category == c].mean(0), atol=1e-4, rtol=1e-4)
        covariance = torch.cov(placed[category == c].T, correction=0)
        torch.testing.assert_close(law.roots[c] @ law.roots[c].T, covariance, atol=1e-3, rtol=1e-3)


def test_numbers_out_of_range_are_refused():
    for noise_dim, rate in ((0, 0.1), (3, 0.0), (3, 1.5)):
        with pytest.raises(ConfigError, match="at least one noise coordinate and a rate in"):
            NoiseLaw((2,), noise_dim, rate=rate)
