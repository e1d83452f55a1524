import torch

from infot import ot
from infot.objectives.sample_coder import SampleCoder


def coder_and_plan() -> tuple[SampleCoder, ot.Plan, torch.Tensor]:
    torch.manual_seed(0)
    points, data = torch.randn(12, 2, dtype=torch.float64), torch.randn(9, 2, dtype=torch.float64)
    structured = ot.Structured(ot.Entropic(0.4), blocks=ot.Blocks(code=(3, 4)), epsilon_code=0.1)
    plan = ot.solve(
        ot.OTProblem(cost=ot.squared_euclidean(points, data), regulariser=structured),
        tolerance=1e-12,
        max_steps=20_000,
    )
    coder = SampleCoder(
        points=points,
        code_values=torch.eye(3, dtype=torch.float64),
        weights=torch.full((3,), 1 / 3, dtype=torch.float64),
        f=plan.f,
        prices=torch.tensor([0.4, 0.1], dtype=torch.float64),
    )
    return coder, plan, data


def test_on_the_data_of_the_plan_the_posterior_is_the_plans_conditional():
    coder, plan, data = coder_and_plan()
    expected = plan.conditional(given="data").view(3, 4, 9).sum(1).T
    assert torch.allclose(coder.posterior(data), expected, atol=1e-6)


def test_posteriors_of_unseen_data_sum_to_one_and_give_the_mean_code():
    coder, _, _ = coder_and_plan()
    unseen = torch.randn(600, 2, dtype=torch.float64)
    posterior = coder.posterior(unseen)
    assert torch.allclose(posterior.sum(1), torch.ones(600, dtype=torch.float64))
    assert torch.allclose(coder.read(unseen).mean, posterior)
    assert coder.reconstruct(unseen).shape == unseen.shape


def test_the_state_is_all_there_is():
    coder, _, data = coder_and_plan()
    again = SampleCoder(**coder.state_dict())
    assert torch.equal(again.posterior(data), coder.posterior(data))


def test_partners_are_the_heaviest_couplings_of_the_plan():
    coder, plan, data = coder_and_plan()
    given = plan.conditional(given="data")
    found = coder.partners(data, 12)
    assert torch.allclose(found.mass.sum(1), torch.ones(9, dtype=torch.float64))
    assert torch.allclose(found.mass, given.T.sort(dim=1, descending=True).values, atol=1e-6)
    heaviest = given.argmax(0)
    assert torch.equal(found.points[:, 0], coder.points[heaviest])
    assert torch.equal(found.codes[:, 0], heaviest // 4)
