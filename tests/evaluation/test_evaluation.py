"""Evaluation of small models whose scores are known, and the files it leaves in a run folder."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from infot.config import ModelConfig
from infot.coordinate_names import code_names, noise_names
from infot.data import Dataset, DatasetInfo, Scaling, load
from infot.errors import ConfigError, NumericalError, RunFolderError
from infot.evaluation import Evaluation, evaluate, write
from infot.evaluation import evaluation as evaluation_module
from infot.model import Encoding
from infot.models.blocks import Block, Categorical, Normal, Uniform
from infot.models.encoders import GaussianNoise
from infot.models.latents import LatentSpace
from infot.objectives.base import Partners


class FakeModel:
    """A generator and a code rule given as functions."""

    def __init__(
        self,
        code: tuple[Block, ...],
        noise: Block,
        generator: Callable[[Tensor, Tensor], Tensor],
        coder: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.latents = LatentSpace(code, noise)
        self.generator = generator
        self.coder = coder
        self.holds_plan = coder is not None
        self.route = "the rule"
        self.code_names = code_names(self.latents, ModelConfig())
        self.noise_names = noise_names(self.latents, ModelConfig(), (1,))

    def generate(self, code: Tensor, noise: Tensor) -> Tensor:
        return self.generator(code, noise)

    def posterior(self, x: Tensor) -> Tensor:
        if self.coder is None:
            raise ConfigError("this code has a continuous block, so its values cannot be listed")
        return self.coder(x)

    def by_category(self, posterior: Tensor) -> Tensor | None:
        return posterior if self.latents.categorical else None

    def code_laws(self, x: Tensor) -> GaussianNoise | None:
        return None

    def reconstruct(self, x: Tensor) -> Tensor:
        noise = torch.zeros(len(x), self.latents.noise_dim)
        return self.generate(self.posterior(x), noise)

    def partners(self, x: Tensor, count: int) -> Partners:
        codes = self.posterior(x).argmax(dim=1, keepdim=True).expand(-1, count)
        return Partners(
            self.reconstruct(x)[:, None].expand(-1, count, -1), codes, torch.full(codes.shape, 1 / count)
        )


def nearest(templates: Tensor) -> Callable[[Tensor], Tensor]:
    """Give each datum the code of the nearest template, with certainty."""

    def code(x: Tensor) -> Tensor:
        return torch.eye(len(templates))[torch.cdist(x.flatten(1), templates.flatten(1)).argmin(dim=1)]

    return code


def small(dataset: Dataset, n: int = 500) -> Dataset:
    """Keep few held-out data, which makes these tests fast."""
    labels = None if dataset.test_labels is None else dataset.test_labels[:n]
    return Dataset(
        dataset.name,
        dataset.kind,
        dataset.train[:n],
        dataset.test[:n],
        None if dataset.train_labels is None else dataset.train_labels[:n],
        labels,
        dataset.info,
        dataset.mixture,
        dataset.feature_names,
        dataset.scaling,
    )


@pytest.fixture(scope="module")
def ring() -> Dataset:
    return small(load("ring8"))


def ring_model(ring: Dataset, sigma: float = 0.01, n_codes: int = 8) -> FakeModel:
    assert ring.mixture is not None
    centres = ring.mixture.centres
    return FakeModel(
        (Categorical(n_codes),),
        Normal(2),
        lambda code, noise: centres[code.argmax(dim=1) % 8] + sigma * noise,
        nearest(centres) if n_codes == 8 else None,
    )


@pytest.fixture
def fewer_points(monkeypatch) -> None:
    """Take W2 between 300 points: it is cubic, and slowest for a collapsed model."""
    monkeypatch.setattr("infot.evaluation.evaluation.W2_SAMPLES", 300)


@pytest.fixture(scope="module")
def exact(ring) -> Evaluation:
    return evaluate(ring_model(ring), ring, seed=0)


def values(evaluation: Evaluation) -> dict[str, float]:
    return {name: metric.value for name, metric in evaluation.metrics.items()}


def test_a_model_that_is_the_truth_reaches_every_aim(exact) -> None:
    scores = values(exact)
    assert scores["modes"] == scores["modes_half_mass"] == 8
    assert scores["high_quality"] == pytest.approx(0.9889, abs=0.007)
    assert scores["reverse_kl"] < 0.006
    assert 0.85 < scores["variance_ratio_min"] < scores["variance_ratio_max"] < 1.2
    assert scores["w2"] == pytest.approx(exact.metrics["w2"].floor, rel=0.15)
    assert scores["code_nmi"] == scores["code_accuracy"] == scores["code_purity"] == 1.0
    assert scores["mode_entropy_given_code"] == pytest.approx(0, abs=1e-9)
    assert abs(scores["noise_nmi"]) < 0.005
    assert scores["plan_information"] == pytest.approx(np.log(8), abs=0.03)


def test_metrics_of_a_mixture_are_those_of_the_protocol(exact) -> None:
    assert set(exact.metrics) == {
        "modes", "modes_half_mass", "high_quality", "reverse_kl", "variance_ratio_min", "variance_ratio_mean",
        "variance_ratio_max", "w2", "code_nmi", "code_accuracy", "code_purity", "mode_entropy_given_code",
        "code_entropy_given_mode", "noise_nmi", "plan_information", "code_frequency_min", "code_use_entropy",
        "class_share_distance",
    }  # fmt: skip
    assert exact.metrics["modes"].n == exact.metrics["code_nmi"].n == 2500
    assert (exact.metrics["w2"].n, exact.metrics["noise_nmi"].n) == (2000, 10_000)
    assert exact.protocol["name"] == "gaussians"


def test_codes_are_drawn_independently_so_that_the_balance_varies_as_in_true_data(exact) -> None:
    frequencies = exact.arrays["code_label_counts"].sum(axis=1)
    assert frequencies.max() - frequencies.min() > 5  # stratified draws would differ by one


def test_arrays_of_vectors_have_the_shapes_of_the_report(exact) -> None:
    shapes = {name: array.shape for name, array in exact.arrays.items()}
    assert shapes == {
        "samples": (2500, 2),
        "sample_codes": (2500,),
        "data": (500, 2),
        "plan_latent_points": (8, 2),
        "plan_latent_codes": (8,),
        "plan_data_points": (240, 2),
        "plan_pairs": (720, 2),
        "plan_mass": (720,),
        "traversals": (2, 9, 8, 2),
        "traversal_values": (9,),
        "traversal_names": (2,),
        "code_label_counts": (8, 8),
        "code_frequencies": (8,),
        "class_names": (8,),
        "code_prior": (8,),
    }
    numbers = [array for name, array in exact.arrays.items() if not name.endswith("_names")]
    assert {array.dtype.name for array in numbers} == {"float32", "int64"}
    assert exact.arrays["class_names"].dtype.kind == exact.arrays["traversal_names"].dtype.kind == "U"


def test_the_plan_shown_joins_each_point_to_one_near_it(exact) -> None:
    pairs = exact.arrays["plan_pairs"]
    assert set(pairs[:, 0]) == set(range(8))
    assert sorted(pairs[:, 1]) == sorted([*range(240)] * 3)
    assert exact.arrays["plan_mass"].sum() == pytest.approx(1, abs=1e-5)
    ends = exact.arrays["plan_latent_points"][pairs[:, 0]], exact.arrays["plan_data_points"][pairs[:, 1]]
    assert np.median(np.linalg.norm(ends[0] - ends[1], axis=1)) < 0.05


def test_traversals_sweep_one_noise_coordinate_around_the_centre_of_each_code(exact, ring) -> None:
    sweeps, steps = exact.arrays["traversals"], exact.arrays["traversal_values"]
    centre = ring.mixture.centres[3].numpy()
    np.testing.assert_allclose(sweeps[0, :, 3], centre + 0.01 * np.outer(steps, [1, 0]), atol=1e-6)
    np.testing.assert_allclose(sweeps[1, :, 3], centre + 0.01 * np.outer(steps, [0, 1]), atol=1e-6)


@pytest.mark.usefixtures("fewer_points")
def test_a_collapsed_model_gets_the_known_bad_scores(ring) -> None:
    centre = ring.mixture.centres[2]
    model = FakeModel((Categorical(8),), Normal(2), lambda _, noise: centre + 0.002 * noise)
    scores = values(evaluate(model, ring, seed=0))
    assert scores["modes"] == 1
    assert scores["high_quality"] == 1.0
    assert scores["reverse_kl"] == pytest.approx(np.log(8))
    assert scores["variance_ratio_max"] == pytest.approx(0.042, rel=0.1)
    assert scores["w2"] == pytest.approx(np.sqrt(2), rel=0.01)
    assert scores["code_nmi"] == pytest.approx(0, abs=1e-9)
    assert scores["noise_nmi"] == 0.0
    assert scores["code_purity"] == 1.0
    assert "plan_information" not in scores


@pytest.mark.usefixtures("fewer_points")
def test_a_model_whose_noise_chooses_the_mode_is_found_out(ring) -> None:
    centres = ring.mixture.centres

    def by_angle(_: Tensor, noise: Tensor) -> Tensor:
        angle = torch.atan2(noise[:, 1], noise[:, 0])
        return centres[(4 * angle / torch.pi).floor().long() % 8]

    scores = values(evaluate(FakeModel((Categorical(8),), Normal(2), by_angle), ring, seed=0))
    assert scores["modes"] == 8
    assert scores["noise_nmi"] > 0.8
    assert scores["code_nmi"] < 0.05
    assert scores["mode_entropy_given_code"] > 2.0


@pytest.mark.usefixtures("fewer_points")
def test_two_codes_a_mode_cost_accuracy_and_show_as_entropy_of_the_code(ring) -> None:
    scores = values(evaluate(ring_model(ring, n_codes=16), ring, seed=0))
    assert scores["code_purity"] == 1.0
    assert scores["code_accuracy"] < 0.6
    assert scores["code_entropy_given_mode"] == pytest.approx(np.log(2), abs=0.01)


@pytest.mark.usefixtures("fewer_points")
def test_the_seed_decides_everything(ring) -> None:
    first, again, other = (evaluate(ring_model(ring), ring, seed=seed) for seed in (0, 0, 1))
    assert again.to_json() == first.to_json()
    assert all(np.array_equal(again.arrays[name], array) for name, array in first.arrays.items())
    assert values(other)["high_quality"] != values(first)["high_quality"]


TEMPLATES = torch.zeros(4, 1, 6, 6)
for k in range(4):
    TEMPLATES[k, 0, k] = 1.0


def bars(share_wrong: float = 0.0) -> Dataset:
    """Make 400 + 400 pictures of one bright row each, its number the label but for a share of false ones."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(800) % 4
    images = (TEMPLATES[labels] + 0.05 * torch.rand(800, 1, 6, 6, generator=rng)).clamp(0, 1)
    labels = torch.where(torch.rand(800, generator=rng) < share_wrong, (labels + 1) % 4, labels)
    info = DatasetInfo("bars", "images", "rows", "800", "generated", "none", class_names=tuple("abcd"))
    return Dataset("bars", "images", images[:400], images[400:], labels[:400], labels[400:], info)


