import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console

from infot.errors import RunFolderError
from infot.models.blocks import Categorical, Normal, Uniform
from infot.models.latents import LatentSpace
from infot.training.callbacks import (
    MetricsLog,
    Progress,
    SampleGrids,
    latent_grid,
    truncate_metrics,
    write_grid,
)

from .conftest import CheckEqual, MakeRun


def lines_of(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_metrics_hold_a_line_for_the_first_step_every_so_many_and_the_last(
    toy_run: MakeRun, tmp_path: Path
) -> None:
    run = toy_run()
    run.train(MetricsLog(tmp_path / "metrics.jsonl", every=6, schedule=run.schedule))
    lines = lines_of(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 6, 12, 18, 20]
    assert lines[0].keys() == {
        "step", "wall_seconds", "examples_per_second", "learning_rate", "loss", "plan_information", "epsilon",
    }  # fmt: skip
    assert lines[0]["learning_rate"] == 0.01
    assert all(line["examples_per_second"] > 0 for line in lines)


def test_truncating_drops_later_and_torn_lines(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 5}\n{"step": 9}\n{"step": 5, "los')
    truncate_metrics(path, 5)
    assert lines_of(path) == [{"step": 1}, {"step": 5}]
    truncate_metrics(tmp_path / "absent.jsonl", 5)
    assert not (tmp_path / "absent.jsonl").exists()


def test_a_metrics_file_that_cannot_be_opened_is_an_error_of_the_run_folder(
    toy_run: MakeRun, tmp_path: Path
) -> None:
    run = toy_run()
    with pytest.raises(RunFolderError, match=r"cannot write .*metrics\.jsonl"):
        run.train(MetricsLog(tmp_path / "absent" / "metrics.jsonl", every=6, schedule=run.schedule))
    assert run.state.step == 0


def test_progress_is_plain_lines_without_a_terminal(toy_run: MakeRun) -> None:
    text = io.StringIO()
    toy_run().train(Progress(steps=20, every=10, console=Console(file=text, width=200), unit="images"))
    first, last = text.getvalue().splitlines()
    assert first.startswith("step 10/20  0:00 left") and "images/s  loss " in first and "I(c;x) " in first
    assert last.startswith("step 20/20")


def test_progress_names_the_start_in_training_and_tells_how_each_ended(toy_run: MakeRun) -> None:
    text = io.StringIO()
    run = toy_run(starts=2, start_steps=5)
    state = run.train(Progress(steps=25, every=4, console=Console(file=text, width=200), starts=2))
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("step 4/25  ") and "left  start 1 of 2  " in lines[0]
    first, second = state.starts.outcomes
    assert lines[1] == f"start 1 of 2: {first}"
    assert lines[2].startswith("step 6/25  ") and "left  start 2 of 2  " in lines[2]
    best = 1 + (state.starts.best or 0)
    assert lines[lines.index(f"start 2 of 2: {second}") + 1] == f"going on with start {best}"
    assert "start" not in lines[-1]
    assert lines[-1].startswith("step 25/25")


def test_the_log_names_the_start_of_each_step_and_counts_all_steps(toy_run: MakeRun, tmp_path: Path) -> None:
    run = toy_run(starts=2, start_steps=5)
    path = tmp_path / "metrics.jsonl"
    state = run.train(MetricsLog(path, every=1, schedule=run.schedule))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 26))
    assert [line["start"] for line in lines] == [0] * 5 + [1] * 5 + [state.starts.best] * 15
    shares = [line["epsilon"] for line in lines]  # the toy logs the progress it was given
    assert shares == pytest.approx([*([k / 20 for k in range(5)] * 2), *(k / 20 for k in range(5, 20))])


def test_progress_is_a_bar_in_a_terminal(toy_run: MakeRun) -> None:
    text = io.StringIO()
    console = Console(file=text, width=200, force_terminal=True)
    toy_run().train(Progress(steps=20, every=5, console=console))
    assert "20/20" in text.getvalue()
    assert "examples/s" in text.getvalue()


def test_a_grid_has_a_row_a_code_and_the_same_noise_in_each_row() -> None:
    latents = LatentSpace(code=(Categorical(3),), noise=Normal(2))
    code, noise = latent_grid(latents, seed=1, columns=4)
    assert torch.equal(code.argmax(1), torch.arange(3).repeat_interleave(4))
    assert torch.equal(noise[:4], noise[4:8])
    again = latent_grid(latents, seed=1, columns=4)
    assert torch.equal(noise, again.noise)


def test_a_grid_of_a_continuous_code_has_bounded_rows() -> None:
    code, noise = latent_grid(LatentSpace(code=(Uniform(2),), noise=Normal(1)), seed=0, rows=5, columns=3)
    assert (code.shape, noise.shape) == ((15, 2), (15, 1))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (2, "L")])
def test_a_grid_is_a_picture_of_the_images(tmp_path: Path, channels: int, mode: str) -> None:
    images = torch.zeros(3, channels, 40, 40)
    images[1] = 2.0  # clipped
    write_grid(tmp_path / "grid.png", images, columns=2)
    with Image.open(tmp_path / "grid.png") as file:
        picture = file.copy()
    assert (picture.mode, picture.size) == (mode, (82, 82))
    assert [picture.convert("L").getpixel(at) for at in ((5, 5), (60, 5), (5, 60), (41, 5))] == [
        0,
        255,
        0,
        255,
    ]


def test_small_images_are_enlarged(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.png", torch.zeros(1, 1, 8, 8), columns=1)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (32, 32)


def test_grids_while_training_change_nothing(
    toy_run: MakeRun, tmp_path: Path, assert_equal_states: CheckEqual
) -> None:
    class AsImages(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, code: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
            return self.inner(code, noise)[:, :, None, None].mean(1, keepdim=True)

    run = toy_run()
    run.state.ema["generator"] = AsImages(run.state.ema["generator"])
    latents = LatentSpace(code=(Uniform(1),), noise=Normal(2))
    run.train(SampleGrids(tmp_path, every=8, latents=latents, seed=0, steps=20))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "step-00000008.png", "step-00000016.png", "step-00000020.png",
    ]  # fmt: skip
    run.state.ema["generator"] = run.state.ema.get_submodule("generator.inner")
    assert_equal_states(run.state, toy_run().train())
