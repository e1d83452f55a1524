"""Squares whose distance in pixels counts how many moved, and nothing else."""

import torch

from infot.data.factors import Squares

from .contract import FactorImagesContract, renderer


class TestSquares(FactorImagesContract):
    kind = Squares


def test_there_are_eight_to_the_sixth() -> None:
    squares = renderer(Squares)
    assert len(squares) == 8**6 == 262_144
    assert squares.factors.names == ("x_red", "y_red", "x_green", "y_green", "x_blue", "y_blue")


def test_distance_in_pixels_counts_the_squares_that_moved() -> None:
    squares, rng = renderer(Squares), torch.Generator().manual_seed(0)
    first, second = squares.sample(2000, rng), squares.sample(2000, rng)
    second = torch.where(torch.rand(2000, 6, generator=rng) < 0.5, first, second)
    distance = (squares.render(first) - squares.render(second)).square().sum((1, 2, 3))
    moved = (first != second).view(-1, 3, 2).any(2).sum(1)
    assert set(moved.tolist()) == {0, 1, 2, 3}
    assert torch.equal(distance, 128.0 * moved)


def test_every_move_of_a_square_costs_the_same() -> None:
    squares = renderer(Squares)
    factors = torch.full((64, 6), 3)
    factors[:, 2:4] = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    images = squares.render(factors).flatten(1)
    distances = (images[:, None] - images).square().sum(2)
    assert torch.equal(distances, 128 * (1 - torch.eye(64)))


def test_a_square_fills_its_cell_in_its_channel() -> None:
    image = renderer(Squares).render(torch.tensor([[0, 1, 7, 2, 3, 3]]))[0]
    for channel, (x, y) in enumerate([(0, 1), (7, 2), (3, 3)]):
        expected = torch.zeros(64, 64)
        expected[8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = 1
        assert torch.equal(image[channel], expected)