def bars_model(order: tuple[int, ...] = (0, 1, 2, 3)) -> FakeModel:
    templates = TEMPLATES[list(order)]
    return FakeModel(
        (Categorical(len(order)),),
        Normal(3),
        lambda code, noise: torch.einsum("nk,kchw->nchw", code, templates) + 0.1 * noise[:, :1, None, None],
        nearest(templates),
    )


def test_codes_that_are_the_labels_under_other_names_are_perfect_on_held_out_images() -> None:
    evaluation = evaluate(bars_model((2, 0, 3, 1)), bars(), seed=0)
    scores = values(evaluation)
    assert scores["accuracy"] == scores["purity"] == scores["nmi"] == scores["ari"] == 1.0
    assert scores["plan_information"] == pytest.approx(np.log(4))
    assert evaluation.metrics["plan_information"].ceiling == pytest.approx(np.log(4))
    assert scores["reconstruction_error"] < 0.02
    assert evaluation.metrics["accuracy"].n == evaluation.metrics["frechet"].n == 400
    assert "accuracy 1.0000 on 400 held-out images" in evaluation.protocol["classifier"]
    assert set(scores) == {
        "accuracy", "purity", "nmi", "ari", "plan_information", "reconstruction_error", "frechet", "classifier_score",
        "precision", "recall", "density", "coverage", "code_agreement", "code_frequency_min", "code_use_entropy",
        "class_share_distance",
    }  # fmt: skip
    floor = evaluation.metrics["accuracy"].floor
    assert floor is not None
    assert 0.24 < floor < 0.32


