"""The dual plan: with the potential of a solved problem it is the sample plan, and ascent leads there."""

import torch
from plan_routes import MODES, four_modes, nets_of, problems_of, settings
from torch import Tensor, nn

from infot import ot
from infot.objectives.base import Batch
from infot.objectives.plan_loss import excess_cost
from infot.objectives.semidual import SemidualPlan, potential_of
from infot.random import Streams


class Known(nn.Module):
    """Give the potentials it was given."""

    def __init__(self, f: Tensor) -> None:
        super().__init__()
        self.f = nn.Parameter(f)

    def forward(self, code: Tensor, points: Tensor) -> Tensor:
        return self.f


def test_the_potential_of_a_solved_plan_gives_the_loss_and_the_gradient_of_the_sample_plan() -> None:
    plans = settings(tolerance=1e-6)
    problems, nets, batch = problems_of(plans), nets_of("semidual"), Batch(four_modes(20, 0), 0.5)
    turn = problems.of_even_turn(nets, batch, Streams(0))
    to_data, to_own = (plans.solve(side.problem) for side in (turn.to_data, turn.to_own))
    nets["potential"] = Known(to_data.f)
    weights = list(nets["generator"].parameters())
    found, info = SemidualPlan(problems).loss("generator", nets, batch, Streams(0))
    expected = excess_cost(turn, to_data, to_own)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
    assert float(info["marginal_error"]) < 1e-4
    slopes = (torch.autograd.grad(loss, weights) for loss in (found, expected))
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-4)


def test_the_potentials_loss_is_the_negative_value_from_above_and_its_slope_what_rows_miss() -> None:
    plans = settings(tolerance=1e-6)
    problems, nets, batch = problems_of(plans), nets_of("semidual"), Batch(four_modes(20, 0), 0.5)
    side = problems.of_data(nets, batch, Streams(0))
    solved = plans.solve(side.problem)
    for f, slack in ((solved.f, 1e-5), (torch.zeros(len(solved.f)), 1e-3)):
        nets["potential"] = Known(f.clone())
        loss, _ = SemidualPlan(problems).loss("potential", nets, batch, Streams(0))
        assert float(loss.detach()) >= -float(solved.value) - 1e-5
        (slope,) = torch.autograd.grad(loss, [nets["potential"].f])
        assert (float(slope.abs().sum()) < slack) == (slack < 1e-4)


def test_code_frequencies_move_the_potential_and_not_the_conditionals() -> None:
    """The network stands for the prior; a batch that holds a code more often gets the same conditionals."""
    nets = nets_of("semidual")
    batch = Batch(four_modes(20, 0)[torch.tensor([0] * 10 + list(range(1, 11)))], 0.5)
    kept = problems_of(settings()).of_data(nets, batch, Streams(0))
    moved = problems_of(settings(relaxation=ot.Constant(0.05))).of_data(nets, batch, Streams(0))
    codes = moved.problem.row_weights.view(MODES, -1).sum(1)
    assert float((codes - 1 / MODES).abs().max()) > 0.01
    posteriors = []
    for side in (kept, moved):
        problem = side.problem.as_batch()
        score = potential_of(nets, side).detach().unsqueeze(-1) - problem.cost
        a, regulariser = problem.row_weights, problem.regulariser
        g = regulariser.potential(score, a)
        posteriors.append(a.unsqueeze(-1) * regulariser.density(score + g.unsqueeze(-2), a))
    torch.testing.assert_close(*posteriors, rtol=1e-4, atol=1e-6)
