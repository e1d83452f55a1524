"""Training: one loop, its state, what watches it, checkpoints and run folders."""

from infot.training.checkpoint import CheckpointFolder
from infot.training.fit import Callback, fit
from infot.training.runfolder import RunFolder
from infot.training.schedule import Schedule
from infot.training.state import TrainState

__all__ = ["Callback", "CheckpointFolder", "RunFolder", "Schedule", "TrainState", "fit"]