def test_classes_drawn_more_often_than_they_occur_are_told() -> None:
    model, dataset = bars_model(), bars()
    assert dataset.test_labels is not None
    even = evaluate(model, dataset, seed=0).metrics["class_share_distance"].value
    model.latents = LatentSpace((Categorical(4, (0.7, 0.1, 0.1, 0.1)),), model.latents.noise)
    found = evaluate(model, dataset, seed=0)
    shares = dataset.test_labels.bincount() / len(dataset.test_labels)
    assert even == pytest.approx(float((shares - 0.25).abs().sum() / 2), abs=1e-6)
    wanted = float((shares - torch.tensor([0.7, 0.1, 0.1, 0.1])).abs().sum() / 2)
    assert found.metrics["class_share_distance"].value == pytest.approx(wanted, abs=1e-6)
    np.testing.assert_allclose(found.arrays["code_prior"], [0.7, 0.1, 0.1, 0.1], rtol=1e-6)


def test_codes_without_a_plan_are_held_against_labels_and_nothing_is_rebuilt() -> None:
    dataset = bars()
    model = bars_model()
    model.holds_plan = False
    found = evaluate(model, dataset, seed=0)
    assert values(found)["accuracy"] == 1
    assert not {"plan_information", "reconstruction_error"} & found.metrics.keys()
    assert "reconstructions" not in found.arrays and "posterior" in found.arrays
    assert found.protocol["codes"] == "likeliest code of 400 held-out data, by the rule"


