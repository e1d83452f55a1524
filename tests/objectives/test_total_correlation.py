"""The total correlation of codes: exact on whole data, unbiased densities on batches, a closed form for Gaussians."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from infot.models.encoders import GaussianNoise
from infot.objectives.total_correlation import log_aggregate, permuted, total_correlation

CORRELATION = 0.9
WIDTH = 0.6  # standard deviation of every law


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def laws(n: int, seed: int) -> GaussianNoise:
    """Laws whose means are correlated normal: the aggregate is normal with the laws' variance added."""
    mean = torch.randn(n, 2, generator=rng(seed), dtype=torch.float64)
    mean[:, 1] = CORRELATION * mean[:, 0] + math.sqrt(1 - CORRELATION**2) * mean[:, 1]
    return GaussianNoise(mean, torch.full_like(mean, math.log(WIDTH)))


def closed_form() -> float:
    """TC of N(0, S): half of the logarithm of the product of its variances over its determinant."""
    variance = 1 + WIDTH**2
    return 0.5 * math.log(variance**2 / (variance**2 - CORRELATION**2))


def log_laws(law: GaussianNoise, code: Tensor) -> Tensor:
    return Normal(law.mean, law.log_std.exp()).log_prob(code.unsqueeze(1))


def test_on_all_data_the_densities_are_those_of_the_mixture() -> None:
    law = laws(40, 0)
    code = law.sample(rng(1))
    given = log_laws(law, code)
    mixture = MixtureSameFamily(
        Categorical(torch.ones(40, dtype=torch.float64)), Independent(Normal(law.mean, law.log_std.exp()), 1)
    )
    torch.testing.assert_close(log_aggregate(given.sum(2), 40), mixture.log_prob(code))
    marginals = [
        MixtureSameFamily(
            Categorical(torch.ones(40, dtype=torch.float64)), Normal(law.mean[:, k], law.log_std[:, k].exp())
        ).log_prob(code[:, k])
        for k in range(2)
    ]
    expected = (mixture.log_prob(code) - marginals[0] - marginals[1]).mean()
    torch.testing.assert_close(total_correlation(law, code, 40), expected)


def test_over_all_batches_the_densities_are_unbiased() -> None:
    """Of six data every batch of three that holds the first gives its code a density; they average to the mixture's."""
    law = laws(6, 0)
    code = law.sample(rng(1))
    found = []
    for others in itertools.combinations(range(1, 6), 2):
        batch = [0, *others]
        part = GaussianNoise(law.mean[batch], law.log_std[batch])
        found.append(log_aggregate(log_laws(part, code[batch]).sum(2), 6)[0].exp())
    expected = log_laws(law, code).sum(2)[0].exp().mean()
    torch.testing.assert_close(torch.stack(found).mean(), expected)


@pytest.mark.parametrize("n_data", [800, 20_000])
def test_the_estimate_is_that_of_the_gaussian(n_data: int) -> None:
    """Twelve batches of 800 agree with the closed form within four standard errors and the bias of a logarithm.

    The bias of a log density is about half its relative variance, here below 1 / 100.
    """
    found = []
    for seed in range(12):
        law = laws(800, seed)
        found.append(total_correlation(law, law.sample(rng(100 + seed)), n_data))
    values = torch.stack(found)
    error = float(values.std() / math.sqrt(len(values)))
    assert error < 0.012
    assert float(values.mean()) == pytest.approx(closed_form(), abs=4 * error + 0.01)


def test_independent_coordinates_have_none() -> None:
    mean = torch.randn(2000, 2, generator=rng(0), dtype=torch.float64)
    law = GaussianNoise(mean, torch.full_like(mean, math.log(WIDTH)))
    assert abs(float(total_correlation(law, law.sample(rng(1)), 2000))) < 0.02


def test_a_permutation_keeps_every_marginal_and_breaks_the_bond() -> None:
    law = laws(4000, 0)
    shuffled = permuted(law.mean, rng(2))
    assert torch.equal(shuffled.sort(dim=0).values, law.mean.sort(dim=0).values)
    before, after = (float(torch.corrcoef(code.T)[0, 1]) for code in (law.mean, shuffled))
    assert before > 0.85 and abs(after) < 5 / math.sqrt(4000)
    assert torch.equal(shuffled, permuted(law.mean, rng(2)))
