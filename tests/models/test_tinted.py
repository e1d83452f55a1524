"""Tints: colours that the code picks for a grey image, and distances to all of them at once."""

import pytest
import torch
from torch import nn

from infot.errors import ConfigError
from infot.models.blocks import Categorical, Circle, Uniform
from infot.models.charts import Charts
from infot.models.deformable import DeformableGenerator
from infot.models.encoders import NoiseEncoder
from infot.models.tinted import TintedGenerator
from infot.objectives.chart_scores import score_charts

DRIVEN = ("rotation", "translation_x")


@pytest.fixture(autouse=True)
def seeded_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def tinted(n_templates: int = 2) -> TintedGenerator:
    shapes = DeformableGenerator(n_templates, (1, 8, 9), displacement_grid=0, driven=DRIVEN)
    generator = TintedGenerator(4, 3, shapes)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.2)
    return generator


def latents(n_templates: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = tinted(n_templates)
    picked = torch.eye(n_templates)[torch.arange(n) % n_templates][:, : n_templates if n_templates > 1 else 0]
    code = torch.cat([torch.eye(4)[torch.arange(n) % 4], picked, torch.randn(n, 3)], dim=1)
    return code, torch.randn(n, generator.noise_dim)


@pytest.mark.parametrize("n_templates", [1, 2])
def test_every_channel_is_the_grey_image_times_its_tint(n_templates: int) -> None:
    generator, (code, noise) = tinted(n_templates), latents(n_templates, 8)
    images = generator(code, noise)
    assert images.shape == (8, 3, 8, 9)
    grey = torch.ones(8, 1) if n_templates == 1 else torch.zeros(8, 0)
    drawn = generator.shapes(torch.cat([grey, code[:, 4:]], dim=1), noise)
    for n in range(8):
        for channel in range(3):
            torch.testing.assert_close(images[n, channel], generator.tints[n % 4, channel] * drawn[n, 0])


@pytest.mark.parametrize("n_templates", [1, 3])
def test_distances_are_those_to_the_images_that_every_tint_draws(n_templates: int) -> None:
    generator, (code, noise) = tinted(n_templates).double(), latents(n_templates, 6)
    code, noise, data = code.double(), noise.double(), torch.rand(2, 3, 8, 9, dtype=torch.float64)
    found = generator.distances(code, noise, data)
    assert found.shape == (2, 4, 3)
    for tint in range(4):
        own = torch.cat([torch.eye(4)[[tint] * 6].double(), code[:, 4:]], dim=1)
        far = generator(own, noise).view(2, 3, -1) - data.view(2, 1, -1)
        torch.testing.assert_close(found[:, tint], far.square().sum(2))


@pytest.mark.parametrize("blocks", [(Categorical(2), Circle(3), Uniform(1)), (Circle(3), Uniform(1))])
def test_charts_score_as_if_every_one_were_drawn(blocks: tuple) -> None:
    generator = tinted(2 if isinstance(blocks[0], Categorical) else 1)
    charts = Charts.of((Categorical(4), *blocks))
    d = charts.n_normals + generator.noise_dim
    encoder = NoiseEncoder((3, 8, 9), n_codes=len(charts), noise_dim=d, width=8, sharing=4)
    nn.init.normal_(encoder.mean.weight, std=0.3)
    data, prices, gate = torch.rand(5, 3, 8, 9), torch.rand(d), torch.rand(d)
    law = encoder(data)
    nets = nn.ModuleDict({"generator": generator, "encoder": encoder})
    scores = score_charts(nets, charts, law, data, prices=prices, gate=gate)
    every = score_charts(nets, charts, law, data, prices=prices, gate=gate, eye=nn.Flatten(1))
    torch.testing.assert_close(scores, every, rtol=1e-4, atol=1e-4)  # float32; costs are about 100


def test_tints_start_near_grey_and_templates_at_the_mean_over_channels() -> None:
    generator, data = tinted(), torch.rand(50, 3, 8, 9)
    generator.initialise(data, torch.Generator().manual_seed(0))
    assert float((generator.tints - 1).detach().abs().max()) < 0.25
    torch.testing.assert_close(generator.shapes.centre[0], data.mean((0, 1)))


def test_gradients_reach_tints_and_templates() -> None:
    generator, (code, noise) = tinted(), latents(2, 8)
    generator(code, noise).square().sum().backward()
    assert bool((generator.deviations.grad != 0).all())
    assert bool((generator.shapes.deviations.grad != 0).any())


@pytest.mark.parametrize(("channels", "drawn"), [(1, 1), (3, 3)])
def test_tints_colour_grey_images(channels: int, drawn: int) -> None:
    shapes = DeformableGenerator(2, (drawn, 8, 8), displacement_grid=0)
    with pytest.raises(ConfigError, match=f"expected several channels made of one, got {channels} channels"):
        TintedGenerator(4, channels, shapes)
