"""Charts: with normal coordinates in charts drawn by their weights, codes follow their prior."""

import pytest
import torch

from infot.models.blocks import Block, Categorical, Circle, Normal, Uniform
from infot.models.charts import Charts

BLOCKS = [Categorical(3, (0.5, 0.3, 0.2)), Uniform(2), Normal(1), Circle(5)]


def placed(blocks: tuple[Block, ...], n: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    charts = Charts.of(blocks)
    chart = torch.multinomial(charts.weights, n, replacement=True, generator=rng)
    return charts.codes(chart, torch.randn(n, charts.n_normals, generator=rng))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_placed_codes_have_the_law_of_the_prior(block):
    n = 20_000
    drawn = block.sample(n, torch.Generator().manual_seed(1))
    # The largest distance between two empirical distribution functions of one law exceeds
    # 1.95 sqrt(2 / n) once in a thousand times (Kolmogorov and Smirnov).
    for mine, theirs in zip(placed((block,), n).T, drawn.T, strict=True):
        both = torch.cat([mine, theirs]).unique()
        below = [torch.searchsorted(part.sort().values, both, right=True) / n for part in (mine, theirs)]
        assert float((below[0] - below[1]).abs().max()) < 1.95 * (2 / n) ** 0.5


def test_charts_are_the_product_of_those_of_the_blocks():
    charts = Charts.of((Categorical(2, (0.25, 0.75)), Normal(1), Circle(3)))
    assert charts.index.tolist() == [[i, 0, j] for i in range(2) for j in range(3)]
    torch.testing.assert_close(charts.weights, torch.tensor([0.25] * 3 + [0.75] * 3) / 3)
    assert charts.n_normals == 2


def test_neighbouring_sectors_meet():
    charts = Charts.of((Circle(4),))
    far = torch.tensor([[9.0], [-9.0]])  # standard deviations: the ends of a sector
    ends = [charts.codes(torch.tensor([k, (k + 1) % 4]), far) for k in range(4)]
    for end in ends:
        torch.testing.assert_close(end[0], end[1], atol=1e-6, rtol=0)


def test_codes_are_differentiable_within_a_chart():
    charts = Charts.of((Categorical(2), Circle(4), Uniform(1), Normal(1)))
    chart = torch.tensor([1, 6])
    normals = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda e: charts.codes(chart, e), (normals,))
