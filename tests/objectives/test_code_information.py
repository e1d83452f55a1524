"""What an encoder says of codes, against the densities of torch."""

import math

import torch

from infot.models.blocks import Categorical, Circle, Normal, Uniform
from infot.models.encoders import GaussianNoise
from infot.models.latents import LatentSpace
from infot.objectives.code_information import code_information


def test_each_block_has_the_density_that_torch_gives_it() -> None:
    space = LatentSpace((Categorical(3, (0.5, 0.3, 0.2)), Circle(), Uniform(1), Normal(2)), Normal(1))
    values, rng = space.sample_codes(7, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    law = GaussianNoise(*torch.randn(2, 5, space.code_dim, generator=rng).unbind())
    found = code_information(space.code, law, values)
    assert found.shape == (4, 7, 5)
    pairs = [(value, datum) for value in range(7) for datum in range(5)]
    value, datum = torch.tensor(pairs).unbind(1)
    code, mean, std = values[value], law.mean[datum], law.log_std[datum].exp()
    categorical = torch.distributions.OneHotCategorical(logits=mean[:, :3])
    prior = torch.tensor([0.5, 0.3, 0.2]).log()[code[:, :3].argmax(1)]
    direction = torch.distributions.VonMises(
        torch.atan2(mean[:, 4], mean[:, 3]), mean[:, 3:5].norm(dim=1)
    ).log_prob(torch.atan2(code[:, 4], code[:, 3]))
    normal = torch.distributions.Normal(mean[:, 5:], std[:, 5:]).log_prob(code[:, 5:])
    standard = torch.distributions.Normal(0.0, 1.0).log_prob(code[:, 6:]).sum(1)
    expected = [
        categorical.log_prob(code[:, :3]) - prior,
        direction + math.log(2 * math.pi),
        normal[:, 0] + math.log(2),
        normal[:, 1:].sum(1) - standard,
    ]
    torch.testing.assert_close(found.flatten(1), torch.stack(expected), atol=1e-4, rtol=1e-4)


def test_a_law_that_is_the_prior_tells_nothing_and_a_sharp_one_the_entropy() -> None:
    blocks = (Categorical(4),)
    values = torch.eye(4)
    flat = GaussianNoise(torch.zeros(4, 4), torch.zeros(4, 4))
    assert float(code_information(blocks, flat, values).abs().max()) < 1e-6
    sharp = GaussianNoise(50 * torch.eye(4), torch.zeros(4, 4))
    torch.testing.assert_close(
        code_information(blocks, sharp, values)[0].diagonal(), torch.full((4,), math.log(4))
    )
