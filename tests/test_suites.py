import dataclasses
from dataclasses import replace

import pytest

from infot.config import LatentConfig
from infot.config_checks import check_config
from infot.errors import ConfigError
from infot.methods import CONTINUOUS, METHODS
from infot.presets import PRESETS
from infot.published import PUBLISHED
from infot.report.glossary import METRICS
from infot.suites import LONGER, SUITES, find_suite


@pytest.mark.parametrize("name", SUITES)
def test_every_row_of_a_suite_can_be_run(name: str) -> None:
    suite = SUITES[name]
    for preset in suite.presets:
        for row in suite.contestants:
            config = row.config(preset)
            check_config(config)
            assert (config.preset, config.objective.method) == (preset, row.method)
            factor = LONGER if row.name.endswith("-long") else 1
            assert config.training.steps == factor * PRESETS[preset].training.steps
    names = [row.name for row in suite.contestants]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["gaussians", "mnist5k", "mnist"])
def test_suites_hold_every_method_that_keeps_the_code(name: str) -> None:
    assert {row.method for row in SUITES[name].contestants} == METHODS.keys() - CONTINUOUS


def test_a_preset_is_a_suite_of_the_plain_methods() -> None:
    suite = find_suite("digits")
    assert suite.presets == ("digits",) and [row.name for row in suite.contestants] == [
        name for name in METHODS if name not in CONTINUOUS
    ]


def test_rows_and_presets_are_chosen_by_name() -> None:
    suite = find_suite("gaussians").restricted(["pacgan2", "structured", "nonsaturating"], ["ring8"])
    assert [row.name for row in suite.contestants] == ["structured", "nonsaturating", "pacgan2"]
    assert suite.presets == ("ring8",)


def test_a_method_that_is_no_rows_name_chooses_all_its_rows() -> None:
    rows = find_suite("stability").restricted(["infogan"]).contestants
    assert {row.method for row in rows} == {"infogan"}
    assert len(rows) == 27


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="there is no suite 'gausians'; did you mean gaussians?"):
        find_suite("gausians")
    with pytest.raises(
        ConfigError, match="--methods: there is no 'infogam' in this suite; did you mean infogan?"
    ):
        find_suite("gaussians").restricted(["infogam"])
    with pytest.raises(ConfigError, match="--presets: there is no 'mnist' in this suite"):
        find_suite("gaussians").restricted((), ["mnist"])


def test_pacgan_is_the_gan_with_a_packed_critic() -> None:
    rows = {row.name: row.config("ring8") for row in SUITES["gaussians"].contestants}
    packed, plain = rows["pacgan4"], rows["nonsaturating"]
    assert packed.critic.pack == 4
    assert (
        packed.training.batch_size == 4 * plain.training.batch_size == 400
    )  # 100 packs, as the authors have it
    assert dataclasses.replace(packed, critic=plain.critic, training=plain.training) == plain


def test_the_other_generator_is_that_of_the_structured_method() -> None:
    rows = {row.name: row.config("mnist5k") for row in SUITES["mnist5k"].contestants}
    assert rows["infogan-deformable"].model.generator == rows["structured"].model.generator == "deformable"
    assert rows["infogan"].model.generator == "convolutional"


def test_disentanglement_is_a_match_of_continuous_codes() -> None:
    rows = {row.name: row.config("sprites") for row in SUITES["disentanglement"].contestants}
    assert rows.keys() == {"structured", "structured-convolutional", "infogan", *CONTINUOUS}
    ours = {"structured", "structured-convolutional"}
    assert {rows[name].model.generator for name in rows.keys() - ours} == {"compact"}
    for name in ("infogan", "infogan-cr"):
        assert rows[name].latent == LatentConfig(uniform=5, noise=5)
    named, general = (rows[name] for name in sorted(ours))
    assert general.model.generator == "posed" and not general.model.code_deformations
    assert (general.objective, general.training) == (named.objective, named.training)
    assert general.latent == replace(named.latent, noise=0)


def test_published_scores_of_factors_have_their_names_and_errors() -> None:
    rows = {row.method: row.metrics for row in PUBLISHED["sprites"]}
    assert rows["InfoGAN-CR"]["factor_vae"] == (0.88, 0.01) and rows["InfoGAN-CR"]["beta_vae"] == (0.95, None)
    assert rows["β-TCVAE"] == {
        "factor_vae": (0.62, None),
        "dci_disentanglement": (0.29, None),
        "mig": (0.45, None),
    }
    assert {name for metrics in rows.values() for name in metrics} < set(METRICS)


def test_stability_moves_each_knob_over_three_decades() -> None:
    rows = [row for row in SUITES["stability"].contestants if row.method == "structured"]
    assert len(rows) == 36
    base = PRESETS["ring8"]
    rates = sorted({row.config("ring8").training.learning_rate / base.training.learning_rate for row in rows})
    assert rates[-1] / rates[0] == pytest.approx(900)
    epsilons = {row.config("ring8").objective.epsilon[0] / base.objective.epsilon[0] for row in rows}
    assert max(epsilons) / min(epsilons) == pytest.approx(900)
    unchanged = [row for row in rows if set(row.knobs.values()) == {1.0}]
    assert [row.config("ring8") for row in unchanged] == [base]


def test_published_numbers_name_their_source() -> None:
    for preset, rows in PUBLISHED.items():
        assert preset in PRESETS
        assert all(row.source and row.metrics for row in rows)
