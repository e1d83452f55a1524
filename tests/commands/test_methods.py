"""Every method from the command line: train, evaluate, sample, and read codes where the method can."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from infot.errors import ConfigError
from infot.methods import AUTOENCODERS, CONTINUOUS, HOLD_PLANS, METHODS
from infot.model import load

from .conftest import Invoke

SMALL = ["--training.batch-size", 32, "--steps", 3, "--model.width", 8, "--device", "cpu"]
NAMES_CLASSES = (*HOLD_PLANS, "infogan")  # a code that can be held against labels
READS_CODES = (*NAMES_CLASSES, *CONTINUOUS)

OTHERS = [name for name in METHODS if name != "structured"]


def results(run: Path, method: str) -> dict[str, object]:
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["method"], summary["status"], summary["steps"]) == (method, "finished", 3)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(last["loss"])
    metrics = json.loads((run / "evaluation.json").read_text())["metrics"]
    assert ("plan_information" in metrics) == (method in HOLD_PLANS)
    return metrics


@pytest.mark.parametrize("method", OTHERS)
def test_a_method_trains_on_vectors(tmp_path: Path, infot: Invoke, points: Path, method: str) -> None:
    run = tmp_path / "run"
    code = [] if method in CONTINUOUS else ["--latent.categorical", 3]
    options = ["--data", points, *code, *SMALL]
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
    assert ("accuracy" in results(run, method)) == (method in NAMES_CLASSES)
    assert infot("sample", run, "--n", 4, "--out", tmp_path / "x.png") == 0
    assert infot("report", run) == 0


def test_a_reloaded_recognition_network_reads_the_same_codes(tmp_path: Path, infot: Invoke) -> None:
    run = tmp_path / "run"
    options = ["--latent.uniform", 1, "--critic.code-weight", 1, 0.1]
    assert infot("train", "digits", "--method", "infogan", *SMALL, *options, "--run", run) == 0
    metrics = json.loads((run / "evaluation.json").read_text())["metrics"]
    assert {"accuracy", "nmi"} <= metrics.keys()  # of the categorical block, whatever else the code holds
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((5, 8, 8), np.float32))
    assert infot("encode", run, "--data", tmp_path / "x.npy", "--out", tmp_path / "codes.csv") == 0
    header, *rows = [line.split(",") for line in (tmp_path / "codes.csv").read_text().splitlines()]
    assert header == ["name", "categorical 1", "uniform 1"]
    assert len(rows) == 5
    for _, category, number in rows:
        assert int(category) in range(10)
        assert -1 <= float(number) <= 1
    model = load(run)
    x = model.sample(5)
    found, again = model.encode(x), load(run).encode(x)
    assert found.posterior.shape == (5, 10) and found.mean.shape == (5, 11)
    assert all((a == b).all() for a, b in zip(found, again, strict=True))
    assert model.route == "the recognition network" and not model.holds_plan


@pytest.mark.parametrize("method", AUTOENCODERS)
def test_a_reloaded_encoder_reads_the_same_codes(tmp_path: Path, infot: Invoke, method: str) -> None:
    run = tmp_path / "run"
    assert infot("train", "digits", "--method", method, *SMALL, "--latent.normal", 3, "--run", run) == 0
    model = load(run)
    x = model.sample(5)
    found, again = model.encode(x), load(run).encode(x)
    assert found.mean.shape == (5, 3) and len(found.mean.unique(dim=0)) == 5
    assert all((a == b).all() for a, b in zip(found, again, strict=True))
    assert model.route == "the encoder" and not model.holds_plan
    assert "| noise | none |" in (run / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("method", "cost"),
    [("structured-semidual", "pixel"), ("structured-amortised", "learned"), ("sinkhorn", "learned")],
)
def test_a_reloaded_plan_reads_the_same_codes_by_each_of_its_routes(
    tmp_path: Path, infot: Invoke, points: Path, method: str, cost: str
) -> None:
    run = tmp_path / "run"
    options = ["--objective.cost", cost, "--latent.categorical", 3, "--data", points]
    assert infot("train", "custom", "--method", method, *SMALL, *options, "--run", run) == 0
    model = load(run)
    assert model.holds_plan
    x = model.sample(5)
    routes = ("plan", "encoder") if method == "structured-amortised" else ("plan",)
    for route in routes:
        found, again = model.encode(x, route), load(run).encode(x, route)
        assert found.mean.shape == (5, 3)
        assert all((a == b).all() for a, b in zip(found, again, strict=True))
    for route in {"plan", "encoder"} - set(routes):
        with pytest.raises(ConfigError, match=rf"--route {route}: this model reads codes by the plan"):
            model.encode(x, route)
    torch.testing.assert_close(model.partners(x, 10_000).mass.sum(1), torch.ones(5))


@pytest.mark.parametrize(
    ("cost", "plan"), [("pyramid", "primal"), ("pyramid", "sample"), ("learned", "primal")]
)
def test_a_reloaded_plan_sees_images_as_it_was_trained_to(
    tmp_path: Path, infot: Invoke, cost: str, plan: str
) -> None:
    run = tmp_path / "run"
    options = [
        "--objective.cost",
        cost,
        "--objective.plan",
        plan,
        "--objective.epsilon-code-ratio",
        1,
        1,
    ]
    assert infot("train", "digits", *SMALL, *options, "--run", run) == 0
    model, again = load(run), load(run)
    x = model.sample(5)
    found = model.encode(x).posterior
    assert found.shape == (5, 10)
    assert torch.equal(found, again.encode(x).posterior)


def test_an_autoencoder_takes_no_other_latent_and_no_deformable_generator(
    tmp_path: Path, infot: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["train", "digits", "--method", "beta-vae", *SMALL, "--run", tmp_path / "run"]
    assert infot(*base, "--latent.categorical", 3) == 2
    assert "latent: the method beta-vae has a normal code and nothing else" in capsys.readouterr().err
    assert infot(*base, "--model.generator", "deformable") == 2
    assert "model.generator: a deformable generator has noise" in capsys.readouterr().err


def test_axes_are_measured_of_a_latent_without_noise(tmp_path: Path, infot: Invoke) -> None:
    run = tmp_path / "run"
    assert infot("train", "anisotropic3", "--method", "beta-vae", *SMALL, "--run", run) == 0
    assert "code_axis_cosine" in json.loads((run / "evaluation.json").read_text())["metrics"]
