"""The small networks of papers on disentanglement: their sizes, values in range, gradients everywhere."""

import pytest
import torch
from torch import nn

from infot.errors import ConfigError
from infot.models.compact import CompactGenerator, CompactTrunk
from infot.models.critics import Critic


@pytest.fixture(autouse=True)
def seeded_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def n_weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_sizes_are_those_of_the_study() -> None:
    """Counted by hand from arXiv 1811.12359, table 1: ten codes, images of 64x64, one channel."""
    assert n_weights(CompactGenerator(10, 0, (1, 64, 64))) == sum(
        [
            10 * 256 + 256,
            256 * 1024 + 1024,
            64 * 64 * 16 + 64,
            64 * 32 * 16 + 32,
            32 * 32 * 16 + 32,
            32 * 16 + 1,
        ]
    )
    assert n_weights(CompactTrunk((1, 64, 64))) == sum(
        [32 * 16 + 32, 32 * 32 * 16 + 32, 32 * 64 * 16 + 64, 64 * 64 * 16 + 64, 1024 * 256 + 256]
    )


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 32, 48), (1, 64, 64)])
def test_images_are_drawn_and_judged(shape: tuple[int, ...]) -> None:
    images = CompactGenerator(3, 2, shape, width=8)(torch.eye(4, 3), torch.zeros(4, 2)).detach()
    assert images.shape == (4, *shape)
    assert float(images.min()) >= 0 and float(images.max()) <= 1
    assert CompactTrunk(shape, width=8)(images).shape == (4, 8)
    assert Critic(CompactTrunk(shape, width=8, pack=2))(images).shape == (2,)


@pytest.mark.parametrize("groups", [0, 8])
def test_samples_do_not_depend_on_their_batch_and_every_parameter_learns(groups: int) -> None:
    generator = CompactGenerator(3, 2, (1, 32, 32), width=8, groups=groups)
    noise = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    together = generator(torch.eye(3), noise)
    torch.testing.assert_close(together[:1], generator(torch.eye(3)[:1], noise[:1]), atol=1e-5, rtol=0)
    together.square().sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


def test_an_image_is_the_sigmoid_of_its_logits() -> None:
    generator = CompactGenerator(3, 0, (3, 16, 16), width=8)
    code, noise = torch.eye(3), torch.zeros(3, 0)
    torch.testing.assert_close(generator(code, noise), generator.logits(code, noise).sigmoid())


@pytest.mark.parametrize("shape", [(7,), (1, 28, 28), (0, 16, 16)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="multiples of 16, got shape"):
        CompactGenerator(3, 2, shape)
    with pytest.raises(ConfigError, match="multiples of 16, got shape"):
        CompactTrunk(shape)
