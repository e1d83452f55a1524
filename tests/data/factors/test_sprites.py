"""Sprites against closed forms: areas, centroids, moments, symmetries, and a count of many points in each pixel."""

from math import pi, sqrt

import pytest
import torch
from torch import Tensor

from infot.data.factors import FactorImages, Sprites
from infot.data.factors.sprites import ANGLES, SCALES

from .contract import FactorImagesContract, renderer

SQUARE, ELLIPSE, HEART = range(3)
AREA = 441.0


@pytest.fixture
def sprites() -> FactorImages:
    return renderer(Sprites)


def every_shape(sprites: FactorImages, x: int = 16, y: int = 16) -> Tensor:
    """Return all shapes, scales and rotations in one place, shape (3, 6, 40, 64, 64)."""
    sizes = sprites.factors.sizes[:3]
    every = torch.cartesian_prod(*[torch.arange(size) for size in sizes])
    place = torch.tensor([[x, y]]).expand(len(every), 2)
    return sprites.render(torch.cat([every, place], 1)).view(*sizes, 64, 64).double()


def centroid(images: Tensor) -> Tensor:
    """Return the mean pixel (x, y) of images (..., 64, 64) weighted by brightness."""
    line, mass = torch.arange(64).double(), images.sum((-2, -1))
    return (
        torch.stack([(images.sum(-2) * line).sum(-1), (images.sum(-1) * line).sum(-1)], -1) / mass[..., None]
    )


class TestSprites(FactorImagesContract):
    kind = Sprites
    ambiguous = ("rotation",)


def test_there_are_as_many_as_in_dsprites(sprites: FactorImages) -> None:
    assert sprites.factors.names == ("shape", "scale", "rotation", "x", "y")
    assert sprites.factors.sizes == (3, 6, 40, 32, 32) and len(sprites) == 737_280


def test_areas_are_those_of_the_shapes(sprites: FactorImages) -> None:
    areas = every_shape(sprites).sum((-2, -1))
    truth = AREA * torch.tensor(SCALES).double().square()
    torch.testing.assert_close(areas, truth[:, None].expand(3, 6, ANGLES), rtol=1.2e-3, atol=0)


def test_shapes_turn_around_their_centroid_and_never_reach_the_border(sprites: FactorImages) -> None:
    for x, y in ((0, 0), (31, 0), (5, 31)):
        images = every_shape(sprites, x, y)
        place = torch.tensor([16.0 + x, 16.0 + y]).double()
        assert (centroid(images) - place).abs().max() < 0.005
        inner = images[..., 1:-1, 1:-1]
        assert torch.equal(inner.sum((-2, -1)), images.sum((-2, -1)))


def test_a_step_of_x_or_y_moves_the_image_by_one_pixel(sprites: FactorImages) -> None:
    image = every_shape(sprites, 10, 20)
    assert torch.equal(every_shape(sprites, 13, 20), image.roll(3, -1))
    assert torch.equal(every_shape(sprites, 10, 24), image.roll(4, -2))


@pytest.mark.parametrize(("shape", "period"), [(SQUARE, 10), (ELLIPSE, 20), (HEART, 40)])
def test_a_shape_looks_the_same_after_its_period_and_not_before(
    sprites: FactorImages, shape: int, period: int
) -> None:
    images = every_shape(sprites)[shape]
    assert torch.equal(images.roll(-period, 1), images)
    for shift in range(1, period):
        assert ((images.roll(-shift, 1) - images).abs().amax((-2, -1)) > 0.05).all()


def test_a_quarter_turn_of_the_factor_is_a_quarter_turn_of_the_picture(sprites: FactorImages) -> None:
    images = every_shape(sprites)[..., 1:, 1:]  # pixel 32, where the centroid lies, becomes the middle of 63
    turned = images.roll(-10, 2)
    torch.testing.assert_close(turned, images.rot90(1, (-2, -1)), rtol=0, atol=2e-5)


