"""Refinement: exact on a generator whose best latent is known, never dearer, and blind to its neighbours."""

import torch
from torch import nn

from infot.models.blocks import Categorical, Normal
from infot.models.charts import Charts
from infot.objectives.refinement import refine


class Linear(nn.Module):
    """Draw ``A_c (code, noise)``, with a matrix for each of two kinds."""

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.matrices = nn.Parameter(torch.randn(2, 5, 3, generator=rng))

    def forward(self, code: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        latent = torch.cat([code[:, 2:], noise], dim=1)
        return torch.einsum("nk,kij,nj->ni", code[:, :2], self.matrices, latent)


CHARTS = Charts.of((Categorical(2), Normal(1)))
PRICES = torch.tensor([0.1, 0.4, 0.8])


def problem(n: int = 12) -> tuple[Linear, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    return Linear(), torch.arange(n) % 2, torch.randn(n, 5, generator=rng)


def paid(generator: Linear, chart: torch.Tensor, latent: torch.Tensor, data: torch.Tensor) -> torch.Tensor:
    drawn = torch.einsum("nij,nj->ni", generator.matrices[chart], latent)
    return ((drawn - data).square().sum(1) + latent.square() @ PRICES / 2).detach()


def test_it_comes_near_the_closed_form():
    generator, chart, data = problem()
    a = generator.matrices[chart].detach()
    normal = a.mT @ a + torch.diag(PRICES) / 2
    exact = torch.linalg.solve(normal, (a.mT @ data[..., None]))[..., 0]
    start = exact + 0.3
    found = refine(generator, CHARTS, chart, start, data, PRICES)
    least = paid(generator, chart, exact, data)
    gap_before = paid(generator, chart, start, data) - least
    gap_after = paid(generator, chart, found, data) - least
    # a step of .05 that falls to 0 covers .3 and settles
    assert (gap_after <= 0.02 * gap_before + 1e-5).all()


def test_no_datum_ends_dearer():
    generator, chart, data = problem()
    start = 2 * torch.randn(12, 3, generator=torch.Generator().manual_seed(2))
    found = refine(generator, CHARTS, chart, start, data, PRICES)
    assert (paid(generator, chart, found, data) <= paid(generator, chart, start, data) + 1e-5).all()
    assert not found.requires_grad and generator.matrices.grad is None


def test_each_datum_is_refined_by_itself():
    generator, chart, data = problem()
    start = torch.zeros(12, 3)
    together = refine(generator, CHARTS, chart, start, data, PRICES)
    alone = refine(generator, CHARTS, chart[3:4], start[3:4], data[3:4], PRICES)
    torch.testing.assert_close(together[3:4], alone, atol=1e-5, rtol=1e-5)