@pytest.mark.parametrize(("limit", "to"), [("HELD_OUT_LIMIT", 50), ("HELD_OUT_VALUES", 50 * 36 + 35)])
def test_a_held_out_part_with_too_many_data_or_pixels_is_thinned(
    monkeypatch: pytest.MonkeyPatch, limit: str, to: int
) -> None:
    monkeypatch.setattr(evaluation_module, limit, to)
    found = evaluate(bars_model(), bars(), seed=0)
    assert found.protocol["codes"] == "likeliest code of 50 held-out data, by the rule"
    assert values(found)["accuracy"] == 1


def test_false_labels_lower_the_accuracy_by_their_share() -> None:
    dataset = bars(share_wrong=0.2)
    share = (dataset.test_labels != torch.arange(400) % 4).double().mean().item()
    assert values(evaluate(bars_model(), dataset, seed=0))["accuracy"] == pytest.approx(1 - share)


def test_arrays_of_images_have_the_shapes_of_the_report() -> None:
    arrays = evaluate(bars_model(), bars(), seed=0).arrays
    assert {name: array.shape for name, array in arrays.items()} == {
        "samples": (4, 12, 1, 6, 6),
        "templates": (4, 1, 6, 6),
        "traversals": (3, 27, 1, 6, 6),
        "code_loops": (4, 24, 1, 6, 6),
        "traversal_values": (27,),
        "traversal_names": (3,),
        "posterior_data": (40, 1, 6, 6),
        "posterior": (40, 4),
        "posterior_labels": (40,),
        "reconstructions": (40, 1, 6, 6),
        "code_label_counts": (4, 4),
        "code_frequencies": (4,),
        "class_names": (4,),
        "code_prior": (4,),
    }
    assert arrays["class_names"].tolist() == list("abcd")
    np.testing.assert_array_equal(arrays["templates"], TEMPLATES)
    assert arrays["code_label_counts"].sum() == 400
    same_noise = arrays["samples"] - arrays["templates"][:, None]
    np.testing.assert_allclose(same_noise[0], same_noise[3], atol=1e-6)


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ((Categorical(2), Categorical(3)), 6),
        ((Uniform(2),), 18),
        ((Categorical(3), Normal(1)), 12),
    ],
)
def test_every_kind_of_code_is_shown_row_by_row(code, rows) -> None:
    width = sum(block.dim for block in code)
    seen = []

    def generator(c: Tensor, e: Tensor) -> Tensor:
        seen.append(c)
        return torch.nn.functional.pad(c, (0, 36 - width)).reshape(-1, 1, 6, 6)

    arrays = evaluate(FakeModel(code, Uniform(1), generator), bars(), seed=0).arrays
    assert arrays["samples"].shape == (rows, 12, 1, 6, 6)
    shown = arrays["templates"].reshape(rows, 36)[:, :width]
    assert len(np.unique(shown, axis=0)) >= rows - 2  # sweeps meet in the centre
    assert "posterior" not in arrays
    assert arrays["traversal_values"].max() == pytest.approx(0.95)


