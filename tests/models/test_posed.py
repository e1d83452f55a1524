"""The posed generator: what categories draw, moved by what the continuous code learns to do."""

import math

import pytest
import torch

from infot.models.deformable import PARAMETER_GAIN
from infot.models.posed import PosedGenerator


@pytest.fixture(autouse=True)
def seeded_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _rest(n_categories, angles=1, numbers=2):
    """Codes that leave every canvas as it is."""
    turn = torch.tensor([[1.0, 0.0] * angles + [0.0] * numbers])
    return torch.cat([torch.eye(n_categories), turn.repeat(n_categories, 1)], dim=1)


@pytest.mark.parametrize(
    ("categories", "angles", "numbers", "noise", "shape"),
    [(3, 1, 3, 0, (1, 16, 16)), (2, 0, 2, 3, (3, 12, 20)), (4, 0, 0, 0, (1, 8, 8)), (2, 2, 0, 1, (1, 9, 8))],
)
def test_makes_images_from_any_mix_of_codes(categories, angles, numbers, noise, shape):
    generator = PosedGenerator(categories, angles, numbers, noise, shape, width=4)
    images = generator(_rest(categories, angles, numbers), torch.zeros(categories, noise)).detach()
    assert images.shape == (categories, *shape)
    assert float(images.min()) >= 0 and float(images.max()) <= 1


def test_draws_without_categories():
    generator = PosedGenerator(0, 0, 2, 0, (1, 8, 8), width=4)
    images = generator(torch.tensor([[0.0, 0.0], [0.5, 0.5]]), torch.zeros(2, 0)).detach()
    assert not torch.allclose(images[0], images[1], atol=1e-5)


def test_canvases_start_at_the_mean_of_the_data():
    data = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    generator = PosedGenerator(2, 0, 2, 0, (1, 8, 8), width=4)
    generator.initialise(data)
    torch.nn.init.zeros_(generator.canvas.paint.weight)
    torch.nn.init.zeros_(generator.canvas.paint.bias)
    images = generator(_rest(2, angles=0), torch.zeros(2, 0)).detach()
    torch.testing.assert_close(images, data.mean(0).expand_as(images), atol=1e-5, rtol=0)


def test_an_angle_turns_counter_clockwise_as_images_are_shown():
    generator = PosedGenerator(2, 1, 0, 0, (1, 12, 12), width=4)
    still, turned = _rest(2, numbers=0), _rest(2, numbers=0)
    turned[:, 2:] = torch.tensor([0.0, 1.0])
    noise = torch.zeros(2, 0)
    torch.testing.assert_close(
        generator(turned, noise), generator(still, noise).rot90(1, dims=(2, 3)), atol=1e-5, rtol=0
    )


def test_turns_add_up():
    generator = PosedGenerator(1, 2, 0, 0, (1, 12, 12), width=4)
    thirds = [math.cos(math.pi / 6), math.sin(math.pi / 6), math.cos(math.pi / 3), math.sin(math.pi / 3)]
    quarter = [0.0, 1.0, 1.0, 0.0]
    one, other = generator(torch.tensor([[1.0, *thirds], [1.0, *quarter]]), torch.zeros(2, 0)).detach()
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_a_number_moves_what_it_has_learned_to_move():
    generator = PosedGenerator(2, 0, 1, 0, (1, 12, 12), width=4)
    with torch.no_grad():
        generator.maps.zero_()
        generator.shifts.copy_(torch.tensor([[2 / 12], [0.0]]) / PARAMETER_GAIN)  # one pixel to the right
    codes = torch.cat([torch.eye(2).repeat(2, 1), torch.tensor([[0.0], [0.0], [3.0], [3.0]])], dim=1)
    still, moved = generator(codes, torch.zeros(4, 0)).detach().chunk(2)
    torch.testing.assert_close(moved[..., 3:], still[..., :-3], atol=1e-5, rtol=0)


def test_images_of_one_canvas_do_not_depend_on_their_batch():
    generator = PosedGenerator(3, 1, 2, 0, (1, 12, 12), width=8)
    codes = torch.cat([_rest(3), _rest(3).flip(0)])
    codes[:, 3:] += 0.1 * torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    together = generator(codes, torch.zeros(6, 0))
    for code, image in zip(codes, together, strict=True):
        torch.testing.assert_close(generator(code[None], torch.zeros(1, 0))[0], image, atol=1e-5, rtol=0)


@pytest.mark.parametrize("noise_dim", [0, 2])
def test_gradients_reach_every_parameter_the_code_and_the_noise(noise_dim):
    generator = PosedGenerator(3, 1, 2, noise_dim, (1, 12, 12), width=8)
    posing = 0.1 * torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    posing.requires_grad_()
    noise = torch.zeros(3, noise_dim, requires_grad=True)
    generator(torch.cat([torch.eye(3), posing], dim=1), noise).square().sum().backward()
    parts = [*generator.parameters(), posing] + [noise] * (noise_dim > 0)
    assert all(part.grad is not None and float(part.grad.abs().sum()) > 0 for part in parts)
