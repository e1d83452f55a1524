"""The training loop."""

import contextlib
from abc import ABC
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.linalg import LinAlgError  # pyright: ignore[reportAttributeAccessIssue]

from infot.data import Points
from infot.errors import NumericalError, ProblemError
from infot.objectives.base import Batch, Objective
from infot.training.guard import FiniteGuard
from infot.training.schedule import Schedule
from infot.training.selection import Begin, Selection
from infot.training.state import TrainState, average_weights

__all__ = ["Callback", "fit"]


class Callback(ABC):
    """Something that watches training. It sees the state and the last step's values, and nothing else.

    A callback may set ``state.stop``; it never draws from ``state.streams``, so that watching changes no result.
    """

    def start(self, state: TrainState) -> None:
        """Begin, before the first step of this process."""

    def due(self, state: TrainState) -> bool:
        """Return whether to be called after this step. Must not read tensors: it is asked every step."""
        return False

    def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
        """Look at the state after a step that was due; every value is known to be finite."""

    def finish(self, state: TrainState) -> None:
        """Conclude a training that ended well or was asked to stop; not called when it diverged."""

    def close(self) -> None:
        """Let go of the terminal, files and handlers, however training ended."""


def fit(
    state: TrainState,
    objective: Objective,
    data: Points,
    *,
    schedule: Schedule,
    begin: Begin | None = None,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train ``state`` in place until ``schedule.total`` steps or until ``state.stop`` is set.

    Args:
        state: Where training stands; a fresh one or one restored from a checkpoint.
        objective: The players and their loss.
        data: Training points, shape ``(n, *shape)``: a tensor, or what renders them batch by batch.
        schedule: Steps, starts, learning rate and averaging.
        begin: Makes further starts, where the schedule has several; see :class:`~infot.training.selection.Selection`.
        callbacks: Watchers, called in this order.

    Raises:
        NumericalError: As soon as a loss, a logged value or a gradient is not finite, unless another start is left.
        ConfigError: If there are several starts and nothing that makes them.
    """
    selection = Selection(state, schedule, begin)
    guard = FiniteGuard(state.nets)
    with contextlib.ExitStack() as stack:
        state.start_clock()
        stack.callback(state.stop_clock)
        for callback in callbacks:
            stack.callback(callback.close)
            callback.start(state)
        while state.step < schedule.total and state.stop is None:
            try:
                if selection.due():
                    guard.settle()
                    selection.advance()
                info = _step(state, objective, data, schedule, guard)
                selection.watch(state.step - 1, info)
                due = [callback for callback in callbacks if callback.due(state)]
                if due:
                    guard.settle()
            except NumericalError as error:
                selection.give_up(error)
                guard = FiniteGuard(state.nets)
                continue
            for callback in due:
                callback(state, info)
        guard.settle()
        for callback in callbacks:
            callback.finish(state)


def _step(
    state: TrainState, objective: Objective, data: Points, schedule: Schedule, guard: FiniteGuard
) -> dict[str, Tensor]:
    """Let every player have its turns of one step; return what they log."""
    position = schedule.position_at(state.step)
    state.set_learning_rate(schedule.learning_rate_at(position), objective.rates)
    info: dict[str, Tensor] = {}
    for player in objective.turns(position):
        points = data[state.sampler.next().to(data.device)].to(state.device, non_blocking=True)
        batch = Batch(points, schedule.progress_at(position))
        loss, found = _loss(objective, player, state, batch)
        parameters = list(objective.parameters_of(player, state.nets))
        state.optimisers[player].zero_grad(set_to_none=True)
        loss.backward(inputs=parameters)
        values = {"loss": loss.detach()} | _scalars(found)
        guard.watch(state.step + 1, player, values, parameters)
        state.optimisers[player].step()
        with torch.no_grad():
            objective.constrain(player, state.nets)
            objective.follow(player, state.nets, found)
        info |= values
    state.step += 1
    average_weights(state.ema, state.nets, schedule.ema_decay_at(position + 1))
    return info


def _scalars(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what is logged: the loss itself is, and what has dimensions is for the objective alone."""
    return {name: value for name, value in found.items() if name != "loss" and value.ndim == 0}


def _loss(
    objective: Objective, player: str, state: TrainState, batch: Batch
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the objective's loss; a solver that refuses what the networks gave it means that training diverged."""
    try:
        return objective.loss(player, state.nets, batch, state.streams)
    except (NumericalError, ProblemError, LinAlgError) as error:
        if state.step == 0 and isinstance(error, ProblemError):
            raise  # nothing has been trained yet: the problem is in what the user gave
        raise NumericalError(f"step {state.step + 1}: {error} (player {player})") from error
