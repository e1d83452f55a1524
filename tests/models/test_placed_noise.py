"""Networks that place their noise: with a new law they are what they hold, and the law moves no mean."""

import pytest
import torch
from torch import nn

from infot.models.blocks import Categorical, Normal
from infot.models.charts import Charts
from infot.models.deformable import DeformableGenerator
from infot.models.encoders import NoiseEncoder
from infot.models.latents import LatentSpace
from infot.models.noise_law import NoiseLaw
from infot.models.placed_noise import PlacedEncoder, PlacedGenerator, find_moments, follow_noise


@pytest.fixture(autouse=True)
def seeded_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def placed() -> tuple[nn.ModuleDict, LatentSpace, torch.Tensor]:
    """Return networks with three templates and a number in the code, the latent space, and images."""
    generator = DeformableGenerator(3, (1, 8, 8), displacement_grid=3, driven=("scale",))
    latents = LatentSpace((Categorical(3), Normal(1)), Normal(generator.noise_dim))
    encoder = NoiseEncoder((1, 8, 8), n_codes=3, noise_dim=1 + generator.noise_dim, width=8)
    nn.init.normal_(encoder.mean.weight, std=0.3)
    law = NoiseLaw((3,), generator.noise_dim, rate=0.5)
    nets = {"generator": PlacedGenerator(generator, law), "encoder": PlacedEncoder.of(encoder, law, latents)}
    return nn.ModuleDict(nets), latents, torch.rand(12, 1, 8, 8)


def follow(nets: nn.ModuleDict, data: torch.Tensor) -> None:
    chart = torch.arange(len(data)) % 3
    law = nets["encoder"](data).pick(torch.arange(len(data)), chart)
    follow_noise(nets, find_moments(nets, law, chart, torch.ones(len(data))))


def test_with_a_new_law_both_are_what_they_hold():
    nets, latents, data = placed()
    latent = latents.sample(5, torch.Generator().manual_seed(0))
    assert torch.equal(nets["generator"](*latent), nets["generator"].generator(*latent))
    for part, own in zip(nets["encoder"](data), nets["encoder"].encoder(data), strict=True):
        assert torch.equal(part, own)


def test_a_law_that_follows_moves_samples_and_no_reconstruction():
    nets, latents, data = placed()
    charts, chart = Charts.of(latents.code), torch.arange(12) % 3

    @torch.no_grad()
    def reconstructed() -> torch.Tensor:
        mean = nets["encoder"](data).mean[torch.arange(12), chart]
        return nets["generator"](charts.codes(chart, mean[:, :1]), mean[:, 1:])

    latent = latents.sample(5, torch.Generator().manual_seed(0))
    with torch.no_grad():
        samples, means = nets["generator"](*latent), reconstructed()
        follow(nets, data)
        assert float((nets["generator"](*latent) - samples).abs().max()) > 0.01
    torch.testing.assert_close(reconstructed(), means, atol=1e-4, rtol=1e-4)


def test_gradients_reach_what_is_held_and_not_the_law():
    nets, latents, data = placed()
    follow(nets, data)
    latent = latents.sample(5, torch.Generator().manual_seed(0))
    (nets["generator"](*latent).square().sum() + nets["encoder"](data).information().sum()).backward()
    for name, parameter in nets.named_parameters():
        assert parameter.grad is not None, name
    assert not nets["generator"].law.means.requires_grad
    assert not list(nets["generator"].law.parameters())


def test_other_networks_have_no_moments():
    nets, _, data = placed()
    plain = nn.ModuleDict({"generator": nets["generator"].generator, "encoder": nets["encoder"].encoder})
    chart = torch.zeros(12, dtype=torch.int64)
    law = plain["encoder"](data).pick(torch.arange(12), chart)
    assert find_moments(plain, law, chart, torch.ones(12)) == {}
    follow_noise(plain, {})
