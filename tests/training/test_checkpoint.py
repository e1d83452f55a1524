import hashlib
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from infot.errors import CheckpointError, RunFolderError
from infot.training import CheckpointFolder
from infot.training.callbacks import SaveCheckpoints

from .conftest import CheckEqual, MakeRun


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "checkpoints", keep=2)


@pytest.mark.parametrize("step", [0, 1, 7, 19])
def test_a_resumed_run_is_bitwise_equal_to_an_uninterrupted_one(
    toy_run: MakeRun, folder: CheckpointFolder, assert_equal_states: CheckEqual, step: int
) -> None:
    folder.save(toy_run().train(steps=step))
    resumed = toy_run()
    resumed.train(steps=13)  # moved on, so that loading has everything to overwrite
    assert folder.load(resumed.state) == f"step-{step:08d}"
    assert_equal_states(resumed.train(), toy_run().train())


def test_the_newest_are_kept_and_latest_names_the_last(toy_run: MakeRun, folder: CheckpointFolder) -> None:
    toy_run().train(SaveCheckpoints(folder, every=6))
    assert folder.names() == ["step-00000018", "step-00000020"]
    assert (folder.path / "latest").read_text() == "step-00000020\n"
    assert sorted(file.name for file in folder.path.iterdir() if file.suffix == ".tmp") == []


def test_a_final_checkpoint_is_not_written_twice(
    toy_run: MakeRun, folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    monkeypatch.setattr(CheckpointFolder, "save", lambda self, state: saved.append(state.step))
    toy_run().train(SaveCheckpoints(folder, every=10))
    assert saved == [10, 20]


class Crash(BaseException):
    """Stands for a kill: nothing may catch it."""


@pytest.mark.parametrize("call", range(12))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_at_any_file_operation_leaves_a_checkpoint_to_go_on_from(
    toy_run: MakeRun,
    folder: CheckpointFolder,
    assert_equal_states: CheckEqual,
    monkeypatch: pytest.MonkeyPatch,
    call: int,
    moment: str,
) -> None:
    folder.keep = 1
    folder.save(toy_run().train(steps=5))
    count = 0

    def crashing(name: str):
        real = getattr(os, name)

        def operation(*arguments, **keywords):
            nonlocal count
            count += 1
            if count > call + 1 or (count == call + 1 and moment == "before"):
                raise Crash  # and a killed process cleans nothing up either
            result = real(*arguments, **keywords)
            if count == call + 1:
                raise Crash
            return result

        return operation

    later = toy_run().train(steps=9)
    with monkeypatch.context() as patch:
        for name in ("replace", "fsync", "unlink"):
            patch.setattr(os, name, crashing(name))
        try:
            folder.save(later)
        except Crash:
            crashed = True
        else:
            crashed = False
    assert crashed == (count > call)  # calls beyond the last operation find nothing to break
    resumed = toy_run()
    name = folder.load(resumed.state)
    assert name in ("step-00000005", "step-00000009")
    folder.forget_after(resumed.state.step)
    assert folder.names()[-1] == name
    assert {file.stem for file in folder.path.iterdir()} == {*folder.names(), "latest"}  # and no pieces
    assert_equal_states(resumed.train(), toy_run().train())


def spoil_truncate(folder: CheckpointFolder, name: str) -> None:
    file = folder.file(name)
    file.write_bytes(file.read_bytes()[:-10])


def spoil_flip(folder: CheckpointFolder, name: str) -> None:
    content = bytearray(folder.file(name).read_bytes())
    content[len(content) // 2] ^= 1
    folder.file(name).write_bytes(bytes(content))


def spoil_foreign(folder: CheckpointFolder, name: str) -> None:
    folder.file(name).with_suffix(".json").write_text(json.dumps({"epoch": 3}))


def spoil_notes(folder: CheckpointFolder, name: str) -> None:
    folder.file(name).with_suffix(".json").write_text('{"format": "infot-check')


def spoil_version(folder: CheckpointFolder, name: str) -> None:
    notes = folder.file(name).with_suffix(".json")
    notes.write_text(json.dumps(json.loads(notes.read_text()) | {"version": 99}))


def replace_content(folder: CheckpointFolder, name: str, content: bytes) -> None:
    """Put other content under a digest that fits it."""
    folder.file(name).write_bytes(content)
    notes = folder.file(name).with_suffix(".json")
    facts = json.loads(notes.read_text())
    facts |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    notes.write_text(json.dumps(facts))


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


def spoil_pickle(folder: CheckpointFolder, name: str) -> None:
    replace_content(folder, name, pickle.dumps(Bomb()))


def spoil_model(folder: CheckpointFolder, name: str) -> None:
    file = folder.file(name)
    tensors = load_file(file)
    tensors["nets/critic.weight"] = torch.zeros(1, 7)
    save_file(tensors, file)
    replace_content(folder, name, file.read_bytes())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_truncate, "is truncated: expected .* bytes"),
        (spoil_flip, "is damaged: its SHA-256"),
        (spoil_foreign, "was not made by infot"),
        (spoil_notes, "cannot be read"),
        (spoil_version, "has version 99"),
        (spoil_pickle, "holds no tensors"),
        (spoil_model, "belong to another model: 1 tensors differ in name or shape, first critic.weight"),
    ],
)
def test_a_bad_checkpoint_is_refused_and_the_good_one_before_it_offered(
    toy_run: MakeRun,
    folder: CheckpointFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil,
    message: str,
) -> None:
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    toy_run().train(SaveCheckpoints(folder, every=6))
    spoil(folder, "step-00000020")
    with pytest.raises(CheckpointError, match=f"{message}.*; .*--checkpoint step-00000018"):
        folder.load(toy_run().state)
    assert not (tmp_path / "exploded").exists()
    assert folder.load(toy_run().state, "step-00000018") == "step-00000018"


def test_without_a_good_one_before_it_the_message_says_so(toy_run: MakeRun, folder: CheckpointFolder) -> None:
    folder.save(toy_run().train(steps=3))
    spoil_flip(folder, "step-00000003")
    with pytest.raises(CheckpointError, match="no earlier good one is left"):
        folder.load(toy_run().state)


def test_a_missing_checkpoint_names_what_there_is(toy_run: MakeRun, folder: CheckpointFolder) -> None:
    with pytest.raises(CheckpointError, match="there are: none"):
        folder.load(toy_run().state)
    folder.save(toy_run().train(steps=3))
    with pytest.raises(CheckpointError, match=r"no checkpoint step-00000004 .*there are: step-00000003"):
        folder.load(toy_run().state, "step-00000004")


def test_a_checkpoint_of_other_data_is_refused(toy_run: MakeRun, folder: CheckpointFolder) -> None:
    folder.save(toy_run().train(steps=3))
    notes = folder.file("step-00000003").with_suffix(".json")
    facts = json.loads(notes.read_text())
    notes.write_text(json.dumps(facts | {"sampler": facts["sampler"] | {"n": 31}}))
    with pytest.raises(CheckpointError, match=r"does not fit this run: .*31"):
        folder.load(toy_run().state)


def test_a_full_disk_leaves_the_earlier_checkpoint_and_no_pieces(
    toy_run: MakeRun, folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.save(toy_run().train(steps=3))
    before = {file.name: file.read_bytes() for file in folder.path.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(
            RunFolderError, match=r"the disk is full; free some space; then .*resume from step-00000003"
        ):
            folder.save(toy_run().train(steps=4))
    assert {file.name: file.read_bytes() for file in folder.path.iterdir()} == before
