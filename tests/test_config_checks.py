import dataclasses
from pathlib import Path
from typing import Any

import pytest

from infot.config import RunConfig
from infot.config_checks import check_config, check_config_with_data
from infot.errors import ConfigError
from infot.methods import with_method
from infot.presets import PRESETS


def changed(field: str, value: Any, preset: str = "ring8") -> RunConfig:
    """Return a preset with one field, given by its dotted name, changed."""
    config = PRESETS[preset]
    section, _, name = field.rpartition(".")
    if not section:
        return dataclasses.replace(config, **{name: value})
    part = dataclasses.replace(getattr(config, section), **{name: value})
    return dataclasses.replace(config, **{section: part})


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "custom"])
def test_presets_can_be_run(name: str) -> None:
    check_config(PRESETS[name])


def test_the_custom_preset_needs_a_path() -> None:
    with pytest.raises(ConfigError, match=r"data\.path: missing; .*--data PATH"):
        check_config(PRESETS["custom"])
    check_config(changed("data.path", Path("points.npy"), "custom"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seed", -1, "seed: expected 0 or more, got -1"),
        ("seed", 2**64, r"seed: expected less than 2\^64, got 18446744073709551616"),
        ("data.seed", -1, r"data\.seed: expected at least 0"),
        ("data.path", Path("x"), r"data\.path: ring8 is made or shipped by infot and reads no file"),
        ("data.image_size", 1, r"data\.image_size: expected at least 2, got 1"),
        ("latent.categorical", (8, 1), r"latent\.categorical: size of a block: expected at least 2, got 1"),
        ("latent.categorical", (), "the code is empty; give one"),
        ("latent.uniform", -1, r"latent\.uniform: expected at least 0"),
        ("latent.normal", -2, r"latent\.normal: expected at least 0"),
        ("latent.noise", -1, r"latent\.noise: expected at least 0"),
        (
            "latent.weights",
            (1.0, 2.0),
            r"latent\.weights: expected a positive number for each of the 8 values",
        ),
        ("latent.weights", (1.0,) * 7 + (0.0,), r"latent\.weights: expected a positive number"),
        ("latent.prior_rate", 0.0, r"latent\.prior_rate: expected more than 0"),
        ("latent.prior_least", 1.5, r"latent\.prior_least: expected a number from 0 to 1"),
        ("latent.noise_law_rate", 0.0, r"latent\.noise_law_rate: expected more than 0"),
        (
            "latent.noise_law",
            "learned",
            r"latent\.noise_law: the noise of data is known where an encoder holds",
        ),
        ("latent.noise", 0, r"latent\.noise: the method structured couples data with draws of the noise"),
        ("objective.beta", -1.0, r"objective\.beta: expected 0 or more, got -1"),
        ("latent.ordered", True, r"latent\.ordered: there is nothing to order"),
        ("model.width", 1, r"model\.width: expected at least 2"),
        ("model.depth", 0, r"model\.depth: expected at least 1"),
        ("model.code_blends", -1, r"model\.code_blends: expected at least 0, got -1"),
        (
            "model.code_blends",
            1,
            r"model\.code_blends: a mlp generator has nothing to blend; expected 0",
        ),
        ("model.code_tints", 1, r"model\.code_tints: a mlp generator has no tints; expected 0"),
        ("model.noise_gain", 0.0, "model.noise_gain: expected a positive number, got 0.0"),
        ("model.displacement_grid", 1, r"model\.displacement_grid: expected 0 \(none\) or at least 2"),
        ("objective.epsilon", (0.1, 0.0), r"objective\.epsilon: expected positive numbers, got 0\.0"),
        ("objective.epsilon", (float("inf"), 1.0), r"objective\.epsilon: expected positive numbers, got inf"),
        (
            "objective.epsilon_code_ratio",
            (-1.0, 0.1),
            r"epsilon_code_ratio: expected positive numbers, got -1",
        ),
        ("objective.epsilon_code_ratio", (2.0, 0.1), r"epsilon_code_ratio: expected at most 1"),
        (
            "objective.relaxation",
            (0.25, 0.0),
            r"objective\.relaxation: expected two positive numbers or none",
        ),
        ("model.appearances", -1, r"model\.appearances: expected at least 0"),
        ("objective.appearance_onset", -0.5, r"appearance_onset: expected a share between 0 and 1"),
        ("objective.deformation_onset", 1.5, r"deformation_onset: expected a share between 0 and 1"),
        ("objective.loosen", (0.6, 0.2), r"objective\.loosen: expected two shares in order"),
        ("objective.anneal", (0.6, 0.2), r"objective\.anneal: expected two shares in order"),
        ("objective.anneal", (0.0, 1.2), r"objective\.anneal: expected two shares in order"),
        ("objective.self_structure", (-0.1, 0.2), r"objective\.self_structure: expected two shares in order"),
        ("objective.noise_per_code", 0, r"objective\.noise_per_code: expected at least 1"),
        ("objective.codes_per_batch", 1, r"objective\.codes_per_batch: expected at least 2"),
        ("objective.tolerance", 0.0, r"objective\.tolerance: expected a positive number"),
        ("objective.max_solver_steps", 0, r"objective\.max_solver_steps: expected at least 1"),
        ("critic.steps", 0, r"critic\.steps: expected at least 1"),
        ("critic.generator_steps", 0, r"critic\.generator_steps: expected at least 1"),
        ("critic.features", 0, r"critic\.features: expected at least 1"),
        ("critic.rate", 0.0, r"critic\.rate: expected a positive number"),
        ("critic.clip", -1.0, r"critic\.clip: expected a positive number"),
        ("critic.contrast", -1.0, r"critic\.contrast: expected 0 or more, got -1"),
        ("critic.contrast_from", 1.5, r"critic\.contrast_from: expected a share between 0 and 1, got 1\.5"),
        ("critic.contrast_gap_until", -0.5, r"critic\.contrast_gap_until: expected a share"),
        ("critic.contrast_gap", 2.0, r"critic\.contrast_gap: expected 0 or more and less than 2, got 2"),
        ("critic.gradient_penalty", -1.0, r"critic\.gradient_penalty: expected 0 or more"),
        ("critic.code_weight", (1.0, -1.0), r"critic\.code_weight: expected two numbers of 0 or more"),
        ("critic.pack", 0, r"critic\.pack: expected at least 1"),
        ("critic.pack", 2, r"critic\.pack: the method structured judges data one by one"),
        ("training.steps", 0, r"training\.steps: expected at least 1, got 0"),
        ("training.schedule_steps", 0, r"training\.schedule_steps: expected at least 1"),
        ("training.starts", 0, r"training\.starts: expected at least 1, got 0"),
        ("training.starts_until", 0.0, r"training\.starts_until: expected a share between 0 and 1, got 0"),
        ("training.starts_until", 1.0, r"training\.starts_until: expected a share between 0 and 1, got 1"),
        ("training.batch_size", 1, r"training\.batch_size: expected at least 2"),
        (
            "training.learning_rate",
            -1e-3,
            r"training\.learning_rate: expected a positive number, got -0\.001",
        ),
        (
            "training.learning_rate",
            float("inf"),
            r"training\.learning_rate: expected a positive number, got inf",
        ),
        ("training.final_learning_rate", -1.0, r"training\.final_learning_rate: expected 0 or more"),
        ("training.decay_from", 1.5, r"training\.decay_from: expected a share between 0 and 1"),
        ("training.ema_from", -0.5, r"training\.ema_from: expected a share between 0 and 1"),
        ("training.adam_betas", (0.5, 1.0), r"training\.adam_betas: expected 0 <= decay < 1, got 1\.0"),
        ("training.ema_decay", 1.0, r"training\.ema_decay: expected 0 <= decay < 1"),
        ("training.max_minutes", 0.0, r"training\.max_minutes: expected a positive number"),
        ("training.log_every", 0, r"training\.log_every: expected at least 1"),
        ("training.sample_every", 0, r"training\.sample_every: expected at least 1"),
        ("training.checkpoint_every", 0, r"training\.checkpoint_every: expected at least 1"),
        ("training.keep_checkpoints", 0, r"training\.keep_checkpoints: expected at least 1"),
        ("training.device", "gpu", r"training\.device: expected auto, cpu, cuda, cuda:N or mps, got 'gpu'"),
    ],
)
def test_an_impossible_value_is_named(field: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_config(changed(field, value))


def test_sinkhorn_has_no_price_on_information_to_order_by() -> None:
    config = changed("objective.method", "sinkhorn")
    ordered = dataclasses.replace(config.latent, categorical=(2, 3), ordered=True)
    with pytest.raises(
        ConfigError, match=r"latent\.ordered: the method sinkhorn puts no price on information"
    ):
        check_config(dataclasses.replace(config, latent=ordered))


@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        (
            "nonsaturating",
            {"pack": 3},
            r"critic\.pack: expected a divisor of training\.batch_size \(100\), got 3",
        ),
        ("ot-gan", {}, "ot-gan halves its batches, so expected an even number, got 255"),
    ],
)
def test_a_batch_must_suit_the_method(method: str, changes: dict[str, int], message: str) -> None:
    config = with_method(PRESETS["ring8"], method)
    config = dataclasses.replace(config, critic=dataclasses.replace(config.critic, **changes))
    if method == "ot-gan":
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, batch_size=255))
    with pytest.raises(ConfigError, match=message):
        check_config(config)