def test_continuous_codes_are_swept_in_every_category_and_named() -> None:
    code = (Categorical(3), Uniform(2))

    def generator(c: Tensor, e: Tensor) -> Tensor:
        return torch.nn.functional.pad(c, (0, 31)).reshape(-1, 1, 6, 6)

    arrays = evaluate(FakeModel(code, Uniform(1), generator), bars(), seed=0).arrays
    assert arrays["code_traversals"].shape == (2, 27, 1, 6, 6)
    assert arrays["code_traversal_names"].tolist() == ["uniform 1", "uniform 2"]
    shown = arrays["category_traversals"].reshape(2, 3, 27, 36)[..., :5]
    np.testing.assert_array_equal(shown[..., :3], np.broadcast_to(np.eye(3)[:, None], (2, 3, 27, 3)))
    for j in range(2):
        np.testing.assert_allclose(
            shown[j, :, :, 3 + j], np.tile(np.linspace(-0.95, 0.95, 27), (3, 1)), atol=1e-6
        )
        assert (shown[j, :, :, 4 - j] == 0).all()


class Shifted(FakeModel):
    """Bars whose brightness a uniform code moves, which is read back exactly, and laws of a given width."""

    def __init__(self) -> None:
        def generator(c: Tensor, e: Tensor) -> Tensor:
            return (c[:, :4] @ TEMPLATES.flatten(1)).reshape(-1, 1, 6, 6) * (
                0.6 + 0.2 * c[:, 4, None, None, None]
            )

        super().__init__((Categorical(4), Uniform(1)), Normal(1), generator, nearest(TEMPLATES))

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.generate(self.encode(x).mean, torch.zeros(len(x), 1))

    def encode(self, x: Tensor) -> Encoding:
        kinds = self.posterior(x)
        level = x.flatten(1).amax(1, keepdim=True)
        return Encoding(kinds.argmax(1), kinds, torch.cat([kinds, ((level - 0.6) / 0.2).clamp(-1, 1)], dim=1))

    def code_laws(self, x: Tensor) -> GaussianNoise | None:
        normals = torch.special.ndtri((1 + self.encode(x).mean[:, 4:].clamp(-0.999, 0.999)) / 2)
        return GaussianNoise(normals, torch.full_like(normals, 0.1).log())


def test_a_mixed_code_has_categories_and_knobs() -> None:
    dataset = bars()
    level = 0.4 + 0.4 * torch.rand(len(dataset.test), 1, 1, 1, generator=torch.Generator().manual_seed(0))
    assert dataset.test_labels is not None
    dimmed = replace(dataset, test=TEMPLATES[dataset.test_labels] * level)
    found = evaluate(Shifted(), dimmed, seed=0)
    scores = values(found)
    assert scores["accuracy"] == 1 and scores["class_share_distance"] < 0.1
    assert scores["code_information_1"] > 1
    assert scores["code_prior_distance_1"] < 3 * found.metrics["code_prior_distance_1"].floor
    assert "code_correlation" not in scores  # there is but one
    assert found.arrays["attribute_codes"].tolist() == ["uniform 1"]
    ink = found.arrays["attribute_names"].tolist().index("ink")
    assert found.arrays["attribute_correlations"][0, ink] > 0.9
    effects = found.arrays["attribute_effects"][0]
    assert effects[ink] > 2 and np.abs(np.delete(effects, ink)).max() < 1e-3
    assert found.arrays["code_prior"].tolist() == [0.25] * 4


