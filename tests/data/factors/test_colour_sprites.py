"""Sprites in colour, and the colour wheel against the standard library's."""

import colorsys

import pytest
import torch

from infot.data.factors import ColourSprites, Sprites
from infot.data.factors.hues import hues

from .contract import FactorImagesContract, renderer


class TestColourSprites(FactorImagesContract):
    kind = ColourSprites
    ambiguous = ("rotation",)


@pytest.mark.parametrize("n", [1, 6, 24])
def test_hues_are_those_of_the_colour_wheel(n: int) -> None:
    expected = torch.tensor([colorsys.hsv_to_rgb(i / n, 1.0, 1.0) for i in range(n)])
    torch.testing.assert_close(hues(n), expected)


def test_colours_are_the_primary_and_secondary_ones() -> None:
    assert hues(6).tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]]


def test_a_colour_sprite_is_a_sprite_times_its_colour() -> None:
    images, sprites = renderer(ColourSprites), renderer(Sprites)
    factors = images.sample(30, torch.Generator().manual_seed(0))
    assert images.factors.names[1:] == sprites.factors.names
    grey = sprites.render(factors[:, 1:])
    expected = grey * hues(6)[factors[:, 0]][:, :, None, None]
    assert torch.equal(images.render(factors), expected)
    assert torch.equal(images.render(factors).amax(1, keepdim=True), grey)
