import math
import os
import signal
from collections.abc import Mapping
from types import FrameType

import pytest
import torch
from torch import Tensor, nn
from torch.linalg import LinAlgError  # pyright: ignore[reportAttributeAccessIssue]

from infot.errors import NumericalError, ProblemError
from infot.objectives.base import Batch
from infot.random import Streams
from infot.training import Callback, Schedule, TrainState
from infot.training.callbacks import StopOnSignal, TimeLimit
from infot.training.guard import FiniteGuard
from infot.training.state import average_weights

from .conftest import MakeRun, ToyObjective


class Recorder(Callback):
    def __init__(self, every: int = 1) -> None:
        self.every = every
        self.seen: list[int] = []
        self.names: list[set[str]] = []
        self.finished = self.closed = 0

    def due(self, state: TrainState) -> bool:
        return state.step % self.every == 0

    def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
        self.seen.append(state.step)
        self.names.append(set(info))
        assert math.isfinite(float(info["loss"]))

    def finish(self, state: TrainState) -> None:
        self.finished += 1

    def close(self) -> None:
        self.closed += 1


def test_two_runs_of_one_seed_are_equal_and_another_seed_is_not(
    toy_run: MakeRun, assert_equal_states
) -> None:
    first, second, other = toy_run().train(), toy_run().train(), toy_run(seed=1).train()
    assert not torch.equal(
        first.nets.get_parameter("critic.weight"), other.nets.get_parameter("critic.weight")
    )
    assert_equal_states(first, second)


def test_callbacks_are_called_when_due_and_watching_changes_nothing(
    toy_run: MakeRun, assert_equal_states
) -> None:
    watched = Recorder(every=5)
    first, second = toy_run().train(watched), toy_run().train()
    assert watched.seen == [5, 10, 15, 20]
    assert (watched.finished, watched.closed) == (1, 1)
    assert_equal_states(first, second)


def test_training_learns_and_players_step_only_their_own_parameters(toy_run: MakeRun) -> None:
    class OnlyCritic(ToyObjective):
        players = ("critic",)

    run = toy_run(objective=OnlyCritic())
    before = run.state.nets.get_parameter("generator.layer.weight").clone()
    critic = run.state.nets.get_parameter("critic.weight").clone()
    state = run.train()
    assert torch.equal(state.nets.get_parameter("generator.layer.weight"), before)
    assert not torch.equal(state.nets.get_parameter("critic.weight"), critic)


def test_players_take_their_turns_at_their_rates_with_a_batch_each_and_are_constrained(
    toy_run: MakeRun,
) -> None:
    class Uneven(ToyObjective):
        rates: Mapping[str, float] = {"critic": 0.1}
        seen: list[tuple[str, float]] = []  # noqa: RUF012

        def turns(self, step: int) -> tuple[str, ...]:
            return ("critic", "critic", "generator") if step % 2 == 0 else ("generator",)

        def loss(
            self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
        ) -> tuple[Tensor, dict[str, Tensor]]:
            self.seen.append((player, float(batch.data.sum())))
            return super().loss(player, nets, batch, streams)

        def constrain(self, player: str, nets: nn.ModuleDict) -> None:
            if player == "critic":
                nets.get_parameter("critic.bias").fill_(7.0)

    objective = Uneven()
    state = toy_run(objective=objective).train(steps=3)
    players = [player for player, _ in objective.seen]
    assert players == ["critic", "critic", "generator", "generator", "critic", "critic", "generator"]
    assert len({batch for _, batch in objective.seen}) == len(players)
    rates = {name: optimiser.param_groups[0]["lr"] for name, optimiser in state.optimisers.items()}
    assert rates["critic"] == pytest.approx(0.1 * rates["generator"])
    assert state.nets.get_parameter("critic.bias").tolist() == [7.0]


def test_what_the_loss_found_beside_numbers_reaches_follow_alone(toy_run: MakeRun) -> None:
    seen: list[tuple[str, int, tuple[int, ...]]] = []

    class Following(ToyObjective):
        def loss(self, player, nets, batch, streams):
            loss, logged = super().loss(player, nets, batch, streams)
            return loss, logged | {"shares": torch.full((3,), 1 / 3)}

        def follow(self, player, nets, found):
            assert not torch.is_grad_enabled()
            seen.append((player, len(found), tuple(found["shares"].shape)))

    watcher = Recorder()
    toy_run(objective=Following()).train(watcher, steps=2)
    assert seen == [("critic", 4, (3,)), ("generator", 4, (3,))] * 2
    assert all("shares" not in names for names in watcher.names)


def test_average_copies_first_and_averages_later(toy_run: MakeRun) -> None:
    copied = toy_run().train(steps=5)  # ema_from is 0.3 of 20 steps
    assert torch.equal(copied.ema.get_parameter("critic.weight"), copied.nets.get_parameter("critic.weight"))
    averaged = toy_run().train(steps=12)
    assert not torch.equal(
        averaged.ema.get_parameter("critic.weight"), averaged.nets.get_parameter("critic.weight")
    )


def test_average_weights_is_the_formula_and_copies_buffers() -> None:
    mean, value = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        value.weight.fill_(3.0)
        value.running_mean = torch.full((2,), 5.0)
    average_weights(mean, value, 0.75)
    assert mean.weight.tolist() == [1.5, 1.5]
    assert mean.running_mean is not None and mean.running_mean.tolist() == [5.0, 5.0]


