"""The classifier that judges pictures: how well it reads, that it repeats itself, and how it is kept."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from infot.data import Dataset, load
from infot.errors import CacheWarning, DataError
from infot.evaluation.judges import RECIPE, Judge, Recipe, find_judge, train_judge
from infot.evaluation.judges import classes as module
from infot.training.tensorfile import write_tensors

QUICK = Recipe(steps=(30, 30))


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder, empty, where judges are kept."""
    monkeypatch.setenv("INFOT_CACHE", str(tmp_path))
    return tmp_path / "judges"


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by a name with each training."""
    names = []

    def counted(dataset: Dataset, recipe: Recipe) -> Judge:
        names.append(dataset.name)
        return train_judge(dataset, recipe)

    monkeypatch.setattr(module, "train_judge", counted)
    return names


def weights(judge: Judge) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in judge.network.state_dict().values()])


def test_the_recipe_reads_held_out_digits(digits) -> None:
    judge = find_judge(digits)
    reading = judge.read(digits.test)
    assert (reading.classes == digits.test_labels).double().mean() > 0.95
    assert reading.features.shape == (359, 64)
    torch.testing.assert_close(reading.probabilities.sum(dim=1), torch.ones(359))


def test_steps_grow_with_the_data_between_their_bounds() -> None:
    assert [RECIPE.steps_for(n) for n in (100, 4000, 32_000, 60_000, 10**6)] == [800, 800, 2500, 4687, 5000]


def test_training_repeats_itself_and_leaves_the_generator_of_torch_alone(digits) -> None:
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = train_judge(digits, QUICK)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(8)
    assert torch.equal(weights(train_judge(digits, QUICK)), weights(first))
    assert not torch.equal(weights(train_judge(digits, replace(QUICK, seed=1))), weights(first))


def test_it_is_trained_once_and_then_found(digits, folder, trainings) -> None:
    first, again = find_judge(digits, QUICK), find_judge(digits, QUICK)
    assert trainings == ["digits"]
    assert torch.equal(weights(first), weights(again)) and first.key == again.key
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".safetensors"]
    reading, same = first.read(digits.test), again.read(digits.test)
    assert torch.equal(reading.features, same.features)


def test_the_key_is_that_of_recipe_pictures_and_labels(digits, folder, trainings) -> None:
    swapped = digits.train_labels.roll(1)
    others = [
        find_judge(digits, QUICK),
        find_judge(digits, replace(QUICK, learning_rate=1e-3)),
        find_judge(replace(digits, train=digits.train.flip(0)), QUICK),
        find_judge(replace(digits, train_labels=swapped), QUICK),
    ]
    assert len({judge.key for judge in others}) == len(trainings) == 4
    assert len(list(folder.iterdir())) == 8
    renamed = replace(digits, name="others", test=digits.test[:5])
    assert find_judge(renamed, QUICK).key == others[0].key  # neither matters to what it learns
    assert len(trainings) == 4


@pytest.mark.parametrize("harm", ["cut", "altered", "no notes", "of other data", "of another network"])
def test_what_is_damaged_is_made_again(digits, folder, trainings, harm) -> None:
    good = find_judge(digits, QUICK)
    tensors, notes = next(folder.glob("*.safetensors")), next(folder.glob("*.json"))
    content, facts = bytearray(tensors.read_bytes()), json.loads(notes.read_text())
    if harm == "cut":
        tensors.write_bytes(content[:-10])
    elif harm == "altered":
        content[-1] ^= 1
        tensors.write_bytes(content)
    elif harm == "no notes":
        notes.unlink()
    elif harm == "of other data":
        notes.write_text(json.dumps(facts | {"key": "0" * 64}))
    else:
        wide = train_judge(digits, replace(QUICK, width=16))
        write_tensors(tensors, wide.network.state_dict(), facts, notes=notes)
    assert torch.equal(weights(find_judge(digits, QUICK)), weights(good))
    assert torch.equal(weights(find_judge(digits, QUICK)), weights(good))
    assert len(trainings) == 2


def test_a_cache_that_cannot_be_written_is_told_and_costs_time_alone(digits, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INFOT_CACHE", str(tmp_path / "file"))
    with pytest.warns(
        CacheWarning, match="digits is trained anew for each evaluation: cannot write .*INFOT_CACHE"
    ):
        judge = find_judge(digits, QUICK)
    assert torch.equal(weights(judge), weights(train_judge(digits, QUICK)))


def test_pictures_without_labels_are_refused(digits) -> None:
    with pytest.raises(DataError, match="digits: expected labelled images to train a classifier on"):
        find_judge(replace(digits, train_labels=None))


def test_few_colour_pictures_of_odd_size_can_be_judged() -> None:
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(20) % 2
    images = torch.rand(20, 3, 13, 9, generator=rng) * 0.1 + 0.8 * labels[:, None, None, None]
    pictures = replace(load("digits"), train=images, train_labels=labels)
    reading = train_judge(pictures, QUICK).read(images)
    assert reading.classes.tolist() == labels.tolist()


def test_pictures_are_moved_by_whole_pixels_with_their_edge_repeated() -> None:
    image = torch.arange(6.0).expand(1, 1, 4, 6)
    moved = module._moved(image.expand(200, 1, 4, 6), 1, torch.Generator().manual_seed(0))
    rows = {tuple(row) for row in moved[:, 0, 0].tolist()}
    assert rows == {(0, 0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 5)}
