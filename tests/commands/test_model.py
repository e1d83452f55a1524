"""Saving and loading models, and what they are asked."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from infot.errors import CheckpointError, ConfigError, ProblemError, RunFolderError
from infot.model import TrainedModel, load
from infot.models.blocks import Categorical, Normal, Uniform
from infot.models.latents import LatentSpace


@pytest.fixture
def folder(tmp_path: Path, finished_run: Path) -> Path:
    """Return a copy of a model."""
    return Path(shutil.copytree(finished_run / "model", tmp_path / "model"))


def test_what_is_saved_loads_back_equal(tmp_path: Path, finished_run: Path) -> None:
    model = load(finished_run)
    model.save(tmp_path / "copy")
    again = load(tmp_path / "copy")
    assert again.config == model.config
    assert again.steps == model.steps == 12
    assert (again.data.shape, again.data.kind) == ((2,), "vectors")
    x = model.sample(20)
    assert torch.equal(again.sample(20), x)
    assert torch.equal(again.posterior(x), model.posterior(x))
    assert torch.equal(again.unscale(x), model.unscale(x))


def test_saving_over_a_model_replaces_it_and_leaves_nothing_else(folder: Path) -> None:
    load(folder).save(folder, {"accuracy": 0.5})
    assert "| accuracy | 0.5 |" in (folder / "README.md").read_text()
    assert [file.name for file in folder.parent.iterdir()] == ["model"]


def test_a_failed_save_keeps_the_model_that_was_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunFolderError, match="the disk is full"):
            model.save(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [file.name for file in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize(
    "held", [["notes.txt"], ["README.md"], ["config.json"], ["config.json", "model.bin"], [".git"]]
)
def test_a_folder_that_holds_something_else_is_refused_and_left_alone(
    tmp_path: Path, finished_run: Path, held: list[str]
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in held:
        (mine / name).write_text("precious")
    with pytest.raises(RunFolderError, match=rf"mine holds {held[-1]}, which is no part of a model"):
        load(finished_run).save(mine)
    assert {file.name: file.read_text() for file in mine.iterdir()} == dict.fromkeys(held, "precious")
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_is_empty_takes_a_model(tmp_path: Path, finished_run: Path) -> None:
    (tmp_path / "empty").mkdir()
    load(finished_run).save(tmp_path / "empty")
    assert load(tmp_path / "empty").steps == 12


def test_a_file_or_a_place_without_a_name_takes_no_model(tmp_path: Path, finished_run: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(RunFolderError, match="mine is a file; a model needs a folder"):
        load(finished_run).save(tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "precious"
    with pytest.raises(RunFolderError, match=r"a model needs a folder of its own, got '\.'"):
        load(finished_run).save(".")


def edit(folder: Path, **changes: object) -> None:
    facts = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(facts | changes))


def spoil_flip(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(bytes(content))


def spoil_truncate(folder: Path) -> None:
    content = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(content[:100])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_flip, "is damaged"),
        (spoil_truncate, "is truncated"),
        (
            lambda folder: (folder / "weights.safetensors").unlink(),
            "is incomplete: .*weights.safetensors is missing",
        ),
        (lambda folder: (folder / "config.json").unlink(), "there is no model in"),
        (lambda folder: (folder / "config.json").write_text("{}"), "was not made by infot"),
        (lambda folder: edit(folder, version=2), "has version 2, this infot reads up to 1"),
        (lambda folder: edit(folder, config={"sed": 1}), "does not describe a model: unknown field sed"),
        (lambda folder: edit(folder, config={"preset": "ring8"}), "belong to another model"),
    ],
)
def test_a_bad_model_is_refused(folder: Path, spoil, message: str) -> None:
    spoil(folder)
    with pytest.raises(CheckpointError, match=message):
        load(folder)


@pytest.fixture
def mixed(finished_run: Path) -> TrainedModel:
    """Return a model whose code has a categorical and a continuous block, for asking for codes."""
    model = load(finished_run)
    latents = LatentSpace(code=(Categorical(3), Uniform(2)), noise=Normal(1))
    return TrainedModel(model.config, latents, model.nets, None, model.data)


def test_a_code_is_an_index_a_value_for_each_block_or_a_vector(mixed: TrainedModel) -> None:
    assert mixed.code_vector([2, 0.5, -1.0]).tolist() == [0, 0, 1, 0.5, -1]
    vector = torch.tensor([0.2, 0.3, 0.5, 0.0, 1.0])
    assert torch.equal(mixed.code_vector(vector), vector)
    with pytest.raises(ConfigError, match="code: expected 3 values .*got 1"):
        mixed.code_vector(2)
    with pytest.raises(ConfigError, match="from 0 to 2, got 3"):
        mixed.code_vector([3, 0.0, 0.0])
    with pytest.raises(ConfigError, match="finite"):
        mixed.code_vector([1, float("nan"), 0.0])
    with pytest.raises(ConfigError, match=r"expected a code vector \(5,\)"):
        mixed.code_vector(torch.zeros(4))


def test_an_index_counts_all_values_of_several_categorical_blocks(mixed: TrainedModel) -> None:
    latents = LatentSpace(code=(Categorical(2), Categorical(3)), noise=Normal(1))
    model = TrainedModel(mixed.config, latents, mixed.nets, None, mixed.data)
    assert model.code_vector(4).tolist() == [0, 1, 0, 1, 0]
    assert model.code_vector([1, 1]).tolist() == [0, 1, 0, 1, 0]


def test_a_model_without_a_plan_says_so(mixed: TrainedModel) -> None:
    with pytest.raises(ConfigError, match="cannot read codes of data"):
        mixed.posterior(torch.zeros(1, 2))


def test_arrays_of_another_shape_are_refused(finished_run: Path) -> None:
    model = load(finished_run)
    with pytest.raises(ProblemError, match=r"expected data \(n, 2\), got \(4, 3\)"):
        model.posterior(torch.zeros(4, 3))
    with pytest.raises(ProblemError, match="expected finite data"):
        model.encode(torch.full((1, 2), float("nan")))
    with pytest.raises(
        ProblemError, match=r"expected code \(n, 3\) and noise \(n, 2\), got \(1, 3\) and \(2, 2\)"
    ):
        model.generate(torch.zeros(1, 3), torch.zeros(2, 2))
    with pytest.raises(ProblemError, match=r"expected a number of samples, at least 1, got 2\.5"):
        model.sample(2.5)
    with pytest.raises(ProblemError, match="expected a number of samples, at least 1, got 0"):
        model.sample(0)


def test_many_points_are_handled_in_pieces_with_the_same_result(finished_run: Path) -> None:
    model = load(finished_run)
    x = model.sample(2500)
    assert x.shape == (2500, 2)
    torch.testing.assert_close(model.posterior(x)[2400:], model.posterior(x[2400:]))
