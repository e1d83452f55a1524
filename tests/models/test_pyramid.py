"""The pyramid of blurs: against the sum over pixels that defines it, and what it says of things that moved."""

import pytest
import torch

from infot.errors import ConfigError
from infot.models.pyramid import BlurPyramid, PyramidEye, blur_widths

SAMPLED = 1e-3  # ten times the error of sampling a Gaussian at steps of its width


def squares(*places: tuple[int, int], side: int = 16, size: int = 3) -> torch.Tensor:
    images = torch.zeros(len(places), 1, side, side)
    for image, (row, column) in zip(images, places, strict=True):
        image[0, row : row + size, column : column + size] = 1.0
    return images


def by_definition(x: torch.Tensor, y: torch.Tensor, width: float) -> float:
    """Return the double sum over the pixels of one image (channels, height, width)."""
    rows, columns = torch.meshgrid(
        torch.arange(float(x.shape[1])), torch.arange(float(x.shape[2])), indexing="ij"
    )
    pixels = torch.stack([rows.flatten(), columns.flatten()], dim=1).double()
    kernel = torch.exp(-torch.cdist(pixels, pixels).square() / (4 * width**2))
    away = (x - y).flatten(1).double()
    return float((away @ kernel * away).sum())


@pytest.mark.parametrize("width", [1.0, 2.5, 8.0, 40.0])
def test_a_level_is_the_double_sum_over_pixels(width):
    x, y = torch.rand(2, 2, 9, 12, generator=torch.Generator().manual_seed(0)).sub(0.5)
    pyramid = BlurPyramid(x.shape, (width,))
    there, here = pyramid.level(torch.stack([x, y]), 0).double()
    assert float((there - here).square().sum()) == pytest.approx(by_definition(x, y, width), rel=SAMPLED)


def test_without_blur_the_cost_is_that_of_pixels():
    x = torch.rand(4, 3, 8, 8)
    pyramid = BlurPyramid(x.shape[1:], (2.0, 0.0))
    assert torch.equal(pyramid(x, torch.tensor([[0.0], [1.0]])), x.flatten(1))


def test_the_cost_grows_with_the_way_where_that_of_pixels_is_flat():
    images = squares(*[(6, column) for column in range(13)])
    pyramid = BlurPyramid((1, 16, 16), (4.0, 0.0))
    blurred, sharp = (
        (seen - seen[:1]).square().sum((1, 2))
        for seen in (pyramid.level(images, 0), pyramid.level(images, 1))
    )
    assert bool((blurred.diff() > 0).all())
    assert sharp[3:].tolist() == [18.0] * 10


def test_the_cost_is_the_same_in_every_corner():
    pyramid = BlurPyramid((1, 16, 16), (3.0,))
    in_corner, inside = (pyramid.level(squares((row, row), (row, row + 4)), 0) for row in (0, 6))
    costs = [float((seen[0] - seen[1]).square().sum()) for seen in (in_corner, inside)]
    assert costs[0] == pytest.approx(costs[1], rel=SAMPLED)


def test_pairs_of_data_are_equally_far_apart_at_every_width():
    data = squares(*[(row, column) for row in range(0, 14, 2) for column in range(14)])
    pyramid = BlurPyramid((1, 16, 16), (8.0, 2.0, 0.0))
    pyramid.normalise(data)
    for weights in torch.eye(3), torch.tensor([[0.2, 0.3, 0.5]]):
        for weight in weights:
            seen = pyramid(data, weight.unsqueeze(1))
            mean = torch.cdist(seen, seen).square().mean()
            pixels = torch.cdist(data.flatten(1), data.flatten(1)).square().mean()
            torch.testing.assert_close(mean, pixels, rtol=1e-4, atol=0)
    assert float(pyramid.gains[-1, 0]) == 1.0


