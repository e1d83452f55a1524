import io
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from infot import cli
from infot.cli import COMMANDS, main
from infot.commands.arguments import TrainRequest
from infot.errors import DataError, NumericalError
from infot.presets import PRESETS


def errors_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """Return what a failing command prints, which must be one line on standard error."""
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("infot: ") and printed.err.count("\n") == 1
    return printed.err


def test_no_help_and_no_mistake_imports_torch() -> None:
    """Help must answer at once: importing torch alone takes over a second."""
    calls = [
        ["--help"],
        ["--version"],
        *([name, "--help"] for name in COMMANDS),
        ["train", "ring8", "--help"],
    ]
    calls += [
        ["train", "ring8", "--stps", "3"],
        ["train", "ring8", "--steps", "0"],
        ["trian"],
        ["data", "nothing"],
    ]
    program = (
        "import sys\n"
        "from infot.cli import main\n"
        f"for call in {calls!r}:\n"
        "    main(call)\n"
        "    assert 'torch' not in sys.modules, call\n"
        "    assert 'scipy' not in sys.modules and 'matplotlib' not in sys.modules, call\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_help_tells_every_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    missing = [
        option for option in cli._options(COMMANDS[name][0]) if option not in text and "." not in option
    ]
    positional = {"--suite", "--preset", "--run", "--runs", "--action", "--name"}
    assert set(missing) <= positional


def test_the_overview_names_commands_and_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert all(preset in text for preset in PRESETS)
    assert "\n  evaluate  Measure a trained model on held-out data and write evaluation.json\n" in text
    assert main([]) == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("infot 0.")


