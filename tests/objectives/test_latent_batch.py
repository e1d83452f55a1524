import torch

from infot import ot
from infot.models.blocks import Categorical, Normal, Uniform
from infot.models.latents import LatentSpace
from infot.objectives.latent_batch import LatentGrid


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_categorical_code_is_listed_in_full_with_its_prior():
    grid = LatentGrid(LatentSpace((Categorical(3, (0.5, 0.3, 0.2)),), Normal(2)), 4, codes_per_batch=9)
    batch = grid.draw(rng())
    assert batch.blocks == ot.Blocks(code=(3, 4))
    assert torch.equal(batch.latent.code, torch.eye(3).repeat_interleave(4, 0))
    assert batch.latent.noise.shape == (12, 2)
    assert torch.allclose(batch.code_weights, torch.tensor([0.5, 0.3, 0.2]))
    assert torch.allclose(batch.row_weights(batch.code_weights).view(3, 4).sum(1), batch.code_weights)


def test_noise_is_stratified_within_each_code():
    noise = LatentGrid(LatentSpace((Categorical(3),), Uniform(1)), 5, 2).draw(rng()).latent.noise.view(3, 5)
    slices = ((noise + 1) / 2 * 5).floor().long()
    assert (slices.sort(1).values == torch.arange(5)).all()


def test_a_continuous_code_is_drawn_and_shared_by_its_noise_draws():
    grid = LatentGrid(LatentSpace((Categorical(2), Uniform(1)), Normal(1)), 3, codes_per_batch=7)
    batch = grid.draw(rng())
    codes = batch.latent.code.view(7, 3, 3)
    assert batch.blocks == ot.Blocks(code=(7, 3))
    assert (codes == codes[:, :1]).all()
    assert len(codes[:, 0, 2].unique()) == 7


def test_ordered_blocks_are_nested_with_fresh_draws_under_each_value():
    grid = LatentGrid(LatentSpace((Normal(1), Normal(1)), Normal(1)), 2, codes_per_batch=3, ordered=True)
    batch = grid.draw(rng())
    codes = batch.latent.code.view(3, 3, 2, 2)
    assert batch.blocks == ot.Blocks(code=(3, 3, 2))
    assert (codes[..., 0] == codes[:, :1, :1, 0]).all()
    assert (codes[..., 1] == codes[:, :, :1, 1]).all()
    assert len(codes[..., 1].unique()) == 9
    assert float(batch.code_weights.sum()) == 1