def test_schedule_holds_then_falls_by_a_cosine_and_stays() -> None:
    clock = Schedule(steps=200, length=100, learning_rate=1.0, decay_from=0.5, final_learning_rate=0.2)
    assert [clock.learning_rate_at(step) for step in (0, 50, 100, 150)] == [1.0, 1.0, 0.2, 0.2]
    assert clock.learning_rate_at(75) == pytest.approx(0.6)
    assert clock.progress_at(150) == 1.0


def test_schedule_without_decay_keeps_the_rate() -> None:
    clock = Schedule(steps=10, length=10, learning_rate=1.0, decay_from=1.0)
    assert clock.learning_rate_at(10) == 1.0


class Poison(ToyObjective):
    """Spoils one tensor at the given step, counted by the schedule's progress over 20 steps."""

    def __init__(self, step: int, where: str) -> None:
        self.at = (step - 1) / 20
        self.where = where

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Tensor, dict[str, Tensor]]:
        loss, info = super().loss(player, nets, batch, streams)
        if abs(batch.progress - self.at) > 1e-9 or player != "generator":
            return loss, info
        if self.where == "loss":
            return loss * float("inf"), info
        if self.where == "gradient":  # the root has a finite value and an infinite slope at 0
            return loss + (nets.get_parameter("generator.layer.bias") * 0).sum().sqrt(), info
        return loss, info | {self.where: torch.tensor(float("nan"))}


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("loss", "loss is not finite"),
        ("gradient", "the gradient of generator.layer.bias is not finite"),
        ("plan_information", "plan_information is not finite"),
    ],
)
def test_a_non_finite_value_ends_training_before_a_weight_is_touched(
    toy_run: MakeRun, where: str, named: str
) -> None:
    watched = Recorder()
    run = toy_run(objective=Poison(7, where))
    with pytest.raises(NumericalError, match=rf"step 7: {named} \(player generator\)"):
        run.train(watched)
    assert watched.seen == [1, 2, 3, 4, 5, 6]
    assert (watched.finished, watched.closed) == (0, 1)
    assert all(bool(torch.isfinite(p).all()) for p in run.state.nets.parameters())


class Refusing(ToyObjective):
    def __init__(self, step: int, error: Exception) -> None:
        self.at = (step - 1) / 20
        self.error = error

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if batch.progress >= self.at:
            raise self.error
        return super().loss(player, nets, batch, streams)


@pytest.mark.parametrize(
    "error",
    [ProblemError("expected finite costs"), NumericalError("no plan"), LinAlgError("singular")],
)
def test_a_solver_that_refuses_what_the_networks_made_means_divergence(
    toy_run: MakeRun, error: Exception
) -> None:
    with pytest.raises(NumericalError, match=rf"step 4: {error} \(player critic\)"):
        toy_run(objective=Refusing(4, error)).train()


def test_a_problem_in_the_first_step_is_the_users(toy_run: MakeRun) -> None:
    with pytest.raises(ProblemError, match="expected finite costs"):
        toy_run(objective=Refusing(1, ProblemError("expected finite costs"))).train()


def test_on_an_accelerator_the_first_offence_is_noted_and_read_later() -> None:
    net = nn.ModuleDict({"generator": nn.Linear(1, 1, bias=False)})
    guard = FiniteGuard(net)
    names = ["loss", "plan_information"]
    for step, flags in enumerate([[0, 0], [0, 1], [1, 1]], start=1):
        guard._note(step, "generator", names, torch.tensor(flags, dtype=torch.bool))
        guard._note(step, "critic", names, torch.tensor([0, 0], dtype=torch.bool))
    with pytest.raises(NumericalError, match="step 2: plan_information is not finite"):
        guard.settle()


def test_a_clean_device_record_settles() -> None:
    guard = FiniteGuard(nn.ModuleDict())
    guard.settle()
    guard._note(1, "generator", ["loss"], torch.tensor([False]))
    guard.settle()
    assert guard._first is not None and guard._first.tolist() == [1, -1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_and_stops(toy_run: MakeRun, number: signal.Signals) -> None:
    class Kill(Recorder):
        def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
            super().__call__(state, info)
            if state.step == 4:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    watched = Kill()
    state = toy_run().train(StopOnSignal(), watched)
    assert (state.step, state.stop) == (4, "interrupted")
    assert watched.finished == 1
    assert signal.getsignal(number) is before


def test_signals_that_ask_twice_do_not_kill(toy_run: MakeRun) -> None:
    class Kill(Recorder):
        def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
            super().__call__(state, info)
            if state.step == 4:
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(2):
                    os.kill(os.getpid(), signal.SIGTERM)

    def fail(number: int, frame: FrameType | None) -> None:
        pytest.fail("the second signal would have ended the process")

    before = signal.signal(signal.SIGTERM, fail)
    watched = Kill()
    try:
        state = toy_run().train(StopOnSignal(), watched)
        assert signal.getsignal(signal.SIGTERM) is fail
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (state.step, state.stop, watched.finished) == (4, "interrupted", 1)


def test_a_second_ctrl_c_ends_at_once(toy_run: MakeRun) -> None:
    class Kill(Recorder):
        def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            toy_run().train(StopOnSignal(), Kill())
    finally:
        signal.signal(signal.SIGINT, before)


def test_time_limit_stops_after_the_step_in_hand(toy_run: MakeRun) -> None:
    state = toy_run(steps=10**6).train(TimeLimit(minutes=0.1 / 60))
    assert state.stop == "max_minutes"
    assert 0 < state.step < 10**6
