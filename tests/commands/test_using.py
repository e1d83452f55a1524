"""The commands that use a finished run: sample, encode, evaluate, report, data."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from infot.model import load

from .conftest import Invoke


def test_samples_are_in_the_users_units(tmp_path: Path, infot: Invoke, finished_run: Path) -> None:
    out = tmp_path / "samples.npz"
    assert infot("sample", finished_run, "--n", 30, "--out", out) == 0
    arrays = np.load(out)
    assert arrays["samples"].shape == (30, 2)
    assert arrays["code"].shape == (30, 3)
    assert 60 < arrays["samples"].mean() < 160  # the data lies around 100, the model's units around 0
    model = load(finished_run)
    assert model.data.scaling is not None
    scaled = model.scale(model.unscale(model.sample(5)))
    np.testing.assert_allclose(scaled, model.sample(5), atol=1e-4)


def test_samples_of_one_code_and_seed_repeat(tmp_path: Path, infot: Invoke, finished_run: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / f"{name}.npz"
        assert infot("sample", finished_run, "--n", 4, "--code", 2, "--seed", seed, "--out", out) == 0
    a, b, c = (np.load(tmp_path / f"{name}.npz") for name in "abc")
    assert a["code"].tolist() == [[0, 0, 1]] * 4
    assert np.array_equal(a["samples"], b["samples"])
    assert not np.array_equal(a["samples"], c["samples"])


def test_samples_of_images_are_a_picture(tmp_path: Path, infot: Invoke, finished_images: Path) -> None:
    assert infot("sample", finished_images, "--n", 20, "--out", tmp_path / "grid.png") == 0
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (8 * 34 - 2, 3 * 34 - 2)  # tiles of 32 pixels, 8 in a row


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "x.gif"], r"--out x.gif: expected a file that ends in .png or .npz"),
        (["--out", "/absent/x.npz"], "there is no folder /absent"),
        (["--out", "x.png"], "the model makes vectors, which are no picture: use --out FILE.npz"),
        (["--out", "x.npz", "--n", "0"], "--n: expected at least 1, got 0"),
        (["--out", "x.npz", "--code", "3"], "code: expected a whole number from 0 to 2, got 3"),
        (["--out", "x.npz", "--code", "0.5"], "code: expected a whole number from 0 to 2, got 0.5"),
        (["--out", "x.npz", "--code", "nan"], "code: expected a whole number from 0 to 2, got nan"),
        (["--out", "x.npz", "--code", "inf"], "code: expected a whole number from 0 to 2, got inf"),
        (["--out", "x.npz", "--code", "1", "2"], "code: expected 1 values"),
    ],
)
def test_what_cannot_be_sampled(
    tmp_path: Path,
    infot: Invoke,
    finished_run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert infot("sample", finished_run, *options) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_codes_of_new_data_are_read_in_its_order_and_units(
    tmp_path: Path, infot: Invoke, finished_run: Path, points: Path
) -> None:
    assert infot("encode", finished_run, "--data", points, "--out", tmp_path / "codes.npz") == 0
    arrays = np.load(tmp_path / "codes.npz")
    assert arrays["posterior"].shape == (200, 3)
    np.testing.assert_allclose(arrays["posterior"].sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(arrays["code"], arrays["posterior"].argmax(1))
    np.testing.assert_allclose(
        arrays["mean"], arrays["posterior"], atol=1e-5
    )  # one block: the mean of one-hot codes
    np.save(tmp_path / "few.npy", np.load(points)[[7, 3]])
    assert infot("encode", finished_run, "--data", tmp_path / "few.npy", "--out", tmp_path / "few.csv") == 0
    rows = [line.split(",") for line in (tmp_path / "few.csv").read_text().splitlines()[1:]]
    assert [int(row[1]) for row in rows] == arrays["code"][[7, 3]].tolist()


def test_a_saved_model_works_in_a_fresh_process_without_data_or_run(
    tmp_path: Path, finished_images: Path
) -> None:
    shutil.copytree(finished_images / "model", tmp_path / "model")
    program = (
        "import sys, torch\n"
        "from infot.model import load\n"
        "model = load(sys.argv[1])\n"
        "x = model.sample(6, code=3, rng=1)\n"
        "found = model.encode(x)\n"
        "torch.save({'x': x, 'posterior': found.posterior, 'again': model.reconstruct(x)}, sys.argv[2])\n"
    )
    out = tmp_path / "out.pt"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "model"), str(out)], check=True)
    found = torch.load(out, weights_only=True)
    model = load(finished_images)
    x = model.sample(6, code=3, rng=1)
    assert torch.equal(found["x"], x)
    assert torch.equal(found["posterior"], model.posterior(x))
    assert torch.equal(found["again"], model.reconstruct(x))


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--data", "/absent", "--out", "x.csv"], 3, "/absent"),
        (["--data", "{images}", "--out", "x.csv"], 3, "expected examples of shape (2,)"),
        (["--data", "{points}", "--out", "x.txt"], 2, "ends in .npz or .csv"),
        (
            ["--data", "{points}", "--out", "x.csv", "--route", "encoder"],
            2,
            "this model reads codes by the plan: use --route plan",
        ),
    ],
)
def test_what_cannot_be_encoded(
    tmp_path: Path,
    infot: Invoke,
    finished_run: Path,
    points: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "images.npy", np.random.default_rng(0).random((5, 8, 8)))
    options = [text.format(images=tmp_path / "images.npy", points=points) for text in options]
    assert infot("encode", finished_run, *options) == code
    assert message in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["images.npy"]


def test_the_encoder_route_is_there_where_an_encoder_holds_the_plan(
    tmp_path: Path, infot: Invoke, finished_images: Path
) -> None:
    np.save(tmp_path / "images.npy", np.random.default_rng(0).random((5, 8, 8)))
    for route in ("plan", "encoder"):
        out = tmp_path / f"{route}.npz"
        options = ["--data", tmp_path / "images.npy", "--route", route, "--out", out]
        assert infot("encode", finished_images, *options) == 0
        assert np.load(out)["posterior"].shape == (5, 10)


def test_evaluating_again_says_what_it_does_and_gives_the_same_numbers(
    tmp_path: Path, infot: Invoke, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    (run / "evaluation.json").unlink()
    assert infot("evaluate", run) == 0
    assert "evaluating: the codes of held-out data" in capsys.readouterr().err
    first, second = (json.loads((folder / "evaluation.json").read_text()) for folder in (finished_run, run))
    assert first["metrics"] == second["metrics"]


def test_evaluating_on_other_data_is_refused(
    tmp_path: Path, infot: Invoke, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "other.npy", np.random.default_rng(0).normal(size=(50, 3)))
    np.save(tmp_path / "one.npy", np.ones((1, 2)))
    before = (finished_run / "evaluation.json").read_bytes()
    assert infot("evaluate", finished_run, "--data", tmp_path / "other.npy") == 3
    assert "expected examples of shape (2,), as the model was trained on; got (3,)" in capsys.readouterr().err
    assert infot("evaluate", finished_run, "--data", tmp_path / "one.npy") == 3
    assert "expected at least 2 examples to evaluate on, got 1" in capsys.readouterr().err
    assert (finished_run / "evaluation.json").read_bytes() == before


def test_evaluating_on_data_of_the_users_own_takes_all_of_it_in_the_models_scaling(
    tmp_path: Path, infot: Invoke, finished_run: Path, points: Path
) -> None:
    run, fresh = tmp_path / "run", tmp_path / "fresh.npy"
    shutil.copytree(finished_run, run)
    # far off: standardised by itself it would lie where the training data lay
    np.save(fresh, np.load(points)[:61] + 1000)
    assert infot("evaluate", run, "--data", fresh) == 0
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert (evaluation["data"]["train"], evaluation["data"]["held_out"]) == (0, 61)
    assert evaluation["data"]["source"] == "fresh.npy"
    model = load(run)
    assert model.data.scaling is not None
    moved = float((1000 / model.data.scaling.std).square().sum().sqrt())
    assert evaluation["metrics"]["w2"]["value"] == pytest.approx(moved, rel=0.05)
    assert evaluation["metrics"]["w2"]["floor"] < 1
    np.testing.assert_allclose(np.load(run / "evaluation.npz")["data"], np.load(fresh), rtol=1e-5)


def test_a_page_written_later_names_the_classes_of_the_users_images(
    tmp_path: Path, infot: Invoke, finished_images: Path
) -> None:
    run, rng = tmp_path / "run", np.random.default_rng(0)
    shutil.copytree(finished_images, run)
    for kind in ("cats", "dogs & co"):
        (tmp_path / "new" / kind).mkdir(parents=True)
        for k in range(4):
            image = rng.integers(256, size=(8, 8), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "new" / kind / f"{k}.png")
    assert infot("evaluate", run, "--data", tmp_path / "new") == 0
    assert np.load(run / "evaluation.npz")["class_names"].tolist() == ["cats", "dogs & co"]
    assert infot("report", run) == 0
    page = (run / "report.html").read_text()
    assert '<th scope="col">cats</th>' in page and '<th scope="col">dogs &amp; co</th>' in page


def test_a_report_of_two_runs(
    tmp_path: Path, infot: Invoke, finished_run: Path, finished_images: Path
) -> None:
    assert infot("report", finished_run, finished_images, "--out", tmp_path / "page.html") == 0
    assert "<html" in (tmp_path / "page.html").read_text()


def test_the_data_there_is(infot: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
    assert infot("data", "list") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in ("ring8", "mnist5k", "file"))
    assert infot("data", "info", "mnist5k") == 0
    told = capsys.readouterr().out
    assert "licence: " in told and "source: " in told
    assert infot("data", "info") == 2
    assert "needs a name; see infot data list" in capsys.readouterr().err
    assert infot("data", "list", "mnist") == 2
    assert "for one data set: infot data info mnist" in capsys.readouterr().err
    assert infot("data", "info", "mnist6k") == 2
    assert "mnist5k" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sample", "encode"])
def test_a_folder_without_a_model_gets_code_3(
    tmp_path: Path, infot: Invoke, points: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    data = ["--data", points] if command == "encode" else []
    assert infot(command, tmp_path, *data, "--out", tmp_path / "x.npz") == 3
    assert "there is no model in" in capsys.readouterr().err
