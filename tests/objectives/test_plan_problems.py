"""The problems of a turn: what chance has in a batch, and what it has not."""

from dataclasses import replace

import torch
from plan_routes import CENTRES, MODES, four_modes, problems_of, settings
from torch import Tensor, nn

from infot import ot
from infot.models.blocks import Categorical, Normal
from infot.models.latents import LatentSpace
from infot.objectives.base import Batch
from infot.objectives.latent_batch import LatentGrid
from infot.objectives.plan_problems import PlanProblems, TurnProblems
from infot.random import Streams


class ModeOfCode(nn.Module):
    """Draw the mode that the code names."""

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        return code @ CENTRES + 0.05 * noise


NETS = nn.ModuleDict({"generator": ModeOfCode()})
BATCH = Batch(four_modes(32, 0), 0.5)
SHARP = settings(epsilon=ot.Constant(0.01), tolerance=1e-6)


def strayed(problems: PlanProblems, turn: TurnProblems) -> float:
    """Return the mass of the plan to the own samples that goes from one mode to another."""
    plan = problems.settings.solve(turn.to_own.problem).matrix()
    rows, columns = (
        (points @ CENTRES.T).argmax(1) for points in (turn.to_own.generated, turn.to_own.targets)
    )
    return float(plan[rows.unsqueeze(1) != columns].sum())


def test_samples_drawn_one_by_one_send_mass_astray_and_those_of_an_even_turn_none() -> None:
    problems = problems_of(SHARP)
    by_chance, even = (
        [strayed(problems, draw(NETS, BATCH, Streams(seed))) for seed in range(5)]
        for draw in (problems.of_turn, problems.of_even_turn)
    )
    assert min(by_chance) > 0.02
    assert max(even) < 1e-4


def test_an_even_turn_has_the_latents_and_data_of_any_turn() -> None:
    problems = problems_of(SHARP)
    one, other = (draw(NETS, BATCH, Streams(0)) for draw in (problems.of_turn, problems.of_even_turn))
    torch.testing.assert_close(one.to_data.problem.cost, other.to_data.problem.cost, rtol=0, atol=0)
    assert not torch.equal(other.to_own.generated, other.to_own.targets)


def test_an_even_turn_weighs_own_samples_by_an_uneven_prior() -> None:
    weights = (0.1, 0.2, 0.3, 0.4)
    latents = LatentSpace((Categorical(MODES, weights=weights),), Normal(2))
    problems = replace(problems_of(SHARP), grid=LatentGrid(latents, 8, codes_per_batch=8))
    turn = problems.of_even_turn(NETS, BATCH, Streams(0))
    for side in (turn.to_own.problem.row_weights, turn.to_own.problem.column_weights):
        torch.testing.assert_close(side.view(MODES, -1).sum(1), torch.tensor(weights))
    assert strayed(problems, turn) < 1e-4


def test_codes_that_cannot_be_listed_are_drawn_one_by_one() -> None:
    latents = LatentSpace((Normal(MODES),), Normal(2))
    problems = replace(problems_of(SHARP), grid=LatentGrid(latents, 8, codes_per_batch=8))
    one, other = (draw(NETS, BATCH, Streams(0)) for draw in (problems.of_turn, problems.of_even_turn))
    assert torch.equal(one.to_own.targets, other.to_own.targets)
    assert other.to_own.targets.shape == (32, 2)
