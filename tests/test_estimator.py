"""The estimator: scikit-learn's conventions, the same training as the command line, and what is read off the plan."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import infot
from infot import ot
from infot.cli import main
from infot.errors import CheckpointError, ConfigError, DataError, DivergenceWarning, ProblemError
from infot.session import Session
from infot.training.starts import Outcome

SMALL: dict[str, Any] = {
    "model": {"width": 16, "depth": 1},
    "objective": {"noise_per_code": 8, "epsilon": (0.2, 0.1)},
}


def groups(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Return points in three groups, in units far from standard ones, and the group of each."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    return 100 + 10 * (centres[labels] + rng.normal(size=(n, 2)) / 5), labels


def small(**parameters: Any) -> infot.InformativeGAN:
    """Return an estimator that fits in a second."""
    return infot.InformativeGAN(**({"code": 3, "steps": 60, "config": SMALL, "random_state": 0} | parameters))


@pytest.fixture(scope="module", name="fitted")
def _fitted() -> infot.InformativeGAN:
    return small().fit(groups()[0])


@parametrize_with_checks([small(steps=30, config=SMALL | {"training": {"learning_rate": 1e-2}})])
def test_conventions_of_scikit_learn(estimator, check):
    check(estimator)


def test_it_is_a_public_name_that_costs_nothing_until_it_is_used():
    code = "import sys, infot; assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "InformativeGAN" in infot.__all__


def test_it_trains_as_the_command_line_does(tmp_path: Path):
    x, _ = groups()
    np.savez(tmp_path / "x.npz", x=x, x_test=x[:5])
    options = ["--latent.categorical", "3", "--model.width", "16", "--model.depth", "1", "--steps", "20"]
    options += ["--objective.noise-per-code", "8", "--objective.epsilon", "0.2", "0.1"]
    options += ["--training.batch-size", "120", "--seed", "3"]
    run = ["--data", str(tmp_path / "x.npz"), "--run", str(tmp_path / "run")]
    assert main(["train", "custom", *options, *run]) == 0
    there = infot.load(tmp_path / "run")
    here = small(steps=20, random_state=3).fit(x)
    assert here.config_.objective == there.config.objective
    assert here.config_.training == there.config.training
    for name, value in there.nets.state_dict().items():
        assert torch.equal(here.model_.nets.state_dict()[name], value), name
    assert torch.equal(
        here.model_.posterior(here.model_.scale(torch.from_numpy(x))),
        there.posterior(there.scale(torch.from_numpy(x))),
    )


@pytest.mark.slow
def test_codes_are_the_groups_of_the_data():
    x, labels = groups(300)
    model = infot.InformativeGAN(code=3, steps=400, config={"model": {"width": 32}}, random_state=0).fit(x)
    assert adjusted_rand_score(labels, model.predict(x)) > 0.95
    centres = np.stack([model.sample(200, code=k).mean(0) for k in range(3)])
    truth = np.stack([x[labels == k].mean(0) for k in range(3)])
    distances = np.linalg.norm(centres[:, None] - truth, axis=2)
    assert sorted(distances.argmin(1)) == [0, 1, 2]
    assert distances.min(1).max() < 4  # the groups lie 40 apart, their standard deviation is 2


def test_the_same_seed_gives_the_same_model():
    x, _ = groups()
    one, same, other = (small(steps=5, random_state=seed).fit(x) for seed in (1, 1, 2))
    assert np.array_equal(one.sample(9), same.sample(9))
    assert not np.array_equal(one.sample(9), other.sample(9))
    drawn = small(steps=5, random_state=np.random.RandomState(0)).fit(x)
    assert drawn.config_.seed == np.random.RandomState(0).randint(2**31 - 1)


def test_clones_are_unfitted_and_take_parameters():
    model = small(epsilon_code_ratio=0.2)
    copy = clone(model).set_params(steps=7)
    assert (copy.steps, copy.epsilon_code_ratio, copy.config) == (7, 0.2, SMALL)
    with pytest.raises(NotFittedError):
        copy.predict(groups()[0])
    with pytest.raises(NotFittedError):
        copy.sample(3)
    with pytest.raises(NotFittedError):
        copy.plan(groups()[0])
    with pytest.raises(NotFittedError):
        copy.save("nowhere")


def test_predictions_posteriors_and_the_plan_agree(fitted):
    x, _ = groups()
    posterior = fitted.transform(x)
    assert posterior.shape == (120, 3)
    np.testing.assert_allclose(posterior.sum(1), 1, atol=1e-5)
    assert np.array_equal(fitted.predict(x), posterior.argmax(1))
    assert np.array_equal(fitted.labels_, fitted.predict(x))
    for part in (x, x[:4]):  # the plan of a few data is no other than theirs among many
        plan = fitted.plan(part)
        assert isinstance(plan, infot.ot.Plan)
        read = plan.conditional().reshape(3, -1, len(part)).sum(1).T
        np.testing.assert_allclose(read, fitted.transform(part), atol=1e-4)
    assert float(fitted.plan(x).mutual_information("code")) > 0.5
    assert float(fitted.plan(x).marginal_error) < 1e-3


def test_samples_are_in_the_users_units(fitted):
    drawn = fitted.sample(200, rng=1)
    assert drawn.shape == (200, 2)
    assert 80 < drawn.mean() < 140
    assert np.array_equal(fitted.sample(5, code=np.int64(2)), fitted.sample(5, code=2))


def test_what_is_saved_loads_as_a_trained_model(fitted, tmp_path: Path):
    x, _ = groups()
    fitted.save(tmp_path / "model")
    model = infot.load(tmp_path / "model")
    assert np.array_equal(model.encode(model.scale(torch.from_numpy(x))).code.numpy(), fitted.predict(x))
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(x), fitted.predict(x))


@pytest.mark.parametrize("channels", [False, True])
def test_images_keep_their_shape(channels: bool):
    images = load_digits().images[:60] / 16
    images = images[:, None] if channels else images
    model = infot.InformativeGAN(
        code=3, steps=3, batch_size=30, config={"model": {"width": 16}}, random_state=0
    )
    model.fit(images)
    assert model.config_.model.generator == "deformable"
    assert model.n_features_in_ == 64
    assert model.sample(4).shape == (4, *images.shape[1:])
    assert model.transform(images[:7]).shape == (7, 3)
    plan = model.plan(images[:7])
    np.testing.assert_allclose(plan.conditional().T, model.transform(images[:7]), atol=1e-4)
    assert float(plan.mutual_information("code")) >= 0
    with pytest.raises(
        ProblemError, match=r"X has data of shape \(64,\), but InformativeGAN is expecting data of"
    ):
        model.predict(images.reshape(60, -1))


def test_a_continuous_code_is_read_by_its_mean():
    x, _ = groups()
    model = small(code=(infot.Categorical(3), infot.Uniform(1)), steps=5).fit(x)
    assert model.transform(x).shape == (120, 4)
    assert not hasattr(model, "labels_")
    with pytest.raises(ConfigError, match="transform returns its mean"):
        model.predict(x)


def test_methods_without_a_plan_say_so():
    model = small(method="nonsaturating", steps=3).fit(groups()[0])
    assert model.sample(3).shape == (3, 2)
    with pytest.raises(ConfigError, match="nonsaturating cannot read codes of data"):
        model.predict(groups()[0])


class Frame:
    """What scikit-learn's conventions ask of a data frame: columns, and an array."""

    def __init__(self, array: np.ndarray, columns: tuple[str, ...]) -> None:
        self.array, self.columns, self.shape = array, columns, array.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.array, dtype=dtype)

    def __len__(self) -> int:
        return len(self.array)


