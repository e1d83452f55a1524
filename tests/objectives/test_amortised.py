"""The amortised perturbation: exact where the encoder is, a bound elsewhere."""

import torch
from plan_routes import MODES, four_modes, nets_of, problems_of, settings
from torch import Tensor, nn

from infot import ot
from infot.models.blocks import Categorical, Circle, Normal
from infot.models.encoders import GaussianNoise
from infot.objectives.amortised import AmortisedPlan
from infot.objectives.amortised_coder import AmortisedCoder
from infot.objectives.base import Batch
from infot.objectives.sample_coder import SampleCoder
from infot.objectives.structured import SamplePlan
from infot.random import Streams


class Told(nn.Module):
    """Say of each datum of a batch what it is told."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, x: Tensor) -> GaussianNoise:
        return GaussianNoise(self.logits, torch.zeros_like(self.logits))


def test_an_encoder_that_is_the_plans_conditional_gives_the_structured_plan() -> None:
    """Method, section 3: ordinary transport at the perturbed cost gives the structured plan back."""
    plans = settings(tolerance=1e-7, share=ot.Constant(0.0))  # a plain self term does not ask the encoder
    problems, nets = problems_of(plans), nets_of("amortised")
    batch = Batch(four_modes(20, 0), 0.5)
    exact = plans.solve(problems.of_turn(nets, batch, Streams(0)).to_data.problem)
    conditional = exact.conditional().view(MODES, -1, 20).sum(1)
    nets["encoder"] = Told(conditional.T.log())
    found = AmortisedPlan(problems).loss("model", nets, batch, Streams(0))
    expected = SamplePlan(problems).loss("generator", nets, batch, Streams(0))
    for name in ("transport_cost", "plan_information", "noise_information"):
        torch.testing.assert_close(found[1][name], expected[1][name], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        found[1]["encoder_information"], exact.mutual_information(), rtol=1e-3, atol=1e-4
    )
    weights = list(nets["generator"].parameters())
    slopes = zip(
        torch.autograd.grad(found[0], weights), torch.autograd.grad(expected[0], weights), strict=True
    )
    for one, other in slopes:
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3)


def test_what_the_encoder_tells_bounds_the_plans_information_from_below() -> None:
    nets, objective = nets_of("amortised"), AmortisedPlan(problems_of(settings()))
    for seed in range(5):
        nets["encoder"] = Told(torch.randn(20, MODES, generator=torch.Generator().manual_seed(seed)))
        _, info = objective.loss("model", nets, Batch(four_modes(20, 0), 0.5), Streams(seed))
        assert float(info["encoder_information"]) <= float(info["plan_information"]) + 1e-4


def test_a_mixed_code_is_read_block_by_block() -> None:
    code = (Categorical(2), Circle(), Normal(1), Categorical(3))
    logits = torch.randn(5, 8)
    bank = SampleCoder(
        points=torch.zeros(2, 2), code_values=torch.zeros(1, 8), weights=torch.ones(1), f=torch.zeros(2),
        prices=torch.ones(2),
    )  # fmt: skip
    coder = AmortisedCoder(Told(logits), code, plan=bank)
    posterior, mean = coder.read(torch.zeros(5, 2))
    first, last = torch.softmax(logits[:, :2], 1), torch.softmax(logits[:, 5:], 1)
    torch.testing.assert_close(posterior.view(5, 2, 3), first[:, :, None] * last[:, None])
    torch.testing.assert_close(mean[:, 2:4].norm(dim=1), torch.ones(5))
    torch.testing.assert_close(mean[:, [0, 1, 4, 5, 6, 7]], torch.cat([first, logits[:, 4:5], last], 1))
    assert coder.routes == {"plan": bank, "encoder": coder}
