"""A ground cost that sharpens: its weights, and that the primal plan pays it, trains under it and reads codes by it."""

import pytest
import torch
from plan_routes import settings
from torch import nn

from infot import ot
from infot.models.blocks import Categorical, Normal
from infot.models.deformable import DeformableGenerator
from infot.models.encoders import NoiseEncoder
from infot.models.latents import LatentSpace
from infot.models.pyramid import BlurPyramid
from infot.models.unexplained import Unexplained
from infot.objectives.base import Batch
from infot.objectives.followed_ground import FollowedGround
from infot.objectives.ground import PIXELS, Ground
from infot.objectives.latent_batch import LatentGrid
from infot.objectives.plan_problems import PlanProblems
from infot.objectives.primal import PrimalPlan
from infot.objectives.pyramid_ground import PyramidGround
from infot.random import Streams

SHARPENING = PyramidGround(ot.Linear(0.0, 1.0, 0.2, 0.6))


def test_weights_pass_from_the_first_width_to_the_last():
    found = [SHARPENING.weights(3, progress).tolist() for progress in (0.0, 0.3, 0.4, 0.5, 1.0)]
    assert found == [
        pytest.approx(expected, abs=1e-6)
        for expected in ([1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1])
    ]


def plan(ground: Ground) -> tuple[PrimalPlan, nn.ModuleDict, torch.Tensor]:
    torch.manual_seed(0)
    data, generator = torch.rand(24, 1, 8, 8), DeformableGenerator(3, (1, 8, 8), displacement_grid=0)
    encoder = NoiseEncoder((1, 8, 8), n_codes=3, noise_dim=generator.noise_dim, width=8)
    pyramid = BlurPyramid((1, 8, 8), (2.0, 1.0, 0.0))
    pyramid.normalise(data)
    latents = LatentSpace((Categorical(3),), Normal(generator.noise_dim))
    objective = PrimalPlan(
        latents, cost_scale=2.0, epsilon=ot.Constant(0.01), epsilon_code=ot.Constant(0.1), ground=ground
    )
    nets = nn.ModuleDict({"generator": generator, "encoder": encoder, "pyramid": pyramid})
    nets["unexplained"] = Unexplained(3, 1, rate=0.5)
    return objective, nets, data


def test_the_last_word_is_that_of_pixels():
    objective, nets, data = plan(SHARPENING)
    losses = []
    for ground in (SHARPENING, PIXELS):
        objective.ground = ground
        losses += [objective.loss("model", nets, Batch(data, p), Streams(0))[0].item() for p in (0.3, 1.0)]
    blurred, sharp, *pixels = losses
    assert sharp == pytest.approx(pixels[1], rel=1e-6)
    assert abs(blurred - pixels[0]) > 1e-2 * pixels[0]


def test_the_plan_pays_what_it_sees():
    """One chart, encoder at zero: the transport cost is the mean squared distance of the blurred template."""
    objective, nets, data = plan(SHARPENING)
    law = nets["encoder"](data)
    with torch.no_grad():
        nets["encoder"].log_std.bias.fill_(-20.0)
        nets["generator"].deviations.zero_()
        _, info = objective.loss("model", nets, Batch(data, 0.4), Streams(0))
        image = nets["generator"](torch.eye(3)[:1], torch.zeros(1, law.mean.shape[-1]))
        away = nets["pyramid"].level(data, 1) - nets["pyramid"].level(image, 1)
    expected = nets["pyramid"].gains[1, 0] * away.square().sum((1, 2)).mean()
    # pairs of a datum and a code are drawn: their weights have mean, not always sum, 1
    torch.testing.assert_close(info["transport_cost"], expected, rtol=0.2, atol=0)


def test_the_coder_sees_through_the_final_blur_and_survives_saving():
    blurred = PyramidGround(ot.Constant(0.5))
    objective, nets, data = plan(blurred)
    coder = objective.coder(nets, data, Streams(0))
    law = nets["encoder"](data)
    image = nets["generator"](torch.eye(3)[[1]], law.mean[5, [1]])
    away = nets["pyramid"].level(image, 1) - nets["pyramid"].level(data[5:6], 1)
    paid = nets["pyramid"].gains[1, 0] * away.square().sum() + law.information()[5, 1] @ coder.prices
    torch.testing.assert_close(coder.scores(data)[1, 5], paid, rtol=1e-4, atol=1e-4)
    other = plan(blurred)[0].coder(plan(blurred)[1], torch.rand(24, 1, 8, 8), Streams(1))
    other.load_state_dict(coder.state_dict())
    assert torch.equal(other.posterior(data), coder.posterior(data))


def test_a_followed_ground_sees_as_sharply_as_is_explained():
    objective, nets, data = plan(FollowedGround())
    loss, found = objective.loss("model", nets, Batch(data, 0.5), Streams(0))
    objective.ground = PyramidGround(
        ot.Constant(0.0)
    )  # the coarsest level alone, as nothing is explained yet
    torch.testing.assert_close(objective.loss("model", nets, Batch(data, 0.5), Streams(0))[0], loss)
    assert float(found["sharpness"]) == 0.0
    # templates start at the mean of nothing, black: all of the spread, and the brightness, are left
    assert torch.equal(nets["unexplained"].shares, torch.ones(3, 1))
    objective.ground = FollowedGround()
    objective.follow("model", nets, found | {"unexplained": torch.tensor([[0.0], [0.5], [0.5]])})
    torch.testing.assert_close(nets["unexplained"].shares, torch.tensor([[0.5], [0.75], [0.75]]))
    _, found = objective.loss("model", nets, Batch(data, 0.5), Streams(0))
    assert float(found["sharpness"]) == pytest.approx((0.5 * 0.75 * 1 + 0.5 * 0.25 * 2) / 2)


def test_a_plan_on_samples_is_blurred_as_well():
    _, nets, data = plan(SHARPENING)
    latents = LatentSpace((Categorical(3),), Normal(nets["generator"].noise_dim))
    problems = PlanProblems(LatentGrid(latents, 4, 2), settings(), SHARPENING)
    side = problems.of_data(nets, Batch(data, 0.4), Streams(0))
    seen = [nets["pyramid"].level(points, 1).flatten(1) for points in (side.generated, data)]
    expected = nets["pyramid"].gains[1, 0] * ot.squared_euclidean(*seen)
    torch.testing.assert_close(side.problem.cost, expected, rtol=1e-4, atol=1e-4)