def test_columns_of_a_data_frame_are_kept_and_asked_for(tmp_path: Path):
    x, _ = groups()
    model = small(steps=3).fit(Frame(x, ("width", "height")))
    assert model.feature_names_in_.tolist() == ["width", "height"]
    assert model.model_.data.feature_names == ("width", "height")
    with pytest.raises(
        ProblemError, match="expected the columns of fit, in their order: width, height; got height"
    ):
        model.predict(Frame(x, ("height", "width")))
    assert not hasattr(model.fit(x), "feature_names_in_")


def test_progress_is_shown_on_request(capsys):
    small(steps=4, verbose=True, config=SMALL | {"training": {"log_every": 2}}).fit(groups()[0])
    assert "step 4/4" in capsys.readouterr().err
    small(steps=4).fit(groups()[0])
    assert capsys.readouterr().err == ""


def test_n_init_is_the_number_of_starts():
    x, _ = groups()
    model = small(steps=10, n_init=3).fit(x)
    assert model.config_.training.starts == 3
    assert model.model_.steps == 10 + 2 * 3


def test_a_start_that_diverged_is_told(monkeypatch: pytest.MonkeyPatch):
    def fit(self, callbacks=()):
        self.state.starts.outcomes += [Outcome(1.0), Outcome(None, "step 7: loss is not finite")]

    monkeypatch.setattr(Session, "fit", fit)
    with pytest.warns(DivergenceWarning, match="start 2 of 3 diverged at step 7: loss is not finite"):
        small(steps=10, n_init=3).fit(groups()[0])


