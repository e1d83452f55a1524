from dataclasses import replace
from pathlib import Path

import pytest

from infot.config import DataConfig, LatentConfig, ObjectiveConfig, RunConfig, TrainingConfig
from infot.config_file import config_from_plain, config_to_plain, dump_config, load_config, preset_config
from infot.errors import ConfigError
from infot.presets import PRESETS


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("config", [*PRESETS.values()], ids=[*PRESETS])
def test_every_preset_loads_back_equal(tmp_path: Path, config: RunConfig) -> None:
    assert load_config(written(tmp_path, dump_config(config))) == config


def test_every_kind_of_value_loads_back_equal(tmp_path: Path) -> None:
    config = RunConfig(
        seed=3,
        data=DataConfig(path=Path("/some/where"), image_size=28, standardise=False, labels="kind"),
        latent=LatentConfig(categorical=(10, 3), noise=None),
        objective=ObjectiveConfig(method="sinkhorn", epsilon=(1e-7, 1e20), relaxation=None),
        training=TrainingConfig(max_minutes=1.5, schedule_steps=7, device="cuda:1"),
    )
    assert load_config(written(tmp_path, dump_config(config))) == config
    assert config_from_plain(config_to_plain(config)) == config


def test_what_a_file_leaves_out_comes_from_its_preset(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "preset: ring8\nseed: 4\ntraining: {learning_rate: 1e-3}\n"))
    base = PRESETS["ring8"]
    assert config == replace(base, seed=4, training=replace(base.training, learning_rate=0.001))


def test_an_empty_file_is_the_custom_preset(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "")) == preset_config("custom")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed: 0", r"unknown field sed; did you mean seed\?"),
        (
            "training: {learningrate: 1}",
            r"unknown field training\.learningrate; did you mean learning_rate\?",
        ),
        ("training: {zzz: 1}", r"unknown field training\.zzz; known: steps, schedule_steps, "),
        ("preset: ring9", r"there is no preset 'ring9'; did you mean ring8\?"),
        ("preset: 8", "preset: expected a name, got 8"),
        ("seed: one", "seed: expected a whole number, got 'one'"),
        ("seed: 1.5", r"seed: expected a whole number, got 1\.5"),
        ("seed: true", "seed: expected a whole number, got True"),
        ("seed:", "seed: expected a whole number, got nothing"),
        ("training: {learning_rate: fast}", "learning_rate: expected a number, got 'fast'"),
        ("training: {learning_rate: .nan}", "learning_rate: expected a number, got nan"),
        ("training: {learning_rate: true}", "learning_rate: expected a number, got True"),
        ("training: 7", "training: expected fields, got 7"),
        ("data: {standardise: 1}", "standardise: expected true or false, got 1"),
        ("data: {path: 3}", "path: expected a path, got 3"),
        ("data: {name: [a]}", "name: expected text"),
        ("objective: {method: sinkhorm}", r"there is no 'sinkhorm'; did you mean sinkhorn\?"),
        ("objective: {epsilon: [1, 2, 3]}", r"objective\.epsilon: expected 2 values, got 3"),
        ("objective: {epsilon: [1, x]}", r"objective\.epsilon: expected a number, got 'x'"),
        ("latent: {categorical: [3, 2.5]}", r"latent\.categorical: expected a whole number, got 2\.5"),
        ("- 1", r"expected fields of a run .*, got \[1\]"),
        ("seed: 1\nseed: 2", "the key 'seed' is given twice"),
        ("seed: [", "is not YAML"),
        ("seed: !!python/object/apply:os.getcwd []", "is not YAML"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"config\.yaml.*{message}"):
        load_config(written(tmp_path, text))


def test_a_file_that_is_absent_or_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load_config(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path / "binary.yaml")
