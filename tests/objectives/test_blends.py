"""A code that drives a blend of deformations finds what varies most, whatever mixture of deformations it is."""

import torch
from torch import Tensor, nn

from infot import ot
from infot.models.blocks import Categorical, Normal, Uniform
from infot.models.deformable import PARAMETER_GAIN, DeformableGenerator
from infot.models.encoders import NoiseEncoder
from infot.models.latents import LatentSpace
from infot.objectives.base import Batch
from infot.objectives.primal import PrimalPlan
from infot.random import Streams

STEPS = 150
HIDDEN = {"shear": 0.7, "rotation": -0.2}  # what the hidden factor does from its middle to an end


def crosses_and_frames(n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return pictures of two kinds that lean as a hidden factor says, and the factor, (n,)."""
    truth = DeformableGenerator(2, (1, 12, 12), displacement_grid=0)
    kinds = torch.zeros(2, 1, 12, 12)
    kinds[0, :, 3:9, 3:9], kinds[1, :, 2:10, 5:7], kinds[1, :, 5:7, 2:10] = 1, 1, 1
    kinds[0, :, 5:7, 5:7] = 0
    factor = 2 * torch.rand(n, generator=rng) - 1
    noise = torch.zeros(n, truth.noise_dim)
    for name, amount in HIDDEN.items():
        index = truth.names.index(name)
        noise[:, index] = amount * factor / truth.scales[index]
    with torch.no_grad():
        truth.centre.zero_()
        truth.deviations.copy_(kinds / PARAMETER_GAIN)
        return truth(torch.eye(2)[torch.randint(2, (n,), generator=rng)], noise), factor


def trained(data: Tensor, streams: Streams) -> tuple[PrimalPlan, nn.ModuleDict]:
    """Train two templates with one blend, driven by a uniform code at a tenth of the noise's price."""
    generator = DeformableGenerator(2, (1, 12, 12), displacement_grid=0, blends=1)
    generator.initialise(data, streams("start"))
    encoder = NoiseEncoder((1, 12, 12), n_codes=2, noise_dim=1 + generator.noise_dim, width=16)
    nets = nn.ModuleDict({"generator": generator, "encoder": encoder})
    objective = PrimalPlan(
        LatentSpace((Categorical(2), Uniform(1)), Normal(generator.noise_dim)),
        cost_scale=2 * float(data.flatten(1).var(0).sum()),
        epsilon=ot.Geometric(0.03, 0.002, 0.0, 0.6),
        epsilon_code=ot.Geometric(0.1, 0.005, 0.0, 0.6),
        epsilons_within=[ot.Geometric(0.003, 0.0002, 0.0, 0.6)],
    )
    optimiser = torch.optim.Adam(nets.parameters(), lr=4e-3, betas=(0.5, 0.99))
    for step in range(STEPS):
        chosen = torch.randint(len(data), (64,), generator=streams("data"))
        loss, _ = objective.loss("model", nets, Batch(data[chosen], step / STEPS), streams)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return objective, nets


def test_a_blend_finds_the_hidden_factor() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        streams = Streams(0)
        data, factor = crosses_and_frames(1200, streams("pictures"))
        objective, nets = trained(data[:1000], streams)
    coder = objective.coder(nets, data[:1000], streams)
    read = coder.read(data[1000:]).mean[:, 2]
    agreement = float(torch.corrcoef(torch.stack([read, factor[1000:]]))[0, 1])
    # a correlation of .9 over 200 pictures has a standard error of (1 - .81) / sqrt(200) = .013
    assert abs(agreement) > 0.9 - 3 * 0.013
    laws = coder.laws(data[1000:])
    assert laws is not None
    information = laws.information().mean(0)
    assert information.shape == (1,) and float(information) > 1
