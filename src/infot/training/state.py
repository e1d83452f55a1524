"""Everything that a training step reads and changes."""

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from infot.data.loaders import BatchSampler
from infot.errors import CheckpointError, DataError
from infot.objectives.base import Objective
from infot.random import Streams
from infot.training.snapshot import Snapshot
from infot.training.starts import Starts
from infot.training.tensorfile import load_weights

__all__ = ["TrainState", "average_weights"]


@dataclass
class TrainState:
    """The state of a run; two runs with equal states go on alike, bit for bit.

    Attributes:
        nets: The networks in training.
        optimisers: An optimiser for each player of the objective.
        ema: The average of ``nets``, in evaluation mode.
        streams: The named random streams.
        sampler: Draws the batches.
        data: What tells the data from any others, see :class:`infot.data.Dataset`; empty where nothing does.
        step: Number of finished steps, over all starts.
        wall_seconds: Seconds trained before the clock was last started; see :meth:`elapsed`.
        stop: Why to stop after the current step (``"interrupted"``, ``"max_minutes"``); None: go on.
        starts: What is known of the starts of the run.
    """

    nets: nn.ModuleDict
    optimisers: dict[str, torch.optim.Optimizer]
    ema: nn.ModuleDict
    streams: Streams
    sampler: BatchSampler
    data: str = ""
    step: int = 0
    wall_seconds: float = 0.0
    stop: str | None = None
    starts: Starts = field(default_factory=Starts)
    _started: float | None = field(default=None, repr=False)

    @classmethod
    def create(
        cls,
        nets: nn.ModuleDict,
        objective: Objective,
        *,
        n_data: int,
        batch_size: int,
        seed: int,
        betas: tuple[float, float] = (0.5, 0.99),
        data: str = "",
    ) -> "TrainState":
        """Return the state before the first step.

        Args:
            nets: The networks, on their device.
            objective: Names the players; each gets its own Adam.
            n_data: Number of training points.
            batch_size: Points in a batch.
            seed: Seed of all training randomness.
            betas: Adam's moment decays, for players to which the objective gives none.
            data: What tells the data from any others.
        """
        # one kernel for all parameters, a third of the time; not every device has it
        fused = next(nets.parameters()).device.type in ("cpu", "cuda")
        optimisers: dict[str, torch.optim.Optimizer] = {
            player: torch.optim.Adam(
                list(objective.parameters_of(player, nets)),
                betas=objective.betas.get(player, betas),
                fused=fused,
            )
            for player in objective.players
        }
        ema = copy.deepcopy(nets).requires_grad_(False).eval()
        # The sampler saves its own generator, so it gets one that no other stream shares.
        sampler = BatchSampler(n_data, batch_size, Streams(seed)("sampler"))
        return cls(nets, optimisers, ema, Streams(seed), sampler, data)

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return next(self.nets.parameters()).device

    def snapshot(self) -> Snapshot:
        """Return where training stands; its tensors are those of the networks, until :meth:`Snapshot.copied`."""
        tensors = {f"nets/{name}": value for name, value in self.nets.state_dict().items()}
        tensors |= {f"ema/{name}": value for name, value in self.ema.state_dict().items()}
        for player, optimiser in self.optimisers.items():
            for index, moments in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser/{player}/{index}/{key}": value for key, value in moments.items()}
        tensors |= {f"streams/{name}": value for name, value in self.streams.state_dict().items()}
        sampler = self.sampler.state_dict()
        tensors |= {f"sampler/{key}": value for key, value in sampler.items() if isinstance(value, Tensor)}
        numbers = {key: int(value) for key, value in sampler.items() if not isinstance(value, Tensor)}
        return Snapshot(tensors, numbers, self.streams.seed)

    def restore(self, snapshot: Snapshot) -> None:
        """Bring networks, averages, optimisers, streams and sampler to where a snapshot was taken, bit for bit.

        Raises:
            CheckpointError: If it is one of another run.
        """
        load_weights(self.nets, snapshot.group("nets"))
        load_weights(self.ema, snapshot.group("ema"))
        for player, optimiser in self.optimisers.items():
            _load_moments(optimiser, snapshot.group(f"optimiser/{player}"))
        try:
            self.streams.load_state_dict(snapshot.group("streams"), seed=snapshot.seed)
            self.sampler.load_state_dict({**snapshot.group("sampler"), **snapshot.sampler})
        except (KeyError, TypeError, RuntimeError, DataError) as error:
            raise CheckpointError(f"the checkpoint does not fit this run: {error}") from error

    def leading_average(self) -> nn.ModuleDict:
        """Return the averages to make a model of: those of the best start where a run ended among its starts."""
        if self.starts.kept is None:
            return self.ema
        ema = copy.deepcopy(self.ema)
        load_weights(ema, self.starts.kept.group("ema"))
        return ema

    def start_clock(self) -> None:
        """Begin to count training time."""
        self._started = time.monotonic()

    def stop_clock(self) -> None:
        """Add the time since :meth:`start_clock` to ``wall_seconds``."""
        self.wall_seconds, self._started = self.elapsed(), None

    def elapsed(self) -> float:
        """Return the seconds trained in all, over every process that had a part in the run."""
        return self.wall_seconds + (0.0 if self._started is None else time.monotonic() - self._started)

    def set_learning_rate(self, value: float, rates: Mapping[str, float]) -> None:
        """Give every player's optimiser this learning rate, times the player's own factor (1 where none is named)."""
        for player, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = value * rates.get(player, 1.0)


@torch.no_grad()
def average_weights(average: nn.Module, module: nn.Module, decay: float) -> None:
    """Move ``average`` towards ``module``: ``average <- decay * average + (1 - decay) * module``; buffers are copied.

    Args:
        average: A copy of ``module``, changed in place.
        module: The networks in training.
        decay: In [0, 1); 0 copies.
    """
    pairs = list(zip(average.parameters(), module.parameters(), strict=True))
    if decay == 0.0:
        for mean, value in pairs:
            mean.copy_(value)
    elif pairs:
        means, values = zip(*pairs, strict=True)
        get_ema_multi_avg_fn(decay)(list(means), list(values), 0)
    for mean, value in zip(average.buffers(), module.buffers(), strict=True):
        mean.copy_(value)


def _load_moments(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split("/")
        # An optimiser keeps the tensors it is given, and a snapshot must outlive the steps that follow.
        moments.setdefault(int(index), {})[name] = value.clone()
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
