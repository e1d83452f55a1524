"""A learned ground cost: what the critic raises, and in which unit prices are."""

import pytest
import torch
from plan_routes import LATENTS, four_modes, nets_of, problems_of, route, settings
from torch import nn

from infot import ot
from infot.objectives.base import Batch
from infot.objectives.learned_cost import LearnedCost
from infot.random import Streams


def test_the_critic_raises_the_plain_divergence_between_independent_halves() -> None:
    """Solved one by one: the energy distance of features over their mean cost."""
    nets, batch = nets_of("sample learned"), Batch(four_modes(16, 0), 0.5)
    objective = LearnedCost(route("sample", settings()), LATENTS, epsilon=0.2, tolerance=1e-5, max_steps=5000)
    loss, info = objective.loss("critic", nets, batch, Streams(0))
    made = nets["generator"](*LATENTS.sample(16, Streams(0)("latent")))
    x, y = (nets["critic"](points).detach() for points in (made, batch.data))
    scale = ot.squared_euclidean(x, y).mean()

    def transport(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        problem = ot.OTProblem(cost=ot.squared_euclidean(left, right) / scale, regulariser=ot.Entropic(0.2))
        return ot.solve(problem, tolerance=1e-5, max_steps=5000).transport_cost

    (x, other_x), (y, other_y) = x.chunk(2), y.chunk(2)
    cross = sum(transport(a, b) for a in (x, other_x) for b in (y, other_y))
    expected = cross / 2 - transport(x, other_x) - transport(y, other_y)
    torch.testing.assert_close(-loss.detach(), expected, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(info["mean_cost"], scale)
    assert float(x.norm(dim=1).max()) == pytest.approx(1, abs=1e-5)


def test_prices_follow_the_scale_of_the_features() -> None:
    """Twice the features, four times the cost and the prices: the same plan."""

    class Scaled(nn.Module):
        def __init__(self, eye: nn.Module) -> None:
            super().__init__()
            self.eye = eye

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * self.eye(x)

    nets, batch = nets_of("sample learned"), Batch(four_modes(16, 0), 0.5)
    problems = problems_of(settings(relaxation=ot.Constant(0.5), tolerance=1e-5), learned=True)
    one = problems.of_data(nets, batch, Streams(0))
    nets["critic"] = Scaled(nets["critic"])
    other = problems.of_data(nets, batch, Streams(0))
    assert other.prices.epsilon == pytest.approx(4 * one.prices.epsilon)
    torch.testing.assert_close(other.problem.row_weights, one.problem.row_weights, rtol=1e-3, atol=1e-5)
    plans = [problems.settings.solve(side.problem).matrix() for side in (one, other)]
    torch.testing.assert_close(*plans, rtol=1e-2, atol=1e-5)
