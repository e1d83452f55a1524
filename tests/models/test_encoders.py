"""The encoder of the noise: shapes, closed-form information, gradients."""

import math

import pytest
import torch

from infot.errors import ConfigError
from infot.models.encoders import FARTHEST_MEAN, GaussianNoise, NoiseEncoder


@pytest.fixture(autouse=True)
def seeded_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("shape", [(6,), (1, 8, 8), (1, 28, 28), (3, 33, 20), (3, 96, 64)])
def test_one_law_for_each_datum_and_code(shape):
    encoder = NoiseEncoder(shape, n_codes=4, noise_dim=3, width=16)
    law = encoder(torch.rand(5, *shape))
    assert law.mean.shape == law.log_std.shape == (5, 4, 3)
    assert float(law.mean.detach().abs().max()) == 0.0


@pytest.mark.parametrize("side", [16, 64])
def test_laws_that_start_apart_tell_data_apart_whatever_their_size_and_contrast(side):
    encoder = NoiseEncoder((1, side, side), n_codes=1, noise_dim=3, width=16)
    data = 0.5 + 0.01 * torch.rand(64, 1, side, side, generator=torch.Generator().manual_seed(0))
    encoder.tell_apart(data, 0.7)
    law = encoder(data)
    means, within = law.mean.detach(), law.log_std.detach().exp()
    assert torch.equal(within, torch.full_like(within, math.exp(-3)))
    torch.testing.assert_close(means.std(0), torch.full((1, 3), 0.7), rtol=1e-3, atol=0)
    torch.testing.assert_close(means.mean(0), torch.zeros(1, 3), rtol=0, atol=1e-3)


def test_data_that_are_all_alike_cannot_be_told_apart():
    encoder = NoiseEncoder((6,), n_codes=1, noise_dim=3, width=16)
    with pytest.raises(ConfigError, match="the data are all alike"):
        encoder.tell_apart(torch.ones(10, 6), 1.0)


def test_codes_that_share_a_head_lie_as_far_apart_as_there_are_heads():
    encoder = NoiseEncoder((6,), n_codes=6, noise_dim=3, width=16, sharing=3)
    torch.nn.init.normal_(encoder.mean.weight)
    mean = encoder(torch.rand(5, 6)).mean
    assert mean.shape == (5, 6, 3) and encoder.mean.out_features == 2 * 3
    assert torch.equal(mean[:, :2], mean[:, 2:4]) and torch.equal(mean[:, :2], mean[:, 4:])
    assert not torch.equal(mean[:, 0], mean[:, 1])


def test_information_is_the_kl_divergence_to_the_prior():
    rng = torch.Generator().manual_seed(0)
    law = GaussianNoise(torch.tensor([[0.7, -1.2]]), torch.tensor([[-0.5, 0.3]]))
    draws = GaussianNoise(law.mean.expand(200_000, 2), law.log_std.expand(200_000, 2)).sample(rng)
    own = torch.distributions.Normal(law.mean, law.log_std.exp()).log_prob(draws)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(draws)
    torch.testing.assert_close(law.information()[0], (own - prior).mean(0), atol=0.02, rtol=0)


def test_information_vanishes_at_the_prior():
    assert float(GaussianNoise(torch.zeros(3), torch.zeros(3)).information().abs().max()) == 0.0


def test_pick_takes_pairs_of_datum_and_code():
    law = GaussianNoise(torch.arange(24.0).view(2, 4, 3), torch.zeros(2, 4, 3))
    picked = law.pick(torch.tensor([1, 0]), torch.tensor([3, 2]))
    assert picked.mean.tolist() == [[21.0, 22.0, 23.0], [6.0, 7.0, 8.0]]


def test_gradients_reach_every_parameter():
    encoder = NoiseEncoder((1, 28, 28), n_codes=3, noise_dim=2, width=32)
    torch.nn.init.normal_(encoder.mean.weight, generator=torch.Generator().manual_seed(0))
    law = encoder(torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    law.information().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


def test_other_shapes_are_refused():
    with pytest.raises(ConfigError, match="images .* or vectors"):
        NoiseEncoder((8, 8), n_codes=3, noise_dim=2)


def test_a_narrow_encoder_is_refused():
    with pytest.raises(ConfigError, match="width must be at least 8"):
        NoiseEncoder((1, 8, 8), n_codes=3, noise_dim=2, width=4)


def test_widths_beyond_what_an_exponential_holds_cost_a_finite_price_with_a_slope():
    encoder = NoiseEncoder((6,), n_codes=2, noise_dim=3, width=8)
    with torch.no_grad():
        encoder.log_std.bias.fill_(1e3)
    law = encoder(torch.zeros(4, 6))
    price = law.information()
    assert price.isfinite().all() and law.sample(torch.Generator().manual_seed(0)).isfinite().all()
    (slope,) = torch.autograd.grad(price.sum(), encoder.log_std.bias)
    assert slope.isfinite().all() and (slope > 0).all()


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_means_of_a_first_large_step_stay_within_reach_of_the_prior_and_lead_back(side: float):
    encoder = NoiseEncoder((6,), n_codes=2, noise_dim=3, width=8)
    with torch.no_grad():
        encoder.mean.bias.fill_(side * 1e12)
    law = encoder(torch.zeros(4, 6))
    assert (side * law.mean > FARTHEST_MEAN).all() and law.mean.abs().max() < 50
    (slope,) = torch.autograd.grad(law.information().sum(), encoder.mean.bias)
    assert slope.isfinite().all() and (side * slope > 0).all()


def test_means_within_reach_are_those_of_the_head_to_the_last_bit():
    encoder = NoiseEncoder((6,), n_codes=1, noise_dim=2, width=8)
    with torch.no_grad():
        encoder.mean.bias.copy_(torch.tensor([FARTHEST_MEAN, -FARTHEST_MEAN]))
    assert torch.equal(encoder(torch.zeros(1, 6)).mean.flatten(), encoder.mean.bias)
