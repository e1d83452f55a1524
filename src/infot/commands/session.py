"""A run in its folder: trained with a log and checkpoints, and concluded."""

import dataclasses
from importlib.metadata import version
from typing import Any

from infot import evaluation
from infot.commands.messages import tell
from infot.config import RunConfig
from infot.data import Dataset
from infot.errors import NumericalError
from infot.model import TrainedModel
from infot.session import Session, trained_model
from infot.training import Callback, CheckpointFolder, RunFolder
from infot.training.callbacks import (
    MetricsLog,
    Progress,
    SampleGrids,
    SaveCheckpoints,
    StopOnSignal,
    TimeLimit,
)

__all__ = ["conclude", "evaluate_model", "train", "with_steps"]


def train(session: Session, folder: RunFolder) -> None:
    """Train to the last step, or until a signal or the time limit asks to stop; the folder is locked already.

    Raises:
        NumericalError: If training diverged; the summary says so, and the message names the last good checkpoint.
    """
    checkpoints = CheckpointFolder(folder.checkpoints, keep=session.config.training.keep_checkpoints)
    try:
        session.fit(_callbacks(session, folder, checkpoints))
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
    result = evaluation.evaluate(
        model, dataset, seed=model.config.seed, tell=lambda stage: tell(f"evaluating: {stage}")
    )
    evaluation.write(result, folder.path)
    metrics = {name: float(metric.value) for name, metric in result.metrics.items()}
    folder.write_summary(folder.read_summary() | {"metrics": metrics})
    return metrics


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
    if session.config.training.starts > 1:
        starts = session.state.starts
        facts["starts"] = {
            "of": session.config.training.starts,
            "best": starts.best,
            "ended": [dataclasses.asdict(outcome) for outcome in starts.outcomes],
        }
    if session.state.stop == "max_minutes":
        facts["stopped_by"] = "max_minutes"
    return facts


def _callbacks(session: Session, folder: RunFolder, checkpoints: CheckpointFolder) -> list[Callback]:
    training, schedule, images = session.config.training, session.schedule, session.dataset.kind == "images"
    callbacks: list[Callback] = [
        StopOnSignal(),
        Progress(
            steps=schedule.total,
            every=training.log_every,
            unit="images" if images else "examples",
            starts=schedule.starts,
        ),
        MetricsLog(folder.metrics, every=training.log_every, schedule=schedule),
    ]
    if images:
        callbacks.append(
            SampleGrids(
                folder.samples,
                every=training.sample_every,
                latents=session.latents,
                seed=session.config.seed,
                steps=schedule.total,
            )
        )
    if training.max_minutes is not None:
        callbacks.append(TimeLimit(training.max_minutes))
    return [*callbacks, SaveCheckpoints(checkpoints, training.checkpoint_every)]
