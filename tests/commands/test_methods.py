"""Every method from the command line: train, evaluate, sample, and read codes where the method can."""

import json
from pathlib import Path

import numpy as np
import pytest

from infot.methods import METHODS
from infot.model import load

from .conftest import Invoke

SMALL = ["--training.batch-size", 32, "--steps", 3, "--model.width", 8, "--device", "cpu"]
READS_CODES = ("structured", "sinkhorn", "infogan")


OTHERS = [name for name in METHODS if name != "structured"]


def results(run: Path, method: str) -> dict[str, object]:
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["method"], summary["status"], summary["steps"]) == (method, "finished", 3)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(last["loss"])
    metrics = json.loads((run / "evaluation.json").read_text())["metrics"]
    assert ("plan_information" in metrics) == (method == "sinkhorn")
    return metrics


@pytest.mark.parametrize("method", OTHERS)
def test_a_method_trains_on_vectors(tmp_path: Path, infot: Invoke, points: Path, method: str) -> None:
    run = tmp_path / "run"
    options = ["--data", points, "--latent.categorical", 3, *SMALL]
    assert infot("train", "custom", "--method", method, *options, "--run", run) == 0
    assert "w2" in results(run, method)
    assert infot("sample", run, "--n", 4, "--out", tmp_path / "x.npz") == 0
    assert infot("report", run) == 0
    code = infot("encode", run, "--data", points, "--out", tmp_path / "codes.csv")
    assert code == (0 if method in READS_CODES else 2)


@pytest.mark.parametrize("method", OTHERS)
def test_a_method_trains_on_images(tmp_path: Path, infot: Invoke, method: str) -> None:
    run = tmp_path / "run"
    assert infot("train", "digits", "--method", method, *SMALL, "--run", run) == 0
    assert ("accuracy" in results(run, method)) == (method in READS_CODES)
    assert infot("sample", run, "--n", 4, "--out", tmp_path / "x.png") == 0
    assert infot("report", run) == 0


def test_a_reloaded_recognition_network_reads_the_same_codes(tmp_path: Path, infot: Invoke) -> None:
    run = tmp_path / "run"
    options = ["--latent.uniform", 1, "--critic.code-weight", 1, 0.1]
    assert infot("train", "digits", "--method", "infogan", *SMALL, *options, "--run", run) == 0
    metrics = json.loads((run / "evaluation.json").read_text())["metrics"]
    assert {"accuracy", "nmi"} <= metrics.keys()  # of the categorical block, whatever else the code holds
    model = load(run)
    x = model.sample(5)
    found, again = model.encode(x), load(run).encode(x)
    assert found.posterior.shape == (5, 10) and found.mean.shape == (5, 11)
    assert all((a == b).all() for a, b in zip(found, again, strict=True))
    assert model.route == "the recognition network" and not model.holds_plan
