"""The classifier that reads factors: how well it reads, that it repeats itself, and how it is kept."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from infot.data.factors import FactorImages, FactorSpace
from infot.errors import CacheWarning
from infot.evaluation.judges import FactorRecipe, find_factor_judge, train_factor_judge
from infot.evaluation.judges import factors as module

QUICK = FactorRecipe(width=16, steps=200)


class Bars(FactorImages):
    """A bright row and a bright column of large pixels: the factors are their places."""

    factors = FactorSpace(("row", "column"), (4, 5))
    shape = (2, 64, 64)

    def _draw(self, factors: Tensor) -> Tensor:
        images = torch.zeros(len(factors), *self.shape)
        for image, (row, column) in zip(images, factors.tolist(), strict=True):
            image[0, 16 * row : 16 * row + 16] = 1
            image[1, :, 12 * column : 12 * column + 12] = 1
        return images


class Wide(Bars):
    """The same bars in images of another brightness."""

    def _draw(self, factors: Tensor) -> Tensor:
        return super()._draw(factors) / 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFOT_CACHE", str(tmp_path))
    return tmp_path / "judges"


def weights(judge: module.FactorJudge) -> Tensor:
    return torch.cat([value.flatten().double() for value in judge.network.state_dict().values()])


def test_it_reads_the_factors_of_images_it_has_not_seen() -> None:
    factors = Bars.factors.at(torch.arange(20))
    assert torch.equal(train_factor_judge(Bars(), QUICK).read(Bars().render(factors)), factors)


def test_large_images_are_averaged_down() -> None:
    judge = train_factor_judge(Bars(), replace(QUICK, steps=1))
    assert judge.network.pool == 2 and judge.network.trunk.centre.shape == (2, 32, 32)
    image = Bars().render(torch.zeros(1, 2, dtype=torch.int64))
    checkered = image + torch.tensor([[0.25, -0.25], [-0.25, 0.25]]).repeat(
        32, 32
    )  # the same after averaging
    assert all(
        torch.allclose(a, b, atol=1e-5)
        for a, b in zip(judge.network(image), judge.network(checkered), strict=True)
    )


def test_training_repeats_itself_and_leaves_the_generator_of_torch_alone() -> None:
    recipe = replace(QUICK, steps=5)
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = train_factor_judge(Bars(), recipe)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(weights(train_factor_judge(Bars(), recipe)), weights(first))
    assert not torch.equal(weights(train_factor_judge(Bars(), replace(recipe, seed=1))), weights(first))


def test_it_is_trained_once_for_its_recipe_and_its_images(folder, monkeypatch) -> None:
    recipe, trained = replace(QUICK, steps=3), []

    def counted(images: FactorImages, recipe: FactorRecipe) -> module.FactorJudge:
        trained.append(type(images).__name__)
        return train_factor_judge(images, recipe)

    monkeypatch.setattr(module, "train_factor_judge", counted)
    first, again = find_factor_judge(Bars(), recipe), find_factor_judge(Bars(), recipe)
    assert trained == ["Bars"] and first.key == again.key
    assert torch.equal(weights(first), weights(again))
    keys = {
        find_factor_judge(Wide(), recipe).key,
        find_factor_judge(Bars(), replace(recipe, width=8)).key,
        first.key,
    }
    assert len(keys) == 3 and trained == ["Bars", "Wide", "Bars"]
    assert len(list(folder.glob("*.safetensors"))) == 3


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INFOT_CACHE", str(tmp_path / "file"))
    with pytest.warns(CacheWarning, match="bars is trained anew for each evaluation"):
        find_factor_judge(Bars(), replace(QUICK, steps=1), name="bars")