def test_mirror_images_turn_the_other_way(sprites: FactorImages) -> None:
    images = every_shape(sprites)[..., 1:, 1:]
    backwards = images.flip(2).roll(1, 2)
    torch.testing.assert_close(images.flip(-1), backwards, rtol=0, atol=2e-5)


def test_the_long_axis_of_the_ellipse_lies_along_x_and_turns_counter_clockwise(sprites: FactorImages) -> None:
    images = every_shape(sprites)[ELLIPSE, 5]
    x = torch.arange(64).double() - 32
    up = -x
    mass = images.sum((-2, -1))
    xx, yy = (images.sum(-2) * x**2).sum(-1) / mass, (images.sum(-1) * up**2).sum(-1) / mass
    xy = (images * up[:, None] * x).sum((-2, -1)) / mass
    angle = torch.atan2(2 * xy, xx - yy) / 2
    truth = 2 * pi * torch.arange(ANGLES).double() / ANGLES
    assert torch.sin(angle - truth).abs().max() < 2e-3
    # half axes a, b have second moments a²/4, b²/4, and a pixel adds 1/12
    a, b = 1.5 * sqrt(AREA / (1.5 * pi)), sqrt(AREA / (1.5 * pi))
    torch.testing.assert_close(xx[0], torch.tensor(a**2 / 4 + 1 / 12).double(), rtol=2e-3, atol=0)
    torch.testing.assert_close(yy[0], torch.tensor(b**2 / 4 + 1 / 12).double(), rtol=2e-3, atol=0)


def test_the_heart_stands_on_its_tip(sprites: FactorImages) -> None:
    rows = every_shape(sprites)[HEART, 5, 0].sum(-1)
    widest = int(rows.argmax())
    occupied = rows.nonzero().flatten()
    assert widest - occupied[0] < occupied[-1] - widest


@pytest.mark.parametrize("rotation", [0, 3, 5, 17])
@pytest.mark.parametrize("scale", [0, 5])
@pytest.mark.parametrize("shape", [SQUARE, ELLIPSE, HEART])
def test_coverage_agrees_with_points_counted_inside(
    sprites: FactorImages, shape: int, scale: int, rotation: int
) -> None:
    count = 64
    line = (torch.arange(31 * count).double() + 0.5) / count - 15.5
    x, up, angle = line, -line[:, None], torch.tensor(2 * pi * rotation / ANGLES).double()
    along = (angle.cos() * x + angle.sin() * up) / SCALES[scale]
    across = (angle.cos() * up - angle.sin() * x) / SCALES[scale]
    inside = (in_square, in_ellipse, in_heart)[shape](along, across)
    counted = inside.double().view(31, count, 31, count).mean((1, 3))
    image = every_shape(sprites)[shape, scale, rotation, 17:48, 17:48]
    assert (
        image - counted
    ).abs().max() < 0.016 + 0.005  # the count is off by half a row of points at each edge


def in_square(x: Tensor, y: Tensor) -> Tensor:
    return (x.abs() < 10.5) & (y.abs() < 10.5)


def in_ellipse(x: Tensor, y: Tensor) -> Tensor:
    return (x / 1.5).square() + y.square() < AREA / (1.5 * pi)


def in_heart(x: Tensor, y: Tensor) -> Tensor:
    """Build the heart around its lower tip from a square in its own axes and a disc on either upper side."""
    side = sqrt(AREA / (1 + pi / 4))
    # height of the centroid over the tip: square and half discs weighted by their areas
    half_disc = side / sqrt(2) + side * (0.5 + 2 / (3 * pi)) / sqrt(2)
    height = (side / sqrt(2) + pi / 4 * half_disc) / (1 + pi / 4)
    u, v = (x + y + height) / sqrt(2), (y + height - x) / sqrt(2)  # along the two sides that meet in the tip
    square = (u > 0) & (v > 0) & (u < side) & (v < side)
    discs = [(u - a * side).square() + (v - b * side).square() < side**2 / 4 for a, b in ((1, 0.5), (0.5, 1))]
    return square | discs[0] | discs[1]
