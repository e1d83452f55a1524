import pytest
import torch

from infot.errors import ConfigError
from infot.models.critics import Critic, FeatureCritic, RecognitionCritic, Trunk

SHAPES = [(2,), (1, 8, 8), (3, 9, 14), (1, 28, 28), (3, 32, 32), (1, 64, 64), (3, 64, 64)]
BODY = {"width": 8, "depth": 2}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_data_is_judged(shape: tuple[int, ...]) -> None:
    x = torch.rand(4, *shape)
    assert Critic(Trunk(shape, **BODY))(x).shape == (4,)
    assert Critic(Trunk(shape, pack=2, **BODY))(x).shape == (2,)
    assert FeatureCritic(Trunk(shape, **BODY), features=5)(x).shape == (4, 5)
    judged = RecognitionCritic(Trunk(shape, **BODY), code_dim=6)(x)
    assert (judged.logit.shape, judged.code.shape) == ((4,), (4, 6))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_datum_is_judged_by_itself(shape: tuple[int, ...]) -> None:
    critic, x = Critic(Trunk(shape, **BODY)), torch.rand(4, *shape)
    torch.testing.assert_close(critic(x)[1:2], critic(x[1:2]))


@pytest.mark.parametrize("shape", [(2,), (3, 8, 8)])
def test_data_are_brought_to_unit_scale(shape: tuple[int, ...]) -> None:
    x, centre = torch.rand(4, *shape), torch.rand(shape)
    plain = Trunk(shape, **BODY)
    scaled = Trunk(shape, **BODY, centre=centre, spread=5.0)
    scaled.layers = plain.layers
    torch.testing.assert_close(scaled(5 * x + centre), plain(x), rtol=1e-4, atol=1e-5)


def test_what_is_neither_image_nor_vector_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"images \(channels, height, width\) or vectors \(d,\), got \(4, 4\)"
    ):
        Trunk((4, 4), **BODY)
