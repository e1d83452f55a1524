import dataclasses

import pytest

from infot.config_checks import check_config
from infot.config_file import config_from_plain, config_to_plain
from infot.errors import ConfigError
from infot.methods import METHODS, WITH_CRITIC, is_image_config, with_method
from infot.presets import PRESETS


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"custom"}))
@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_put_in_place_of_every_presets(method: str, preset: str) -> None:
    base = PRESETS[preset]
    config = with_method(base, method)
    check_config(config)
    assert config.objective.method == method
    assert (config.data, config.seed, config.latent.categorical) == (
        base.data,
        base.seed,
        base.latent.categorical,
    )
    assert config.training.steps == base.training.steps
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


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"objective\.method: there is no 'gan'; known: structured, sinkhorn"
    ):
        with_method(PRESETS["ring8"], "gan")


def test_methods_with_a_critic_are_methods() -> None:
    assert set(WITH_CRITIC) < METHODS.keys()


@pytest.mark.parametrize("method", METHODS)
def test_a_file_that_names_a_method_starts_from_its_settings(method: str) -> None:
    config = config_from_plain({"preset": "ring8", "objective": {"method": method}, "training": {"steps": 7}})
    expected = with_method(PRESETS["ring8"], method)
    assert config == dataclasses.replace(expected, training=dataclasses.replace(expected.training, steps=7))
    assert config_from_plain(config_to_plain(config)) == config
