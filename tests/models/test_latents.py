import math

import pytest
import torch

from infot.errors import ConfigError
from infot.models.blocks import Categorical, Circle, Empty, Normal, Uniform
from infot.models.latents import LatentSpace

BLOCKS = [Categorical(5), Categorical(3, (0.5, 0.3, 0.2)), Uniform(2), Normal(3), Circle(4)]


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moments(block) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of each coordinate under the prior."""
    if isinstance(block, Categorical):
        p = block.probabilities()
        return p, p * (1 - p)
    variance = {Uniform: 1 / 3, Normal: 1.0, Circle: 0.5}[type(block)]
    return torch.zeros(block.dim), torch.full((block.dim,), variance)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_independent_draws_have_the_moments_of_the_prior(block):
    n = 20_000
    mean, variance = moments(block)
    drawn = block.sample(n, rng())
    assert drawn.shape == (n, block.dim)
    assert ((drawn.mean(0) - mean).abs() < 5 * (variance / n).sqrt()).all()
    kurtosis = (drawn - mean).pow(4).mean(0) - variance**2
    # the second term covers the square of the mean's own error, all there is for a fair coin
    assert ((drawn.var(0) - variance).abs() < 5 * (kurtosis / n).sqrt() + 25 * variance / n).all()


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_single_stratified_values_keep_the_prior(block):
    groups = 20_000
    mean, variance = moments(block)
    one = block.stratified(3, rng(), groups=groups)[:, 1]
    assert ((one.mean(0) - mean).abs() < 5 * (variance / groups).sqrt()).all()


def test_stratified_groups_fill_every_slice_of_every_coordinate():
    n = 16
    drawn = Uniform(2).stratified(n, rng(), groups=7)
    slices = ((drawn + 1) / 2 * n).floor().long()
    assert drawn.shape == (7, n, 2)
    assert (slices.sort(dim=1).values == torch.arange(n)[None, :, None]).all()
    assert (slices[0] != slices[1]).any()


def test_stratified_categories_come_in_their_exact_shares():
    counts = Categorical(4, (0.4, 0.3, 0.2, 0.1)).stratified(40, rng())[0].sum(0)
    assert (counts - torch.tensor([16.0, 12.0, 8.0, 4.0])).abs().max() <= 1


def test_code_values_list_the_product_of_the_blocks_with_its_prior():
    space = LatentSpace((Categorical(2, (0.25, 0.75)), Categorical(3)), Normal(1))
    values, weights = space.code_values(), space.code_weights()
    assert space.n_codes == 6
    assert values.shape == (6, 5)
    assert len({tuple(row) for row in values.tolist()}) == 6
    assert torch.allclose(weights, torch.tensor([0.25] * 3 + [0.75] * 3) / 3)
    assert math.isclose(float(weights.sum()), 1, abs_tol=1e-6)


def test_a_space_with_a_continuous_block_has_no_table():
    space = LatentSpace((Categorical(2), Uniform(1)), Normal(1))
    assert space.n_codes is None
    with pytest.raises(ConfigError, match="continuous block"):
        space.code_values()


def test_latents_of_a_space_have_the_widths_it_states():
    space = LatentSpace((Categorical(4), Uniform(2)), Normal(3))
    for latent in (space.sample(9, rng()), space.stratified(9, rng())):
        assert latent.code.shape == (9, space.code_dim) == (9, 6)
        assert latent.noise.shape == (9, space.noise_dim) == (9, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Categorical(1), "at least 2 values"),
        (lambda: Categorical(2, (0.5, 0.6)), "sum to 1"),
        (lambda: Categorical(2, (0.5,)), "2 positive numbers"),
        (lambda: Uniform(0), "uniform block"),
        (lambda: Normal(0), "normal block"),
        (lambda: LatentSpace((), Normal(1)), "code is empty"),
    ],
)
def test_impossible_latents_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_latent_can_be_all_code():
    space = LatentSpace((Normal(2),), Empty())
    code, noise = space.sample(5, rng())
    assert space.noise_dim == 0 and code.shape == (5, 2) and noise.shape == (5, 0)
    assert space.stratified(5, rng()).noise.shape == (5, 0)


def test_a_circle_of_one_sector_is_refused():
    with pytest.raises(ConfigError, match="a circle needs at least 2 sectors, got 1"):
        Circle(1)


def test_coordinates_tell_a_code_in_one_number_a_factor():
    space = LatentSpace((Categorical(3), Circle(4), Uniform(1), Normal(2)), Normal(1))
    angle = torch.tensor(2.5)
    code = torch.tensor([[0.2, 0.1, 0.7, 0.5 * angle.cos(), 0.5 * angle.sin(), -0.3, 1.0, 2.0]])
    torch.testing.assert_close(space.coordinates(code), torch.tensor([[2.0, 2.5, -0.3, 1.0, 2.0]]))


@pytest.mark.parametrize("block", [*BLOCKS, Empty()], ids=str)
def test_sweeps_go_along_each_coordinate_from_the_centre(block):
    sweeps = block.sweeps(9)
    assert sweeps.shape[0] == block.n_coordinates and sweeps.shape[2] == block.dim == len(block.centre())
    for j, sweep in enumerate(sweeps):
        told = block.coordinates(sweep)
        assert len(told[:, j].unique()) == len(sweep)
        others = [k for k in range(block.n_coordinates) if k != j]
        assert (told[:, others] == block.coordinates(block.centre()[None])[:, others]).all()
