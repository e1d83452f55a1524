"""One square: its place, size and colour."""

import torch

from infot.data.factors import XYObject
from infot.data.factors.hues import hues

from .contract import FactorImagesContract, renderer


class TestXYObject(FactorImagesContract):
    kind = XYObject


def test_factors_are_those_of_disent() -> None:
    assert XYObject.factors.names == ("x", "y", "scale", "colour")
    assert len(renderer(XYObject)) == 25 * 25 * 5 * 24


def test_the_square_has_its_place_size_and_colour() -> None:
    images = renderer(XYObject)
    factors = images.sample(200, torch.Generator().manual_seed(0))
    factors = torch.cat([factors, torch.tensor([[0, 0, 4, 0], [24, 24, 4, 23]])])
    for image, (x, y, scale, colour) in zip(images.render(factors), factors.tolist(), strict=True):
        left, top, side = 7 + 2 * x - 3 - scale, 7 + 2 * y - 3 - scale, 7 + 2 * scale
        assert left >= 0 and top >= 0 and left + side <= 64 and top + side <= 64
        expected = torch.zeros(3, 64, 64)
        expected[:, top : top + side, left : left + side] = hues(24)[colour][:, None, None]
        assert torch.equal(image, expected)
