"""Axes of code and noise: linear generators whose axes are known, rotated, swapped and curved ones."""

import numpy as np
import pytest

from infot.errors import ProblemError
from infot.metrics import axes_metrics, linear_response, read_axes

AXES = np.array([[0.8, 0.6], [-0.6, 0.8]])
VARIANCES = np.array([4.0, 1.0])
N = 10_000


def latents(code: int, noise: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((N, code)), rng.standard_normal((N, noise))


def read(directions: np.ndarray):
    """Read the axes of the generator x = D·(c, e) with a single code and a single noise."""
    code, noise = latents(1, 1)
    samples = np.concatenate([code, noise], axis=1) @ directions.T
    return read_axes(code, noise, samples, axes=AXES, variances=VARIANCES)


def test_code_on_the_first_axis_and_noise_on_the_second_are_perfect() -> None:
    axes = read(AXES.T * [2.0, 1.0])
    assert axes.code_cosines == pytest.approx([1.0])
    assert axes.noise_cosine == pytest.approx(0.0, abs=1e-9)
    assert axes.scale_ratios == pytest.approx([1.0, 1.0], abs=0.02)


def test_the_sign_of_an_axis_does_not_matter() -> None:
    assert read(-AXES.T * [2.0, 1.0]).code_cosines == pytest.approx([1.0])


def test_swapped_latents_score_nothing() -> None:
    axes = read(AXES.T[:, ::-1] * [1.0, 2.0])
    assert axes.code_cosines == pytest.approx([0.0], abs=1e-9)
    assert axes.noise_cosine == pytest.approx(1.0)


@pytest.mark.parametrize("angle", [0.1, 0.5, 1.2])
def test_a_rotation_of_the_latents_is_measured_though_the_law_is_unchanged(angle) -> None:
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    axes = read(AXES.T * [2.0, 1.0] @ rotation)
    first, second = 2 * np.cos(angle), np.sin(angle)
    assert axes.code_cosines == pytest.approx([first / np.hypot(first, second)])
    assert axes.scale_ratios == pytest.approx([1.0, 1.0], abs=0.03)


def test_wrong_scales_are_measured() -> None:
    assert read(AXES.T * [2.6, 0.5]).scale_ratios == pytest.approx([1.3, 0.5], abs=0.02)


def test_several_codes_have_an_axis_each_and_noise_has_nowhere_to_go() -> None:
    code, noise = latents(2, 1)
    samples = code * np.sqrt(VARIANCES) @ AXES
    axes = read_axes(code, noise, samples, axes=AXES, variances=VARIANCES)
    assert axes.code_cosines == pytest.approx([1.0, 1.0])
    assert axes.noise_cosine is None
    metrics = axes_metrics(axes, N)
    assert metrics["code_axis_cosine_2"].value == pytest.approx(1.0)
    assert "noise_axis_cosine" not in metrics


def test_noise_that_moves_nothing_is_off_the_axis() -> None:
    assert read(AXES.T * [2.0, 0.0]).noise_cosine == 0.0


def test_uniform_codes_and_curved_generators_keep_their_direction() -> None:
    rng = np.random.default_rng(0)
    code, noise = rng.uniform(-1, 1, (N, 1)), rng.standard_normal((N, 1))
    samples = np.concatenate([2 * np.sinh(code), noise], axis=1) @ AXES
    axes = read_axes(code, noise, samples, axes=AXES, variances=VARIANCES)
    assert axes.code_cosines[0] > 0.999
    assert axes.noise_cosine is not None
    assert axes.noise_cosine < 0.02


def test_the_response_of_a_linear_generator_is_its_matrix() -> None:
    code, _ = latents(3, 1)
    matrix = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(
        linear_response(code, code @ matrix.T + 7), matrix * code.std(axis=0), atol=1e-9
    )


def test_metrics_state_which_way_is_better() -> None:
    metrics = axes_metrics(read(AXES.T * [2.6, 0.5]), N)
    assert {name: metric.better for name, metric in metrics.items()} == {
        "code_axis_cosine": "higher",
        "noise_axis_cosine": "lower",
        "scale_ratio_min": "higher",
        "scale_ratio_max": "lower",
    }
    assert metrics["scale_ratio_min"].aim == metrics["scale_ratio_max"].aim == 1.0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ProblemError, match="latents and samples must have one length, got 3 and 4"):
        linear_response(np.zeros((3, 1)), np.zeros((4, 2)))
    with pytest.raises(ProblemError, match="a fit of 5 latents needs more than 6 samples, got 6"):
        linear_response(np.zeros((6, 5)), np.zeros((6, 2)))
    with pytest.raises(ProblemError, match="samples of 3 dimensions need as many axes"):
        read_axes(np.zeros((9, 1)), np.zeros((9, 1)), np.zeros((9, 3)), axes=AXES, variances=VARIANCES)