def test_named_parameters_and_fields_make_the_configuration():
    x, _ = groups()
    config = SMALL | {"training": {"ema_decay": 0.5}, "data": {"standardise": False}}
    parameters: dict[str, Any] = {"batch_size": 50, "learning_rate": 1e-3, "epsilon_code_ratio": (0.5, 0.2)}
    model = small(steps=2, config=config, device="cpu", **parameters).fit(x)
    training = model.config_.training
    assert (training.steps, training.batch_size, training.learning_rate, training.device) == (
        2,
        50,
        1e-3,
        "cpu",
    )
    assert (training.ema_decay, model.config_.objective.epsilon_code_ratio) == (0.5, (0.5, 0.2))
    assert model.model_.data.scaling is None
    assert small(steps=1, random_state=None, config=SMALL | {"seed": 5}).fit(x).config_.seed == 5
    assert small(steps=1, config=SMALL | {"preset": "grid25"}).fit(x).config_.training.ema_from == 0.7


def test_parameters_may_be_numbers_of_numpy():
    parameters: dict[str, Any] = {
        "steps": np.int64(2),
        "batch_size": np.int32(50),
        "learning_rate": np.float32(0.5),
        "epsilon_code_ratio": np.float32(0.5),
    }
    model = small(**parameters).fit(groups()[0])
    training = model.config_.training
    assert (training.steps, training.batch_size, training.learning_rate) == (2, 50, 0.5)
    assert model.config_.objective.epsilon_code_ratio == (0.5, 0.5)
    model.set_params(epsilon_code_ratio=np.array([0.5, 0.25])).fit(groups()[0])
    assert model.config_.objective.epsilon_code_ratio == (0.5, 0.25)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"code": 1}, "at least 2 values, got 1"),
        ({"code": 2.5}, "code: expected a number of categories, or blocks .*, got 2.5"),
        ({"code": None}, "code: expected a number of categories, or blocks .*, got None"),
        (
            {"code": (infot.Uniform(1), infot.Categorical(3))},
            "blocks in the order Categorical, Circle, Uniform, Normal",
        ),
        ({"code": infot.Categorical(2, weights=(0.3, 0.7))}, "categories of equal prior weight"),
        ({"code": (infot.Circle(3), infot.Circle(4))}, "circles of one number of sectors"),
        ({"method": "kmeans"}, "there is no 'kmeans'"),
        (
            {"config": {"training": {"steps": 3}}},
            "training.steps has a parameter of its own, got both: keep one",
        ),
        ({"config": {"modle": {}}}, "unknown field modle; did you mean model"),
        ({"config": {"data": {"path": "x.npy"}}}, "data.path: fit is given the data itself"),
        ({"config": {"data": "x.npy"}}, "data: expected fields"),
        ({"cost": 3}, "cost: expected a ground cost, an infot.ot.Cost, got 3"),
        ({"config": "custom"}, "config: expected fields by section, a dictionary, got str"),
        ({"steps": 2.5}, "training.steps: expected a whole number, got 2.5"),
        ({"random_state": -1}, "seed: expected 0 or more"),
    ],
)
def test_parameters_that_cannot_be_run(parameters, message):
    with pytest.raises(ConfigError, match=message):
        small(**parameters).fit(groups()[0])


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda x: x[:2], ProblemError, "as many data as code values, 3, got n_samples = 2"),
        (lambda x: np.where(x == x[3, 1], np.nan, x), ValueError, "contains NaN"),
        (lambda x: x[:, 0], ValueError, "Expected 2D array, got 1D array"),
        (lambda x: x.reshape(4, 2, 3, 5, 2), DataError, "expected vectors"),
        (lambda x: x.reshape(30, 2, 4), DataError, r"floats in \[0, 1\]"),
        (lambda x: np.zeros((9, 5, 5, 3)), DataError, "Move the channels to the second axis"),
        (lambda x: np.ones_like(x), DataError, "expected examples that differ"),
    ],
)
def test_data_that_cannot_be_trained_on(spoil, error, message):
    with pytest.raises(error, match=message):
        small().fit(spoil(groups()[0]))


def test_a_ground_cost_of_the_users_own_trains_and_is_asked_for_on_load(tmp_path: Path) -> None:
    points, labels = groups()
    cost = ot.Lp(p=1.0)
    model = small(cost=cost).fit(points)
    assert adjusted_rand_score(labels, model.predict(points)) > 0.9
    model.save(tmp_path / "model")
    with pytest.raises(CheckpointError, match=r"under a ground cost of its maker's own.*cost="):
        infot.load(tmp_path / "model")
    again = infot.load(tmp_path / "model", cost=cost)
    x = again.sample(5)
    torch.testing.assert_close(again.encode(x).posterior, model.model_.encode(x).posterior)
    with pytest.raises(ConfigError, match=r"objective\.cost: expected `given` together with a ground cost"):
        small(config={**SMALL, "objective": {**SMALL["objective"], "cost": "given"}}).fit(points)
