"""A run in memory, where the data are few and the prices small."""

from dataclasses import replace

import torch
from sklearn.datasets import make_blobs

from infot.config import DataConfig
from infot.data import array_dataset
from infot.presets import PRESETS
from infot.session import session_on


def test_a_batch_without_data_for_a_code_does_not_end_training():
    """The plan gives such a code no mass that single precision holds, within its tolerance; it stays finite."""
    points, _ = make_blobs(30, centers=[[0, 0, 0], [1, 1, 1]], random_state=0, cluster_std=0.1)
    base = PRESETS["custom"]
    config = replace(
        base,
        data=DataConfig(name="array"),
        latent=replace(base.latent, categorical=(3,)),
        model=replace(base.model, width=16, depth=1),
        objective=replace(base.objective, noise_per_code=8),
        training=replace(base.training, steps=60, batch_size=30, device="cpu"),
    )
    session = session_on(array_dataset(points), config)
    replace(session, schedule=replace(session.schedule, steps=45)).fit()  # it used to diverge at step 40
    assert session.state.step == 45
    assert all(bool(torch.isfinite(value).all()) for value in session.state.nets.parameters())
