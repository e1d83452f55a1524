import pytest
import torch

from infot.config import ModelConfig
from infot.models.generators import LinearGenerator, MLPGenerator

SHAPES = [(2,), (1, 4, 4)]


def make(kind: str, shape: tuple[int, ...]) -> torch.nn.Module:
    torch.manual_seed(0)
    if kind == "linear":
        return LinearGenerator(3, 2, shape)
    return MLPGenerator(
        3,
        2,
        shape,
        width=8,
        depth=2,
        noise_gain=0.1,
        normalised=kind == "normalised mlp",
        centre=torch.full(shape, 5.0),
        spread=0.1,
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["linear", "mlp", "normalised mlp"])
def test_shape_and_a_gradient_on_every_parameter(kind, shape):
    generator = make(kind, shape)
    out = generator(torch.randn(6, 3), torch.randn(6, 2))
    out.square().sum().backward()
    assert out.shape == (6, *shape)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in generator.parameters())


def test_linear_generator_is_affine():
    generator = make("linear", (2,))
    c, e = torch.randn(5, 3), torch.randn(5, 2)
    zero = generator(torch.zeros(1, 3), torch.zeros(1, 2))
    assert torch.allclose(generator(2 * c, 2 * e) - zero, 2 * (generator(c, e) - zero), atol=1e-5)


def test_mlp_generator_works_in_the_units_of_the_data():
    out = make("mlp", (2,))(torch.randn(500, 3), torch.randn(500, 2))
    assert (out - 5.0).abs().max() < 0.5


def test_state_round_trip_carries_the_units():
    first, second = make("mlp", (2,)), MLPGenerator(3, 2, (2,), width=8, depth=2, noise_gain=0.1)
    second.load_state_dict(first.state_dict())
    c, e = torch.randn(4, 3), torch.randn(4, 2)
    assert torch.equal(first(c, e), second(c, e))


def test_weights_that_have_grown_change_nothing_where_hidden_units_are_normalised():
    generator = make("normalised mlp", (2,)).double()
    assert isinstance(generator, MLPGenerator)
    code, noise = torch.eye(3).double(), torch.randn(3, 2).double()
    before = generator(code, noise)
    with torch.no_grad():
        for layer in generator.layers.layers[:-1]:
            if isinstance(layer, torch.nn.Linear):
                for parameter in layer.parameters():
                    parameter *= 1000
    torch.testing.assert_close(generator(code, noise), before, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("normalised", [False, True])
def test_mlp_generator_starts_close_to_affine_in_the_noise(normalised: bool):
    # A map that starts folded stays folded: transport cannot tell the leaves apart.
    torch.manual_seed(0)
    gain = ModelConfig().noise_gain
    generator = MLPGenerator(3, 2, (2,), width=128, depth=3, noise_gain=gain, normalised=normalised).double()
    code, noise = torch.eye(3).double()[:1].expand(500, 3), torch.randn(500, 2).double()
    points = generator(code, noise).detach()
    affine = torch.cat([noise, torch.ones(500, 1).double()], dim=1)
    residual = points - affine @ torch.linalg.lstsq(affine, points).solution
    assert residual.var(dim=0).sum() / points.var(dim=0).sum() < 0.01
