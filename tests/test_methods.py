import dataclasses

import pytest

from infot.config import LatentConfig
from infot.config_checks import check_config
from infot.config_file import config_from_plain, config_to_plain
from infot.errors import ConfigError
from infot.methods import (
    AUTOENCODERS,
    CONTINUOUS,
    HOLD_PLANS,
    METHODS,
    WITH_CRITIC,
    is_image_config,
    with_method,
)
from infot.presets import PRESETS


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"custom"}))
@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_put_in_place_of_every_presets(method: str, preset: str) -> None:
    base = PRESETS[preset]
    config = with_method(base, method)
    check_config(config)
    assert config.objective.method == method
    assert (config.data, config.seed) == (base.data, base.seed)
    code = () if method in CONTINUOUS else base.latent.categorical
    assert config.latent.categorical == code
    assert config.training.steps == base.training.steps
    assert config.training.starts == (base.training.starts if method == base.objective.method else 1)
    assert (config.model.width, config.model.depth) == (base.model.width, base.model.depth)
    assert is_image_config(config) == is_image_config(base)


def test_the_presets_own_method_changes_nothing() -> None:
    assert all(with_method(config, config.objective.method) is config for config in PRESETS.values())


def test_published_settings_are_those_of_the_papers() -> None:
    """Each from its source: see the functions of infot.methods."""
    infogan = with_method(PRESETS["mnist"], "infogan")
    assert (infogan.training.learning_rate, infogan.critic.rate) == (1e-3, pytest.approx(2e-4 / 1e-3))
    assert (infogan.training.batch_size, infogan.latent.noise, infogan.training.adam_betas[0]) == (
        128,
        62,
        0.5,
    )
    wgan = with_method(PRESETS["mnist"], "wgan-gp")
    assert (wgan.critic.steps, wgan.critic.gradient_penalty, wgan.training.batch_size) == (5, 10.0, 64)
    assert (wgan.training.learning_rate, wgan.training.adam_betas) == (1e-4, (0.0, 0.9))
    gan = with_method(PRESETS["ring8"], "nonsaturating")
    assert (gan.training.learning_rate, gan.training.batch_size, gan.training.adam_betas[0]) == (
        1e-4,
        100,
        0.8,
    )
    ot_gan = with_method(PRESETS["mnist"], "ot-gan")
    assert (ot_gan.objective.epsilon[0], ot_gan.critic.generator_steps) == (1 / 500, 3)


def test_infogan_cr_is_set_as_on_dsprites() -> None:
    config = with_method(PRESETS["digits"], "infogan-cr")
    assert config.latent == LatentConfig(uniform=5, noise=5)
    assert (config.training.learning_rate, config.critic.rate) == (1e-3, 2.0)
    assert (config.critic.code_weight, config.critic.generator_steps) == ((0.05, 0.05), 2)
    assert (config.critic.contrast, config.critic.contrast_gap) == (2.0, 0.0)
    assert config.critic.contrast_from == pytest.approx(25 / 28, abs=1e-3)  # of 28 epochs of 11,520 visits


@pytest.mark.parametrize("method", AUTOENCODERS)
def test_autoencoders_have_ten_normal_codes_and_no_noise(method: str) -> None:
    config = with_method(PRESETS["digits"], method)
    assert config.latent == LatentConfig(normal=10, noise=0)
    assert (config.training.learning_rate, config.training.final_learning_rate) == (1e-4, 1e-4)
    assert (config.training.batch_size, config.training.adam_betas) == (64, (0.9, 0.999))
    assert config.objective.beta == {"beta-vae": 4.0, "factor-vae": 40.0, "beta-tcvae": 6.0}[method]


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"objective\.method: there is no 'gan'; known: structured, structured-semidual"
    ):
        with_method(PRESETS["ring8"], "gan")


def test_the_kinds_of_methods_are_methods() -> None:
    assert {*HOLD_PLANS, *WITH_CRITIC, *AUTOENCODERS} == METHODS.keys()
    assert len(METHODS) == len(HOLD_PLANS) + len(WITH_CRITIC) + len(AUTOENCODERS)
    assert set(CONTINUOUS) < METHODS.keys()


@pytest.mark.parametrize("method", METHODS)
def test_a_file_that_names_a_method_starts_from_its_settings(method: str) -> None:
    config = config_from_plain({"preset": "ring8", "objective": {"method": method}, "training": {"steps": 7}})
    expected = with_method(PRESETS["ring8"], method)
    assert config == dataclasses.replace(expected, training=dataclasses.replace(expected.training, steps=7))
    assert config_from_plain(config_to_plain(config)) == config