def test_python_m_infot_is_infot() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infot", "trian"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "infot: there is no command 'trian'; did you mean train?\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "there is no command 'frobnicate'; known: train, resume"),
        (["train"], "give a preset (ring8, "),
        (["train", "--steps", "3"], "give a preset (ring8, "),
        (["train", "rin8"], "there is no preset 'rin8'; did you mean ring8?"),
        (
            ["train", "ring8", "--trainng.steps", "3"],
            "has no option --trainng.steps; did you mean --training.steps?",
        ),
        (["train", "ring8", "--training.step", "3"], "did you mean --training.steps?"),
        (["train", "ring8", "--qqqq=3"], "infot train has no option --qqqq; see infot train --help"),
        (["train", "ring8", "--steps", "many"], "--steps: expected INT, got 'many'"),
        (
            ["train", "ring8", "--training.steps", "1.5"],
            "--training.steps: expected a whole number, got '1.5'",
        ),
        (["train", "ring8", "--training.learning-rate", "x"], "expected a number, got 'x'"),
        (
            ["train", "ring8", "--objective.method", "magic"],
            "objective.method: there is no 'magic'; known: structured, structured-semidual",
        ),
        (["train", "ring8", "--method", "wgan"], "there is no 'wgan'; known: structured, "),
        (
            ["train", "ring8", "--method", "infogan", "--objective.method", "wgan-gp"],
            "--method and --objective.method disagree (infogan, wgan-gp): give one",
        ),
        (["train", "ring8", "--objective.epsilon", "1"], "'--objective.epsilon'. Expected 2 values"),
        (["train", "ring8", "grid25"], "Unrecognized options: grid25"),
        (["train", "ring8", "--config", "x.yaml"], "give a preset (ring8) or --config (x.yaml), not both"),
        (["train", "--config", "/absent/x.yaml"], "there is no configuration file /absent/x.yaml"),
        (["train", "ring8", "--steps", "0"], "training.steps: expected at least 1, got 0"),
        (["train", "ring8", "--steps", "3", "--training.steps", "4"], "disagree: give one"),
        (["train", "ring8", "--data", "a", "--data.path", "b"], "disagree: give one"),
        (
            ["train", "ring8", "--data", "a", "--data.name", "grid25"],
            "data.path: grid25 is made or shipped by infot",
        ),
        (["train", "ring8", "--device", "tpu"], "training.device: expected auto, cpu"),
        (["train", "custom"], "data.path: missing"),
        (["sample", "somewhere"], "--out"),
        (["encode"], "--out"),
        (["data", "nothing"], "invalid choice 'nothing'"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in errors_of(capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train", "ring8", "--seed", "x"],
            "infot: --seed: expected a whole number, got 'x'; see infot train --help",
        ),
        (["data", "nothing"], "infot: invalid choice 'nothing' for argument 'action'"),
        (["sample", "somewhere"], "infot: Missing from infot sample: --out FILE"),
    ],
)
def test_a_mistake_gets_the_same_line_where_the_output_is_not_utf_8(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith(message) and "--------" not in told


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[TrainRequest]:
    """Return what reaches the train command, which is not run."""
    seen: list[TrainRequest] = []

    class Module:
        @staticmethod
        def run(request: TrainRequest) -> int:
            seen.append(request)
            return 0

    monkeypatch.setattr(cli.importlib, "import_module", lambda name: Module)
    return seen


def test_options_change_the_presets_values(requests: list[TrainRequest]) -> None:
    options = [
        "--seed",
        "3",
        "--steps",
        "7",
        "--max-minutes",
        "2",
        "--device",
        "cpu",
        "--run",
        "here",
        "--dry-run",
    ]
    assert main(["train", "ring8", *options, "--latent.categorical", "4", "2", "--data.no-standardise"]) == 0
    config = requests[0].config
    assert (config.preset, config.seed, requests[0].run, requests[0].dry_run) == (
        "ring8",
        3,
        Path("here"),
        True,
    )
    assert (config.training.steps, config.training.max_minutes, config.training.device) == (7, 2.0, "cpu")
    assert (config.latent.categorical, config.data.standardise) == ((4, 2), False)
    assert config.objective == PRESETS["ring8"].objective
    assert config.training.learning_rate == PRESETS["ring8"].training.learning_rate


def test_the_preset_may_stand_after_the_options(requests: list[TrainRequest]) -> None:
    assert main(["train", "--steps", "7", "grid25"]) == 0
    assert (requests[0].config.preset, requests[0].config.training.steps) == ("grid25", 7)
    assert requests[0].config.model == PRESETS["grid25"].model


@pytest.mark.parametrize("option", [["--method", "infogan"], ["--objective.method=infogan"]])
def test_a_method_brings_its_authors_settings_and_options_change_them(
    requests: list[TrainRequest], option: list[str]
) -> None:
    assert main(["train", "ring8", *option, "--training.batch-size", "64"]) == 0
    config = requests[0].config
    assert (config.objective.method, config.preset) == ("infogan", "ring8")
    assert (config.training.learning_rate, config.training.batch_size) == (1e-3, 64)
    assert config.critic.rate == pytest.approx(0.2)


def test_underscores_are_as_good_as_dashes(requests: list[TrainRequest]) -> None:
    assert main(["train", "ring8", "--training.batch_size=32"]) == 0
    assert requests[0].config.training.batch_size == 32


def test_a_file_gives_the_values_and_options_change_them(
    requests: list[TrainRequest], tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("preset: grid25\nseed: 5\ntraining: {steps: 9, batch_size: 64}\n")
    assert main(["train", "--config", str(file), "--steps", "11"]) == 0
    config = requests[0].config
    assert (config.preset, config.seed, config.training.steps, config.training.batch_size) == (
        "grid25",
        5,
        11,
        64,
    )


@pytest.mark.parametrize(("preset", "name"), [("custom", "file"), ("ring8", "file"), ("mnist", "mnist")])
def test_data_of_the_user(requests: list[TrainRequest], preset: str, name: str) -> None:
    assert main(["train", preset, "--data", "my.npz"]) == 0
    assert (requests[0].config.data.name, requests[0].config.data.path) == (name, Path("my.npz"))


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("no such data"), 3, "infot: no such data\n"),
        (NumericalError("diverged"), 4, "infot: diverged\n"),
        (KeyboardInterrupt(), 130, "infot: interrupted\n"),
        (ValueError("oops"), 1, "infot: unexpected ValueError: oops; --debug shows where\n"),
    ],
)
def test_errors_become_a_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    message: str,
) -> None:
    def fail(argv: list[str]) -> int:
        raise error

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert main(["train"]) == code
    assert capsys.readouterr().err == message


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trian", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_warning_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def warn(argv: list[str]) -> int:
        warnings.simplefilter("always")
        warnings.warn("loose plan", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(cli, "_dispatch", warn)
    assert main([]) == 0
    assert capsys.readouterr().err == "infot: UserWarning: loose plan\n"