def test_other_methods_know_no_primal_plan() -> None:
    with pytest.raises(ConfigError, match=r"objective\.plan: the method sinkhorn knows no primal plan"):
        check_config(changed("objective.method", "sinkhorn", "digits"))


def test_starts_are_for_methods_whose_code_informs_and_leave_steps_for_the_best() -> None:
    message = r"training\.starts: expected 1 with the method infogan, got 3: starts are chosen by what the code tells"
    config = with_method(PRESETS["ring8"], "infogan")
    with pytest.raises(ConfigError, match=message):
        check_config(dataclasses.replace(config, training=dataclasses.replace(config.training, starts=3)))
    config = PRESETS["digits"]
    training = dataclasses.replace(config.training, steps=300)
    check_config(dataclasses.replace(config, training=training))
    training = dataclasses.replace(training, schedule_steps=1000)
    message = r"starts_until: expected starts shorter than the 300 steps of training, got 300 steps; use"
    with pytest.raises(ConfigError, match=message):
        check_config(dataclasses.replace(config, training=training))


@pytest.mark.parametrize("generator", ["deformable", "convolutional"])
def test_an_image_generator_needs_images(generator: str) -> None:
    with pytest.raises(
        ConfigError, match=f"{generator} makes images, but the data points of ring8 have shape"
    ):
        check_config_with_data(changed("model.generator", generator), shape=(2,))


