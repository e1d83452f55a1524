"""Noise that is uniform, independent from pixel to pixel and image to image, and always the same."""

from math import sqrt

import pytest
import torch
from torch import Tensor

from infot.data.factors import NoisySprites, Sprites

from .contract import FactorImagesContract, renderer

ERRORS = 5.0  # allowed deviation in standard errors


class TestNoisySprites(FactorImagesContract):
    kind = NoisySprites


@pytest.fixture(scope="module")
def noise() -> Tensor:
    """Return a corner that no sprite reaches, of 960 images that follow each other, shape (960, 8, 8)."""
    images = renderer(NoisySprites)
    numbers = torch.arange(960) + images.factors.index_of(torch.tensor([[1, 0, 3, 0, 0]]))
    factors = images.factors.at(numbers)
    assert (factors[:, 1] == 0).all()  # the smallest: from pixel 47 it reaches 8 further
    return images.render(factors)[:, 0, -8:, -8:].double()


def test_noise_has_the_moments_of_the_uniform_law(noise: Tensor) -> None:
    n = noise.numel()
    assert noise.min() >= 0 and noise.max() < 1
    for power in (1, 2, 3, 4):
        mean, spread = 1 / (power + 1), sqrt(1 / (2 * power + 1) - 1 / (power + 1) ** 2)
        assert abs(noise.pow(power).mean() - mean) < ERRORS * spread / sqrt(n)


def test_noise_has_a_flat_histogram(noise: Tensor) -> None:
    counts = torch.histc(noise.flatten(), 256, 0, 1)
    expected = noise.numel() / 256
    assert ((counts - expected).square() / expected).sum() < 255 + ERRORS * sqrt(2 * 255)


@pytest.mark.parametrize("shift", [(0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (2, 0, 0), (32, 0, 0)])
def test_noise_of_neighbours_is_uncorrelated(noise: Tensor, shift: tuple[int, int, int]) -> None:
    centred = noise - 0.5
    correlation = 12 * (centred * centred.roll(shift, (0, 1, 2))).mean()
    assert abs(correlation) < ERRORS / sqrt(noise.numel())


def test_the_sprite_covers_its_noise() -> None:
    images, sprites = renderer(NoisySprites), renderer(Sprites)
    factors = images.sample(200, torch.Generator().manual_seed(0))
    grey, noisy = sprites.render(factors), images.render(factors)
    assert (noisy[grey == 1] == 1).all()
    background = noisy[grey == 0].double()
    assert abs(background.mean() - 0.5) < ERRORS / sqrt(12 * len(background))
    assert (noisy >= grey).all()
