"""A toy run that satisfies the contract of objectives and trains in milliseconds."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from infot.objectives.base import Batch, Coder, Objective
from infot.random import Streams, start_seed
from infot.training import Callback, Schedule, TrainState, fit
from infot.training.selection import Begin


class ToyGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        return self.norm(self.layer(torch.cat([code, noise], 1)))


class ToyObjective(Objective):
    """Two players that match the mean of a batch, with draws from two streams."""

    players = ("critic", "generator")

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Tensor, dict[str, Tensor]]:
        n = len(batch.data)
        code = torch.rand(n, 1, generator=streams("code"))
        noise = torch.randn(n, 2, generator=streams(f"noise of {player}"))
        made = nets["generator"](code, noise)
        gap = nets["critic"](made).mean() - nets["critic"](batch.data).mean()
        loss = (
            -gap + gap.square()
            if player == "critic"
            else gap + (made.mean(0) - batch.data.mean(0)).square().sum()
        )
        return loss, {
            "loss": loss.detach(),
            "plan_information": gap.detach(),
            "epsilon": torch.tensor(batch.progress),
        }

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Coder:
        raise AssertionError("the loop never asks for a coder")


@dataclass
class ToyRun:
    state: TrainState
    objective: Objective
    data: Tensor
    schedule: Schedule
    begin: Begin

    def train(self, *callbacks: Callback, steps: int | None = None) -> TrainState:
        schedule = self.schedule if steps is None else replace(self.schedule, steps=steps)
        fit(self.state, self.objective, self.data, schedule=schedule, begin=self.begin, callbacks=callbacks)
        return self.state


MakeRun = Callable[..., ToyRun]
CheckEqual = Callable[[TrainState, TrainState], None]


@pytest.fixture
def toy_run() -> MakeRun:
    """Return a factory of runs that are equal before their first step."""

    def make(
        *,
        objective: Objective | None = None,
        steps: int = 20,
        seed: int = 0,
        starts: int = 1,
        start_steps: int = 0,
    ) -> ToyRun:
        objective = objective or ToyObjective()
        data = torch.randn(30, 2, generator=torch.Generator().manual_seed(7)) + 1

        def begin(start: int) -> TrainState:
            own = start_seed(seed, start)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(own)
                nets = nn.ModuleDict({"generator": ToyGenerator(), "critic": nn.Linear(2, 1)})
            return TrainState.create(nets, objective, n_data=30, batch_size=8, seed=own)

        schedule = Schedule(
            steps=steps,
            length=steps,
            learning_rate=0.01,
            ema_decay=0.9,
            ema_from=0.3,
            starts=starts,
            start_steps=start_steps,
        )
        return ToyRun(begin(0), objective, data, schedule, begin)

    return make


def weights(state: TrainState) -> dict[str, Tensor]:
    """Return everything that must be equal between two equal runs."""
    found = {f"nets/{name}": value.clone() for name, value in state.nets.state_dict().items()}
    found |= {f"ema/{name}": value.clone() for name, value in state.ema.state_dict().items()}
    for player, optimiser in state.optimisers.items():
        for index, moments in optimiser.state_dict()["state"].items():
            found |= {f"{player}/{index}/{key}": value.clone() for key, value in moments.items()}
    found |= {f"streams/{name}": value.clone() for name, value in state.streams.state_dict().items()}
    return found


@pytest.fixture
def assert_equal_states() -> CheckEqual:
    """Return a check that two states are equal bit for bit."""

    def check(a: TrainState, b: TrainState) -> None:
        left, right = weights(a), weights(b)
        assert left.keys() == right.keys()
        assert [name for name in left if not torch.equal(left[name], right[name])] == []
        assert a.step == b.step
        assert torch.equal(a.sampler.next(), b.sampler.next())

    return check
