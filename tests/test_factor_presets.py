"""Presets of images with known factors: every row of their comparison trains on them, and ours is read."""

from dataclasses import replace

import pytest
import torch

from infot.assembly import build_latents, build_nets, build_objective
from infot.config_checks import check_config, check_config_with_data
from infot.coordinate_names import code_names
from infot.data import Dataset, DatasetInfo
from infot.data.factors import ColourSprites, FactorImages, NoisySprites, Sprites, Squares, XYObject
from infot.evaluation.factor_codes import code_numbers
from infot.objectives.base import Batch
from infot.presets import PRESETS
from infot.random import Streams
from infot.scales import mean_cost
from infot.suites import SUITES, Contestant

KINDS: dict[str, type[FactorImages]] = {
    "sprites-colour": ColourSprites,
    "sprites-noise": NoisySprites,
    "xyobject": XYObject,
    "squares": Squares,
}
IMAGES = {name: kind() for name, kind in KINDS.items()}
ROWS = SUITES["disentanglement"].contestants


def some(name: str, n: int) -> Dataset:
    """Return some images of a data set."""
    images = IMAGES[name]
    points = images.render(images.sample(n, torch.Generator().manual_seed(0)))
    info = DatasetInfo(name, "images", name, str(n), "rendered", "none")
    return Dataset(name, "images", points, points[:4], None, None, info)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("preset", KINDS)
def test_every_row_takes_two_steps_and_reads_codes(preset: str, row: Contestant) -> None:
    config, dataset = row.config(preset), some(preset, 16)
    config = replace(config, model=replace(config.model, width=8))
    check_config(config)
    check_config_with_data(config, shape=dataset.shape)
    points, streams = dataset.training_sample(), Streams(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nets = build_nets(config, dataset.shape, points)
    objective = build_objective(config, dataset)
    for step in range(2):
        for player in dict.fromkeys(objective.turns(step)):
            parameters = list(objective.parameters_of(player, nets))
            optimiser = torch.optim.Adam(parameters, lr=1e-3)
            loss, _ = objective.loss(player, nets, Batch(points, 0.5 * step), streams)
            optimiser.zero_grad()
            loss.backward(inputs=parameters)
            assert bool(loss.isfinite())
            optimiser.step()
    latents = build_latents(config, dataset.shape)
    coder = objective.coder(nets, points, streams)
    assert coder is not None
    numbers = code_numbers(latents, coder.read(dataset.test).mean)
    assert len(numbers) == 4 and bool(numbers.isfinite().all())


@pytest.mark.parametrize("preset", KINDS)
def test_the_code_has_a_block_for_every_factor(preset: str) -> None:
    config, images = PRESETS[preset], IMAGES[preset]
    names = code_names(build_latents(config, images.shape), config.model)
    assert len(names) == len(images.factors.names)
    sizes = dict(zip(images.factors.names, images.factors.sizes, strict=True))
    listed = [sizes[name] for name in ("colour", "shape") if name in sizes]
    assert config.latent.categorical == tuple(listed)


def test_prices_under_noise_are_those_without() -> None:
    """A sprite is half as bright over its background, so squared distances between sprites are a quarter."""
    noisy, plain = PRESETS["sprites-noise"].objective, PRESETS["sprites"].objective
    scales = {}
    for images in (Sprites(), IMAGES["sprites-noise"]):
        points = images.render(images.sample(2000, torch.Generator().manual_seed(0)))
        scales[type(images)] = mean_cost(points)
    ours, wanted = noisy.epsilon[1] * scales[NoisySprites], plain.epsilon[1] * scales[Sprites] / 4
    assert ours == pytest.approx(wanted, rel=0.1)
    kept = replace(noisy, epsilon=plain.epsilon, relaxation=plain.relaxation)
    assert kept == plain
