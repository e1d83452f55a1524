"""Saves checkpoints while training."""

from collections.abc import Mapping

from torch import Tensor

from infot.training.checkpoint import CheckpointFolder
from infot.training.fit import Callback
from infot.training.state import TrainState

__all__ = ["SaveCheckpoints"]


class SaveCheckpoints(Callback):
    """Save every ``every`` steps and at the end.

    Args:
        folder: Where to.
        every: Steps between two checkpoints.
    """

    def __init__(self, folder: CheckpointFolder, every: int) -> None:
        self.folder = folder
        self.every = every
        self._saved = -1

    def start(self, state: TrainState) -> None:
        self._saved = state.step if self.folder.latest() else -1

    def due(self, state: TrainState) -> bool:
        return state.step % self.every == 0

    def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
        self.folder.save(state)
        self._saved = state.step

    def finish(self, state: TrainState) -> None:
        if self._saved != state.step:
            self.folder.save(state)
