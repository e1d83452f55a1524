from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from infot.errors import ConfigError, NumericalError
from infot.objectives.base import Batch
from infot.random import Streams, start_seed
from infot.training import Callback, CheckpointFolder, TrainState, fit
from infot.training.callbacks import SaveCheckpoints

from .conftest import CheckEqual, MakeRun, ToyObjective, ToyRun, weights

STARTS, SHARE, STEPS = 3, 6, 20  # starts, steps of each, steps of one way through
TOTAL = STEPS + (STARTS - 1) * SHARE


class Halt(Callback):
    """Stops as a time limit or a signal would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def due(self, state: TrainState) -> bool:
        return state.step == self.step

    def __call__(self, state: TrainState, info: Mapping[str, Tensor]) -> None:
        state.stop = "interrupted"


class Favoured(ToyObjective):
    """Says that the code tells most in the start of one seed; others diverge at their third step, where asked to."""

    def __init__(self, best: int, diverging: tuple[int, ...] = ()) -> None:
        self.best = best
        self.diverging = diverging

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Tensor, dict[str, Tensor]]:
        loss, found = super().loss(player, nets, batch, streams)
        start = next(k for k in range(STARTS) if start_seed(0, k) == streams.seed)
        if start in self.diverging and batch.progress >= 2 / STEPS:
            loss = loss * torch.inf
        told = 1.0 + (start == self.best) + 0.01 * batch.progress
        return loss, found | {"plan_information": torch.tensor(told)}


def several(toy_run: MakeRun, objective: ToyObjective) -> ToyRun:
    return toy_run(objective=objective, steps=STEPS, starts=STARTS, start_steps=SHARE)


@pytest.mark.parametrize("best", range(STARTS))
def test_the_best_start_goes_on_as_if_it_had_been_alone(
    toy_run: MakeRun, assert_equal_states: CheckEqual, best: int
) -> None:
    chosen = several(toy_run, Favoured(best)).train()
    lone = toy_run(objective=Favoured(best), steps=STEPS, seed=start_seed(0, best)).train()
    assert (chosen.step, lone.step) == (TOTAL, STEPS)
    lone.step = TOTAL
    assert_equal_states(chosen, lone)
    assert chosen.starts.best == best
    assert chosen.starts.kept is None


def test_the_mean_of_the_last_fifth_is_compared(toy_run: MakeRun) -> None:
    state = several(toy_run, Favoured(1)).train()
    last = 0.01 * (SHARE - 1) / STEPS  # a fifth of six steps is one
    assert [end.information for end in state.starts.outcomes] == pytest.approx([1 + last, 2 + last, 1 + last])


@pytest.mark.parametrize("step", [3, SHARE, SHARE + 1, 2 * SHARE - 1, 2 * SHARE, 3 * SHARE, 3 * SHARE + 1])
@pytest.mark.parametrize("best", [0, 2])
def test_a_run_stopped_among_its_starts_goes_on_bit_for_bit(
    toy_run: MakeRun, tmp_path: Path, assert_equal_states: CheckEqual, step: int, best: int
) -> None:
    folder = CheckpointFolder(tmp_path / "checkpoints")
    several(toy_run, Favoured(best)).train(Halt(step), SaveCheckpoints(folder, every=100))
    resumed = several(toy_run, Favoured(best))
    assert folder.load(resumed.state) == f"step-{step:08d}"
    whole = several(toy_run, Favoured(best)).train()
    again = resumed.train()
    assert again.starts == whole.starts
    assert_equal_states(again, whole)


def test_a_start_that_diverges_is_noted_and_another_goes_on(toy_run: MakeRun) -> None:
    state = several(toy_run, Favoured(1, diverging=(0, 1))).train()
    assert state.step == TOTAL
    assert state.starts.best == 2
    first, second, third = map(str, state.starts.outcomes)
    assert first == "diverged at step 3: loss is not finite (player critic)"
    assert second == f"diverged at step {SHARE + 3}: loss is not finite (player critic)"
    assert third.startswith("I(c;x) 1.0")


@pytest.mark.parametrize("diverging", [(0, 1, 2), (2,)])
def test_training_diverges_where_no_start_is_left(toy_run: MakeRun, diverging: tuple[int, ...]) -> None:
    if len(diverging) == STARTS:
        with pytest.raises(NumericalError, match=f"step {2 * SHARE + 3}: loss is not finite"):
            several(toy_run, Favoured(1, diverging)).train()
    else:
        state = several(toy_run, Favoured(1, diverging)).train()
        assert state.starts.best == 1


def test_a_choice_that_has_been_made_is_not_made_again(toy_run: MakeRun) -> None:
    class Late(Favoured):
        def loss(
            self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
        ) -> tuple[Tensor, dict[str, Tensor]]:
            loss, found = super().loss(player, nets, batch, streams)
            return (loss * torch.inf if batch.progress >= 10 / STEPS else loss), found

    with pytest.raises(NumericalError, match=f"step {2 * SHARE + 11}: loss is not finite"):
        several(toy_run, Late(1)).train()


def test_a_model_of_a_run_that_ended_among_its_starts_is_of_the_best(toy_run: MakeRun) -> None:
    state = several(toy_run, Favoured(0)).train(Halt(SHARE + 2))
    kept = weights(several(toy_run, Favoured(0)).train(Halt(SHARE)))
    model = {f"ema/{name}": value for name, value in state.leading_average().state_dict().items()}
    assert [name for name, value in model.items() if not torch.equal(value, kept[name])] == []
    finished = several(toy_run, Favoured(0)).train()
    assert finished.leading_average() is finished.ema


def test_one_start_changes_nothing_and_leaves_no_trace(toy_run: MakeRun, tmp_path: Path) -> None:
    run = toy_run()
    state = run.train(SaveCheckpoints(CheckpointFolder(tmp_path), every=20))
    assert state.starts.outcomes == []
    assert '"starts"' not in (tmp_path / "step-00000020.json").read_text()
    assert replace(run.schedule, steps=7).total == 7


def test_several_starts_need_what_begins_and_what_compares_them(toy_run: MakeRun) -> None:
    run = several(toy_run, Favoured(0))
    with pytest.raises(ConfigError, match="a schedule of 3 starts needs a function that begins one"):
        fit(run.state, run.objective, run.data, schedule=run.schedule)

    class Silent(ToyObjective):
        def loss(
            self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
        ) -> tuple[Tensor, dict[str, Tensor]]:
            loss, _ = super().loss(player, nets, batch, streams)
            return loss, {"loss": loss.detach()}

    with pytest.raises(ConfigError, match="compared by plan_information, which this objective does not log"):
        several(toy_run, Silent()).train()
