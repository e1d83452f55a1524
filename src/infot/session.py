"""A run in memory: put together from its configuration, trained, and turned into a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from infot import ot
from infot.assembly import build_dataset, build_latents, build_nets, build_objective
from infot.config import RunConfig, TrainingConfig
from infot.config_checks import check_config, check_config_with_data, start_steps
from infot.data import Dataset, Points
from infot.devices import find_device
from infot.errors import DataError
from infot.model import DataShape, TrainedModel
from infot.models.latents import LatentSpace
from infot.models.priors import learned_latents
from infot.objectives.base import Objective
from infot.random import Streams, start_seed
from infot.training import Callback, Schedule, TrainState, fit

__all__ = ["Session", "build_session", "session_on", "trained_model"]

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
        return self.state.step >= self.schedule.total

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

    def fit(self, callbacks: Sequence[Callback] = ()) -> None:
        """Train to the last step, or until a callback asks to stop; see :func:`infot.training.fit`."""
        fit(
            self.state,
            self.objective,
            self.training_points(),
            schedule=self.schedule,
            begin=lambda start: _start(self.config, self.dataset, self.objective, start),
            callbacks=callbacks,
        )


def build_session(config: RunConfig) -> Session:
    """Load the data that the configuration names, and put together a run on it; see :func:`session_on`.

    Raises:
        ConfigError: If the configuration cannot be run, or not with this data.
        DataError: If the data cannot be read.
    """
    check_config(config)
    return session_on(build_dataset(config), config)


def session_on(dataset: Dataset, config: RunConfig, cost: ot.Cost | None = None) -> Session:
    """Build networks, objective and state as they are before the first step.

    Args:
        dataset: The data, wherever it came from.
        config: The configuration; what it says of the data is not read.
        cost: Ground cost of the user's own, where ``objective.cost`` is ``given``.

    Raises:
        ConfigError: If the configuration cannot be run, or not with this data.
        DataError: If all data to train on are the same.
    """
    check_config(config)
    check_config_with_data(config, shape=dataset.shape)
    _check_differences(dataset, config.data.path or dataset.name)
    objective = build_objective(config, dataset, cost)
    state = _start(config, dataset, objective, 0)
    return Session(
        config, dataset, build_latents(config, dataset.shape), objective, state, _schedule(config.training)
    )


def _check_differences(dataset: Dataset, source: Path | str) -> None:
    """Make sure that the training part holds different data: what is held out may have been all of them."""
    points = dataset.training_sample()
    if bool((points == points[0]).all()):
        raise DataError(
            f"{source}: expected different data to train on; of {len(points)}, where {len(dataset.test)} are held out, "
            "all are the same. Give more data."
        )


def _start(config: RunConfig, dataset: Dataset, objective: Objective, start: int) -> TrainState:
    """Return a start of the run as it is before its first step: initial weights, and random streams of its own."""
    seed = start_seed(config.seed, start)
    with torch.random.fork_rng(
        devices=[]
    ):  # initial weights come from torch's own generator: seed it, and put it back
        torch.manual_seed(seed)
        nets = build_nets(config, dataset.shape, dataset.training_sample())
    return TrainState.create(
        nets.to(find_device(config.training.device)),
        objective,
        n_data=len(dataset.train),
        batch_size=config.training.batch_size,
        seed=seed,
        betas=config.training.adam_betas,
        data=dataset.digest,
    )


def _schedule(training: TrainingConfig) -> Schedule:
    return Schedule(
        steps=training.steps,
        length=training.schedule_steps or training.steps,
        learning_rate=training.learning_rate,
        decay_from=training.decay_from,
        final_learning_rate=training.final_learning_rate,
        ema_decay=training.ema_decay,
        ema_from=training.ema_from,
        starts=training.starts,
        start_steps=start_steps(training) if training.starts > 1 else 0,
    )


def trained_model(session: Session) -> TrainedModel:
    """Return the averaged networks with the coder, solved on the training data with random streams of its own."""
    nets = session.state.leading_average()
    coder = session.objective.coder(nets, session.coder_points(), Streams(session.config.seed))
    latents = learned_latents(session.latents, nets)
    return TrainedModel(
        session.config, latents, nets, coder, DataShape.of(session.dataset), session.state.step
    )
