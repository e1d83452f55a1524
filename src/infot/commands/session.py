"""A run put together from its configuration, trained, and concluded."""

import dataclasses
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from infot import evaluation
from infot.build import build_dataset, build_latents, build_nets, build_objective
from infot.commands.devices import find_device
from infot.config import RunConfig
from infot.config_checks import check_config, check_config_with_data
from infot.data import Dataset, Points
from infot.errors import NumericalError
from infot.model import DataShape, TrainedModel
from infot.models.latents import LatentSpace
from infot.objectives.base import Objective
from infot.random import Streams
from infot.training import Callback, CheckpointFolder, RunFolder, Schedule, TrainState, fit
from infot.training.callbacks import (
    MetricsLog,
    Progress,
    SampleGrids,
    SaveCheckpoints,
    StopOnSignal,
    TimeLimit,
)

__all__ = [
    "Session",
    "build_session",
    "conclude",
    "evaluate_model",
    "train",
    "trained_model",
    "with_steps",
]

ON_DEVICE_BYTES = 2 << 30  # larger training sets stay on the host and are copied batch by batch


@dataclass(frozen=True, eq=False)
class Session:
    """Everything that a run needs in memory."""

    config: RunConfig
    dataset: Dataset
    latents: LatentSpace
    objective: Objective
    state: TrainState
    schedule: Schedule

    @property
    def finished(self) -> bool:
        """Whether every step has been done."""
        return self.state.step >= self.schedule.steps

    def training_points(self) -> Points:
        """Return the training data, on the device where it fits; batches of other data are moved one by one."""
        points = self.dataset.train
        if isinstance(points, Tensor) and points.nbytes <= ON_DEVICE_BYTES:
            return points.to(self.state.device)
        return points

    def coder_points(self) -> Tensor:
        """Return training data for the coder to be solved on: all of a tensor, else a fixed sample."""
        points = self.training_points()
        return points if isinstance(points, Tensor) else self.dataset.training_sample().to(self.state.device)


def build_session(config: RunConfig) -> Session:
    """Load the data and build networks, objective and state as they are before the first step.

    Raises:
        ConfigError: If the configuration cannot be run, or not with this data.
        DataError: If the data cannot be read.
    """
    check_config(config)
    device = find_device(config.training.device)
    dataset = build_dataset(config)
    check_config_with_data(config, shape=dataset.shape, n=len(dataset.train))
    with torch.random.fork_rng(
        devices=[]
    ):  # initial weights come from torch's own generator: seed it, and put it back
        torch.manual_seed(config.seed)
        nets = build_nets(config, dataset.shape, dataset.training_sample()).to(device)
    objective = build_objective(config, dataset)
    training = config.training
    state = TrainState.create(
        nets,
        objective,
        n_data=len(dataset.train),
        batch_size=training.batch_size,
        seed=config.seed,
        betas=training.adam_betas,
    )
    schedule = Schedule(
        steps=training.steps,
        length=training.schedule_steps or training.steps,
        learning_rate=training.learning_rate,
        decay_from=training.decay_from,
        final_learning_rate=training.final_learning_rate,
        ema_decay=training.ema_decay,
        ema_from=training.ema_from,
    )
    return Session(config, dataset, build_latents(config, dataset.shape), objective, state, schedule)


def train(session: Session, folder: RunFolder) -> None:
    """Train to the last step, or until a signal or the time limit asks to stop; the folder is locked already.

    Raises:
        NumericalError: If training diverged; the summary says so, and the message names the last good checkpoint.
    """
    checkpoints = CheckpointFolder(folder.checkpoints, keep=session.config.training.keep_checkpoints)
    try:
        fit(
            session.state,
            session.objective,
            session.training_points(),
            schedule=session.schedule,
            callbacks=_callbacks(session, folder, checkpoints),
        )
    except NumericalError as error:
        good = checkpoints.latest()
        kept = (
            f"the last good checkpoint is {checkpoints.file(good)}"
            if good
            else "no checkpoint had been written yet"
        )
        message = (
            f"training diverged at {error}; {kept}. Try a lower --training.learning-rate or a larger epsilon"
        )
        folder.write_summary(_summary(session, "diverged") | {"error": message, "checkpoint": good})
        raise NumericalError(message) from error
    status = "interrupted" if session.state.stop == "interrupted" else "finished"
    folder.write_summary(_summary(session, status) | {"checkpoint": checkpoints.latest()})


def conclude(session: Session, folder: RunFolder) -> dict[str, float]:
    """Write the model and its evaluation, and add the headline metrics to the summary.

    Returns:
        The headline metrics.
    """
    model = trained_model(session)
    model.save(folder.model)  # first without metrics: an evaluation that fails must not cost the model
    metrics = evaluate_model(model, session.dataset, folder)
    model.save(folder.model, metrics)
    return metrics


def evaluate_model(model: TrainedModel, dataset: Dataset, folder: RunFolder) -> dict[str, float]:
    """Evaluate on held-out data; write ``evaluation.json`` and the summary's ``metrics``."""
    result = evaluation.evaluate(model, dataset, seed=model.config.seed)
    evaluation.write(result, folder.path)
    metrics = {name: float(metric.value) for name, metric in result.metrics.items()}
    folder.write_summary(folder.read_summary() | {"metrics": metrics})
    return metrics


def trained_model(session: Session) -> TrainedModel:
    """Return the averaged networks with the coder, solved on the training data with random streams of its own."""
    nets = session.state.ema
    coder = session.objective.coder(nets, session.coder_points(), Streams(session.config.seed))
    return TrainedModel(
        session.config, session.latents, nets, coder, DataShape.of(session.dataset), session.state.step
    )


def with_steps(config: RunConfig, steps: int) -> RunConfig:
    """Return the configuration of a run that goes on to ``steps``; the schedules keep their length."""
    length = config.training.schedule_steps or config.training.steps
    training = dataclasses.replace(
        config.training, steps=steps, schedule_steps=length if length != steps else None
    )
    return dataclasses.replace(config, training=training)


def _summary(session: Session, status: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "version": version("infot"),
        "preset": session.config.preset,
        "method": session.config.objective.method,
        "seed": session.config.seed,
        "steps": session.state.step,
        "wall_seconds": round(session.state.elapsed(), 3),
        "device": str(session.state.device),
        "status": status,
        "metrics": {},
    }
    if session.state.stop == "max_minutes":
        facts["stopped_by"] = "max_minutes"
    return facts


def _callbacks(session: Session, folder: RunFolder, checkpoints: CheckpointFolder) -> list[Callback]:
    training, schedule, images = session.config.training, session.schedule, session.dataset.kind == "images"
    callbacks: list[Callback] = [
        StopOnSignal(),
        Progress(steps=schedule.steps, every=training.log_every, unit="images" if images else "examples"),
        MetricsLog(folder.metrics, every=training.log_every, schedule=schedule),
    ]
    if images:
        callbacks.append(
            SampleGrids(
                folder.samples,
                every=training.sample_every,
                latents=session.latents,
                seed=session.config.seed,
                steps=schedule.steps,
            )
        )
    if training.max_minutes is not None:
        callbacks.append(TimeLimit(training.max_minutes))
    return [*callbacks, SaveCheckpoints(checkpoints, training.checkpoint_every)]
