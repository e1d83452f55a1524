"""The convolutional generator: any image size, values in range, gradients everywhere."""

import pytest
import torch

from infot.errors import ConfigError
from infot.models.convolutional import ConvolutionalGenerator


@pytest.fixture(autouse=True)
def seeded_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize(
    "shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 9, 21), (1, 64, 64), (3, 64, 64), (1, 100, 64)]
)
def test_makes_images_of_any_size(shape):
    generator = ConvolutionalGenerator(3, 2, shape, width=4)
    images = generator(torch.eye(3), torch.zeros(3, 2)).detach()
    assert images.shape == (3, *shape)
    assert float(images.min()) >= 0 and float(images.max()) <= 1


def test_needs_no_noise():
    assert ConvolutionalGenerator(3, 0, (1, 8, 8), width=4)(torch.eye(3), torch.zeros(3, 0)).shape == (
        3,
        1,
        8,
        8,
    )


def test_an_image_is_the_sigmoid_of_its_logits():
    generator = ConvolutionalGenerator(3, 2, (3, 64, 64), width=4)
    latent = torch.eye(3), torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(generator(*latent), generator.logits(*latent).sigmoid())


def test_code_and_noise_both_matter():
    generator = ConvolutionalGenerator(2, 2, (1, 12, 12), width=8)
    codes, noise = torch.eye(2), torch.randn(2, 2, generator=torch.Generator().manual_seed(0))
    images = generator(codes, noise)
    assert not torch.allclose(images, generator(codes.flip(0), noise), atol=1e-5)
    assert not torch.allclose(images, generator(codes, noise.flip(0)), atol=1e-5)


def test_samples_do_not_depend_on_their_batch():
    generator = ConvolutionalGenerator(2, 2, (1, 12, 12), width=8)
    noise = torch.randn(2, 2, generator=torch.Generator().manual_seed(0))
    together = generator(torch.eye(2), noise)
    torch.testing.assert_close(together[:1], generator(torch.eye(2)[:1], noise[:1]), atol=1e-5, rtol=0)


def test_gradients_reach_every_parameter():
    generator = ConvolutionalGenerator(3, 2, (3, 28, 20), width=6)
    noise = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    generator(torch.eye(3), noise).square().sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


@pytest.mark.parametrize("shape", [(7,), (1, 28, 7), (0, 8, 8)])
def test_shapes_that_are_no_images_are_refused(shape):
    with pytest.raises(ConfigError, match="at least 8 pixels a side"):
        ConvolutionalGenerator(3, 2, shape)