def test_infogan_cr_needs_uniform_codes() -> None:
    config = with_method(PRESETS["digits"], "infogan-cr")
    check_config(config)
    for latent in ({"uniform": 1}, {"categorical": (3,)}, {"normal": 2}):
        changed_latent = dataclasses.replace(config.latent, **latent)
        with pytest.raises(ConfigError, match="latent: the method infogan-cr contrasts uniform codes"):
            check_config(dataclasses.replace(config, latent=changed_latent))


@pytest.mark.parametrize(
    ("field", "value", "preset", "message"),
    [
        ("objective.relaxation", None, "ring8", "follows the frequencies that a relaxed plan finds"),
        ("objective.method", "infogan", "ring8", "follows the frequencies that a relaxed plan finds"),
        ("latent.uniform", 1, "ring8", "a sample plan finds frequencies where it lists all codes"),
        ("latent.ordered", True, "ring8", "latent"),
        ("latent.sectors", 4, "anisotropic", "only categorical codes have a prior to learn"),
    ],
)
def test_a_learned_prior_needs_codes_that_are_listed_and_a_relaxed_plan(
    field: str, value: Any, preset: str, message: str
) -> None:
    config = changed(field, value, preset)
    with pytest.raises(ConfigError, match=message):
        check_config(dataclasses.replace(config, latent=dataclasses.replace(config.latent, prior="learned")))


@pytest.mark.parametrize("preset", ["ring8", "mnist5k", "sprites"])
def test_a_prior_can_be_learned(preset: str) -> None:
    check_config(changed("latent.prior", "learned", preset))


@pytest.mark.parametrize(("tints", "blocks"), [(2, (6, 3)), (-1, (6, 3)), (1, ())])
def test_tints_are_the_first_categorical_block_or_none(tints: int, blocks: tuple[int, ...]) -> None:
    config = changed("model.code_tints", tints, "sprites-colour")
    config = dataclasses.replace(config, latent=dataclasses.replace(config.latent, categorical=blocks))
    with pytest.raises(ConfigError, match=r"model\.code_tints: expected 0, or 1 where the first block"):
        check_config(config)


def test_tints_need_images_of_several_channels() -> None:
    config = PRESETS["sprites-colour"]
    check_config_with_data(config, shape=(3, 64, 64))
    with pytest.raises(ConfigError, match=r"those of sprites-colour have one; use --model\.code-tints 0"):
        check_config_with_data(config, shape=(1, 64, 64))


def test_a_learned_cost_needs_a_plan_and_halves() -> None:
    check_config(changed("objective.cost", "learned", "mnist5k"))
    with pytest.raises(ConfigError, match=r"only plans on samples take a given cost, got the primal plan"):
        check_config(changed("objective.cost", "given", "mnist5k"))
    learned = changed("objective.cost", "learned")
    with pytest.raises(ConfigError, match=r"the method infogan holds no plan to pay a learned cost"):
        check_config(with_method(learned, "infogan"))
    odd = dataclasses.replace(learned, training=dataclasses.replace(learned.training, batch_size=255))
    with pytest.raises(ConfigError, match=r"a learned cost halves its batches"):
        check_config(odd)


def test_a_pyramid_of_blurs_needs_a_plan_and_images() -> None:
    for preset in ("ring8", "mnist5k"):
        check_config(changed("objective.cost", "pyramid", preset))
    with pytest.raises(ConfigError, match=r"the method infogan holds no plan to pay a pyramid cost"):
        check_config(with_method(changed("objective.cost", "pyramid"), "infogan"))
    check_config(
        with_method(changed("objective.cost", "pyramid", "mnist5k"), "infogan")
    )  # the primal plan's own
    with pytest.raises(ConfigError, match=r"objective.coarsest_blur: expected a positive number, got 0"):
        check_config(changed("objective.coarsest_blur", 0.0, "mnist5k"))
    with pytest.raises(ConfigError, match=r"objective.sharpen: expected two shares in order"):
        check_config(changed("objective.sharpen", (0.6, 0.3), "mnist5k"))
    pyramid, weighed = changed("objective.cost", "pyramid"), changed("objective.cost", "learned", "mnist5k")
    weighed = dataclasses.replace(weighed, model=dataclasses.replace(weighed.model, generator="mlp"))
    for config in (pyramid, weighed):
        with pytest.raises(
            ConfigError, match=r"a pyramid blurs images, but the data points of .* have shape"
        ):
            check_config_with_data(config, shape=(2,))
