"""A run with a learned prior: taken up again it goes on bit for bit, and its model draws what was learned."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from infot.assembly import build_latents
from infot.config import DataConfig, LatentConfig, ModelConfig, RunConfig
from infot.data import array_dataset
from infot.model import TrainedModel
from infot.models.blocks import Categorical
from infot.presets import PRESETS
from infot.session import Session, session_on, trained_model
from infot.training import CheckpointFolder


def vectors() -> tuple[torch.Tensor, RunConfig]:
    rng, base = torch.Generator().manual_seed(0), PRESETS["custom"]
    labels = (torch.arange(80) % 4 > 0).long()  # a quarter and three quarters
    points = 2.0 * labels.unsqueeze(1) + 0.1 * torch.randn(80, 2, generator=rng)
    objective = replace(base.objective, noise_per_code=8)
    return points, replace(base, model=ModelConfig(width=16, depth=1), objective=objective)


def images() -> tuple[torch.Tensor, RunConfig]:
    rng, base = torch.Generator().manual_seed(0), PRESETS["digits"]
    points = 0.2 * torch.rand(80, 1, 8, 8, generator=rng)
    points[:20, :, :4] += 0.8
    points[20:, :, 4:] += 0.8
    return points, replace(base, model=replace(base.model, width=8, displacement_grid=0))


def session(kind: str, *, steps: int = 24, prior: str = "learned", rate: float = 0.2) -> Session:
    points, config = {"vectors": vectors, "images": images}[kind]()
    config = replace(
        config,
        data=DataConfig(name="array"),
        latent=LatentConfig(categorical=(2,), prior=prior, prior_rate=rate),  # pyright: ignore[reportArgumentType]
        training=replace(config.training, steps=steps, batch_size=40, device="cpu"),
    )
    return session_on(array_dataset(points.numpy()), config)


@pytest.mark.parametrize("kind", ["vectors", "images"])
def test_a_resumed_run_has_the_prior_and_everything_else_bit_for_bit(kind: str, tmp_path: Path) -> None:
    whole = session(kind)
    whole.fit()
    broken = session(kind)
    replace(broken, schedule=replace(broken.schedule, steps=15)).fit()
    folder = CheckpointFolder(tmp_path)
    folder.save(broken.state)
    resumed = session(kind)
    folder.load(resumed.state)
    resumed.fit()
    for nets, others in ((whole.state.nets, resumed.state.nets), (whole.state.ema, resumed.state.ema)):
        for name, value in nets.state_dict().items():
            assert torch.equal(value, others.state_dict()[name]), name
    assert "prior.frequencies" in whole.state.nets.state_dict()


@pytest.mark.parametrize("kind", ["vectors", "images"])
def test_a_model_draws_and_reads_codes_with_the_frequencies_learned(kind: str, tmp_path: Path) -> None:
    run = session(kind, steps=40)
    run.fit()
    frequencies = run.state.nets["prior"].frequencies
    assert float((frequencies - 0.5).abs().max()) > 0.1
    model = trained_model(run)
    assert torch.equal(run.state.ema["prior"].frequencies, frequencies)
    torch.testing.assert_close(model.latents.code_weights(), frequencies)
    model.save(tmp_path / "model")
    loaded = TrainedModel.load(tmp_path / "model")
    assert torch.equal(loaded.latents.code_weights(), model.latents.code_weights())
    assert torch.equal(loaded.sample(50, rng=3), model.sample(50, rng=3))
    x = run.dataset.test if len(run.dataset.test) else run.coder_points()
    torch.testing.assert_close(loaded.posterior(x), model.posterior(x))
    rare = int(frequencies.argmin())
    drawn = loaded.latents.sample(2000, torch.Generator().manual_seed(0)).code[:, rare].mean()
    assert abs(float(drawn) - float(frequencies[rare])) < 5 * (0.25 / 2000) ** 0.5


def test_fixed_weights_are_those_of_the_user_block_by_block() -> None:
    config = replace(vectors()[1], latent=LatentConfig(categorical=(2, 3), weights=(1, 3, 5, 3, 2)))
    first, last = build_latents(config, (2,)).code
    assert first == Categorical(2, (0.25, 0.75)) and last == Categorical(3, (0.5, 0.3, 0.2))
    assert session("vectors", prior="fixed").state.nets.keys() == {"generator"}


def test_a_learned_prior_starts_at_the_weights() -> None:
    points, config = vectors()
    latent = LatentConfig(categorical=(2,), weights=(9, 1), prior="learned")
    config = replace(config, data=DataConfig(name="array"), latent=latent)
    config = replace(config, training=replace(config.training, batch_size=40, device="cpu"))
    nets = session_on(array_dataset(points.numpy()), config).state.nets
    torch.testing.assert_close(nets["prior"].frequencies, torch.tensor([0.9, 0.1]))