def test_weights_blend_the_costs():
    data, weights = torch.rand(2, 1, 8, 8), torch.tensor([[0.3], [0.7]])
    pyramid = BlurPyramid((1, 8, 8), (2.0, 0.0))
    pyramid.gains.copy_(torch.tensor([[0.5], [1.0]]))
    seen = PyramidEye(pyramid, weights)(data)
    by_level = [(pyramid.level(data, i)[0] - pyramid.level(data, i)[1]).square().sum() for i in (0, 1)]
    expected = 0.3 * 0.5 * by_level[0] + 0.7 * by_level[1]
    torch.testing.assert_close((seen[0] - seen[1]).square().sum(), expected)


def test_what_is_unexplained_runs_from_the_mean_to_the_data_themselves():
    rng = torch.Generator().manual_seed(0)
    data, weights = torch.rand(64, 1, 8, 8, generator=rng), torch.full((64,), 1 / 64)
    pyramid = BlurPyramid((1, 8, 8), (2.0, 0.0))
    pyramid.normalise(data)
    mean = data.mean(0, keepdim=True)
    for known, left in ((0.0, 1.0), (0.5, 0.25), (1.0, 0.0)):
        drawn = mean + known * (data - mean)
        shares = pyramid.unexplained(drawn, data, weights)
        torch.testing.assert_close(shares, torch.full((2, 1), left), rtol=1e-4, atol=1e-6)


def test_each_channel_is_seen_at_weights_of_its_own():
    data = torch.rand(16, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    pyramid = BlurPyramid((2, 8, 8), (2.0, 0.0))
    pyramid.normalise(data)
    seen = pyramid(data, torch.tensor([[1.0, 0.25], [0.0, 0.75]]))
    paid = torch.cdist(seen, seen).square()
    by_channel = [
        pyramid.gains[level, channel] * torch.cdist(places, places).square()
        for level, channel in ((0, 0), (0, 1), (1, 1))
        for places in [pyramid.level(data, level)[:, channel]]
    ]
    expected = by_channel[0] + 0.25 * by_channel[1] + 0.75 * by_channel[2]
    torch.testing.assert_close(paid, expected, rtol=1e-4, atol=1e-4)
    pixels = torch.cdist(data.flatten(1), data.flatten(1)).square()
    torch.testing.assert_close(paid.mean(), pixels.mean(), rtol=1e-4, atol=0)


def test_a_channel_that_never_changes_is_explained_from_the_start():
    data = torch.rand(16, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    data[:, 1] = 0.5
    pyramid = BlurPyramid((2, 8, 8), (2.0, 0.0))
    pyramid.normalise(data)
    mean, weights = data.mean(0, keepdim=True), torch.full((16,), 1 / 16)
    expected = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    torch.testing.assert_close(pyramid.unexplained(mean, data, weights), expected)


def test_gradients_agree_with_finite_differences():
    rng = torch.Generator().manual_seed(0)
    pyramid = BlurPyramid((1, 8, 8), (2.0, 1.0, 0.0)).double()
    eye = PyramidEye(pyramid, torch.tensor([[0.5], [0.3], [0.2]], dtype=torch.float64))
    target = eye(torch.rand(1, 1, 8, 8, generator=rng, dtype=torch.float64))
    start = torch.rand(1, 1, 8, 8, generator=rng, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: (eye(x) - target).square().sum(), start)


def test_a_pyramid_survives_saving():
    pyramid, other = (BlurPyramid((1, 8, 8), (2.0, 0.0)) for _ in range(2))
    pyramid.normalise(torch.rand(16, 1, 8, 8))
    other.load_state_dict(pyramid.state_dict())
    assert set(pyramid.state_dict()) == {"gains", "spread"}
    assert torch.equal(other.gains, pyramid.gains)


def test_vectors_and_blurs_of_no_width_are_refused():
    with pytest.raises(
        ConfigError, match=r"sees images \(channels, height, width\), got data of shape \(7,\)"
    ):
        blur_widths((7,), 0.25)
    with pytest.raises(ConfigError, match="must be positive, got 0"):
        blur_widths((1, 8, 8), 0.0)
