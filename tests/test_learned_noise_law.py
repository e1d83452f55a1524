"""A run with a learned law of the noise: taken up again it goes on bit for bit, and its model draws by the law."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from infot.assembly import build_nets
from infot.config import DataConfig, LatentConfig
from infot.data import array_dataset
from infot.methods import METHODS, with_method
from infot.model import TrainedModel
from infot.models.noise_law import NoiseLaw
from infot.presets import PRESETS
from infot.session import Session, session_on, trained_model
from infot.training import CheckpointFolder


def session(*, steps: int = 30, noise_law: str = "learned") -> Session:
    base = PRESETS["digits"]
    points = 0.2 * torch.rand(80, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    points[:40, :, :4] += 0.8
    points[40:, :, 4:] += 0.8
    config = replace(
        base,
        data=DataConfig(name="array"),
        latent=LatentConfig(categorical=(2,), noise_law=noise_law),  # pyright: ignore[reportArgumentType]
        model=replace(base.model, width=8, displacement_grid=0),
        training=replace(base.training, steps=steps, batch_size=40, device="cpu"),
    )
    return session_on(array_dataset(points.numpy()), config)


def law_of(run: Session) -> NoiseLaw:
    law = run.state.nets["generator"].law
    assert isinstance(law, NoiseLaw)
    return law


def test_a_resumed_run_has_the_law_and_everything_else_bit_for_bit(tmp_path: Path) -> None:
    whole = session()
    whole.fit()
    broken = session()
    replace(broken, schedule=replace(broken.schedule, steps=24)).fit()
    folder = CheckpointFolder(tmp_path)
    folder.save(broken.state)
    resumed = session()
    folder.load(resumed.state)
    resumed.fit()
    for nets, others in ((whole.state.nets, resumed.state.nets), (whole.state.ema, resumed.state.ema)):
        for name, value in nets.state_dict().items():
            assert torch.equal(value, others.state_dict()[name]), name
    law = law_of(whole)
    assert float(law.means.abs().max()) > 1e-4
    assert nets["encoder"].law is nets["generator"].law


def test_a_model_draws_with_the_law_and_reads_codes_as_before_it_was_saved(tmp_path: Path) -> None:
    run = session()
    run.fit()
    model = trained_model(run)
    assert torch.equal(model.nets["generator"].law.means, law_of(run).means)
    model.save(tmp_path / "model")
    loaded = TrainedModel.load(tmp_path / "model")
    assert torch.equal(loaded.sample(50, rng=3), model.sample(50, rng=3))
    x = run.coder_points()
    assert torch.equal(loaded.posterior(x), model.posterior(x))
    assert torch.equal(loaded.reconstruct(x), model.reconstruct(x))


def test_until_it_follows_the_law_changes_nothing() -> None:
    runs = [session(steps=30, noise_law=law) for law in ("fixed", "learned")]
    for run in runs:
        replace(run, schedule=replace(run.schedule, steps=11)).fit()
    fixed, learned = (run.state.nets for run in runs)
    held = learned["generator"].generator.state_dict()
    for name, value in fixed["generator"].state_dict().items():
        torch.testing.assert_close(held[name], value)


@pytest.mark.parametrize("name", ["mnist5k", "mnist"])
def test_presets_for_pictures_learn_the_law_and_pay_the_same_for_the_code(name: str) -> None:
    pictures, plain = PRESETS[f"{name}-pictures"], PRESETS[name]
    assert pictures.latent == replace(plain.latent, noise_law="learned")
    assert pictures.data == plain.data and pictures.training == plain.training
    for end in (0, 1):
        prices = [c.objective.epsilon[end] * c.objective.epsilon_code_ratio[end] for c in (pictures, plain)]
        assert prices[0] == pytest.approx(prices[1])
    assert pictures.objective.epsilon[1] == pytest.approx(plain.objective.epsilon[1] / 2)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "structured"])
def test_other_methods_have_a_fixed_law(method: str) -> None:
    base = PRESETS["digits"]
    config = with_method(replace(base, latent=replace(base.latent, noise_law="learned")), method)
    assert config.latent.noise_law == "fixed"
    assert not hasattr(build_nets(config, (1, 8, 8))["generator"], "law")
