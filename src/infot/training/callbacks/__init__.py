"""What watches training: each callback sees the state and the last values, and changes no result."""

from infot.training.callbacks.checkpoints import SaveCheckpoints
from infot.training.callbacks.grids import SampleGrids, grid_png, latent_grid, write_grid
from infot.training.callbacks.metrics import MetricsLog, truncate_metrics
from infot.training.callbacks.progress import Progress
from infot.training.callbacks.stopping import StopOnSignal, TimeLimit

__all__ = [
    "MetricsLog",
    "Progress",
    "SampleGrids",
    "SaveCheckpoints",
    "StopOnSignal",
    "TimeLimit",
    "grid_png",
    "latent_grid",
    "truncate_metrics",
    "write_grid",
]