def test_axes_of_an_anisotropic_gaussian_are_measured() -> None:
    dataset = small(load("anisotropic"), 400)
    axes = torch.tensor(dataset.info.axes)
    model = FakeModel((Normal(1),), Normal(1), lambda code, noise: torch.cat([2 * code, noise], dim=1) @ axes)
    evaluation = evaluate(model, dataset, seed=0)
    scores = values(evaluation)
    assert scores["code_axis_cosine"] > 0.9999
    assert scores["noise_axis_cosine"] < 0.02
    assert scores["scale_ratio_min"] == pytest.approx(1, abs=0.02)
    assert scores["scale_ratio_max"] == pytest.approx(1, abs=0.02)
    assert scores["w2"] < 2 * (evaluation.metrics["w2"].floor or 0)
    assert "plan_information" not in scores
    assert evaluation.arrays["sample_codes"].dtype == np.float32


def table() -> tuple[Dataset, Tensor]:
    """Make a table of two clusters, standardised, and return its points in the user's units too."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 2
    points = torch.tensor([[1000.0, -5.0], [3000.0, 5.0]])[labels] + torch.randn(120, 2, generator=rng)
    scaling = Scaling.of(points)
    scaled = scaling.apply(points)
    info = DatasetInfo(
        "file", "vectors", "a table", "120", "the user's", "unknown", class_names=("low", "high")
    )
    dataset = Dataset(
        "file", "vectors", scaled[:60], scaled[60:], labels[:60], labels[60:], info, None, ("a", "b"), scaling
    )
    return dataset, points


def test_a_table_is_measured_in_training_units_and_shown_in_the_users() -> None:
    dataset, points = table()
    centres = torch.stack([dataset.train[dataset.train_labels == k].mean(dim=0) for k in (0, 1)])
    model = FakeModel(
        (Categorical(2),), Normal(1), lambda code, noise: code @ centres + 0.01 * noise, nearest(centres)
    )
    evaluation = evaluate(model, dataset, seed=0)
    scores = values(evaluation)
    assert scores["accuracy"] == 1.0
    assert scores["w2"] < 0.5
    assert "reconstruction_error" not in scores
    np.testing.assert_allclose(evaluation.arrays["data"], points[60:], rtol=1e-4, atol=1e-3)
    assert dataset.scaling is not None
    np.testing.assert_allclose(evaluation.arrays["column_scales"], dataset.scaling.std, rtol=1e-6)
    assert evaluation.arrays["samples"][:, 0].max() == pytest.approx(3000, abs=60)


def test_a_generator_that_left_the_finite_numbers_is_reported(ring) -> None:
    model = FakeModel((Categorical(8),), Normal(2), lambda code, noise: noise / 0)
    with pytest.raises(NumericalError, match="the generator gives NaN or infinite values"):
        evaluate(model, ring, seed=0)


def test_write_leaves_the_two_files_of_the_contract_and_nothing_else(exact, tmp_path: Path) -> None:
    write(exact, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evaluation.json", "evaluation.npz"]
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert list(record) == ["protocol", "data", "metrics"]
    assert record["data"]["name"] == "ring8"
    assert all(
        list(metric) == ["value", "floor", "ceiling", "better", "n"] for metric in record["metrics"].values()
    )
    with np.load(tmp_path / "evaluation.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == set(exact.arrays)
        np.testing.assert_array_equal(arrays["samples"], exact.arrays["samples"])


def test_writing_twice_gives_the_same_bytes(exact, tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        write(exact, tmp_path)
        contents.append([(tmp_path / name).read_bytes() for name in ("evaluation.json", "evaluation.npz")])
    assert contents[0] == contents[1]


def test_a_run_folder_that_is_not_there_is_refused(exact, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is no folder; give a run folder"):
        write(exact, tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_a_file_that_cannot_be_replaced_is_a_clear_error_and_leaves_no_scraps(exact, tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").mkdir()  # a folder of that name refuses the rename, for the super-user too
    with pytest.raises(RunFolderError, match=r"cannot write .*evaluation\.json"):
        write(exact, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evaluation.json", "evaluation.npz"]
