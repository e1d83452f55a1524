"""What is read off a plan between clouds a few rows at a time is what is read off the matrix."""

import math

import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ProblemError
from infot.ot.clouds import tiles
from infot.ot.rounding import round_to_marginals

N, M = 30, 23
BLOCKS = ot.Blocks((2, 3, 5))
STRUCTURED = ot.Structured(ot.Entropic(0.3), BLOCKS, epsilon_code=(0.05, 0.1))
TIGHT = {"tolerance": 1e-11, "max_steps": 20000, "on_failure": "raise"}
CASES = pytest.mark.parametrize(
    ("regulariser", "rho"),
    [
        (ot.Entropic(0.3), None),
        (STRUCTURED, None),
        (ot.Entropic(0.3), 1.0),
        (ot.Entropic(0.3), (math.inf, 0.5)),
    ],
    ids=["plain", "structured", "priced", "priced on one side"],
)
KEPT = pytest.mark.parametrize("regulariser", [ot.Entropic(0.3), STRUCTURED], ids=["plain", "structured"])
BATCHED = pytest.mark.parametrize("batched", [False, True], ids=["single", "batch"])


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU_ENTRIES", 7 * M)


def clouds(batched: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    seeds = (0, 10) if batched else (0,)
    items = [
        (
            torch.randn(N, 2, generator=rng(seed), dtype=torch.float64),
            0.8 * torch.randn(M, 2, generator=rng(seed + 1), dtype=torch.float64) + 0.5,
            random_weights(N, seed + 2, zeros=3),
            random_weights(M, seed + 3, zeros=2),
        )
        for seed in seeds
    ]
    x, y, a, b = (torch.stack(side) if batched else side[0] for side in zip(*items, strict=True))
    return x, y, a, b


def both(
    regulariser: ot.Regulariser, rho: ot.Rho = None, batched: bool = False, tolerance: float = 1e-11
) -> tuple[ot.CloudPlan, ot.Plan]:
    """The plan of a problem twice: streamed, and by a matrix."""
    x, y, a, b = clouds(batched)
    fields = {"regulariser": regulariser, "a": a, "b": b, "rho": rho, "blocks": BLOCKS}
    wishes = {**TIGHT, "tolerance": tolerance}
    streamed = ot.solve_clouds(ot.CloudProblem(x, y, **fields), **wishes)
    return streamed, ot.solve(ot.OTProblem.from_points(x, y, **fields), **wishes)


def stacked(plan: ot.CloudPlan | ot.RoundedCloudPlan) -> Tensor:
    blocks = [block.clone() for _, block in plan.row_blocks()]
    assert len(blocks) > 4
    return torch.cat(blocks, -2)


@CASES
@BATCHED
def test_conditionals(regulariser: ot.Regulariser, rho: ot.Rho, batched: bool) -> None:
    streamed, whole = both(regulariser, rho, batched)
    for given, dim in (("data", -2), ("latent", -1)):
        blocks = [(rows, block.clone()) for rows, block in streamed.conditional(given)]
        assert torch.cat([torch.arange(N)[rows] for rows, _ in blocks]).tolist() == list(range(N))
        conditional = torch.cat([block for _, block in blocks], -2)
        torch.testing.assert_close(conditional, whole.conditional(given), atol=1e-8, rtol=0)
        ones = torch.ones_like(conditional.sum(dim))
        torch.testing.assert_close(conditional.sum(dim), ones, atol=1e-12, rtol=0)
        if given == "latent":
            assert (conditional[..., :2] == 0).all()  # columns without weight
    with pytest.raises(ProblemError, match="given='data' or 'latent'"):
        streamed.conditional("noise")


@CASES
@BATCHED
def test_sums_of_logarithms(regulariser: ot.Regulariser, rho: ot.Rho, batched: bool) -> None:
    streamed, whole = both(regulariser, rho, batched)
    torch.testing.assert_close(streamed.entropy(), whole.entropy(), atol=1e-9, rtol=0)
    torch.testing.assert_close(streamed.transport_cost, whole.transport_cost, atol=1e-9, rtol=0)
    torch.testing.assert_close(streamed.code_density(), whole.code_density(), atol=1e-8, rtol=0)
    torch.testing.assert_close(streamed.coupled_codes(0.1), whole.coupled_codes(0.1))
    for block in ("code", "latent", (), (0,), (0, 1), (1, 0), (0, 1, 2)):
        for name in ("mutual_information", "conditional_information"):
            ours, theirs = getattr(streamed, name)(block), getattr(whole, name)(block)
            torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)
    assert bool((streamed.mutual_information((0,)) < streamed.mutual_information("code")).all())


@pytest.mark.parametrize("batched", [False, True], ids=["single", "batch"])
@pytest.mark.parametrize("regulariser", [ot.Entropic(0.3), STRUCTURED], ids=["plain", "structured"])
def test_the_code_of_data_seen_and_unseen(regulariser: ot.Regulariser, batched: bool) -> None:
    streamed, whole = both(regulariser, None, batched)
    joint = whole.conditional().unflatten(-2, (BLOCKS.n_codes, -1)).sum(-2)
    torch.testing.assert_close(streamed.code_posterior(), joint.mT, atol=1e-8, rtol=0)
    unseen = torch.randn(*streamed.f.shape[:-1], 4, 2, generator=rng(8), dtype=torch.float64)
    posterior = streamed.code_posterior(unseen)
    for index, plan in enumerate(streamed.items()):
        x, y, a, b = (t if not batched else t[index] for t in clouds(batched))
        problem = ot.OTProblem.from_points(x, y, regulariser=regulariser, a=a, b=b, blocks=BLOCKS)
        points = unseen[index] if batched else unseen
        alone = ot.code_posterior(ot.solve(problem, **TIGHT), ot.squared_euclidean(x, points))
        torch.testing.assert_close(plan.code_posterior(points), alone, atol=1e-8, rtol=0)
        torch.testing.assert_close(posterior[index] if batched else posterior, alone, atol=1e-8, rtol=0)


@CASES
@BATCHED
def test_draws_are_those_of_the_matrix(regulariser: ot.Regulariser, rho: ot.Rho, batched: bool) -> None:
    streamed, whole = both(regulariser, rho, batched)
    for count in (0, 1, 2000):
        ours, theirs = streamed.sample(count, rng(5)), whole.sample(count, rng(5))
        for left, right in zip(ours, theirs, strict=True):
            assert left.shape == right.shape and left.dtype == right.dtype
            assert (left == right).all()
    rows, columns = (side.reshape(-1) for side in ours)
    assert rows.min() >= 3 and columns.min() >= 2 and len(rows.unique()) > 20  # the first have no weight


def test_draws_in_single_precision_have_mass_and_the_right_frequencies() -> None:
    x, y, a, b = (t.float() for t in clouds(False))
    plan = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=STRUCTURED, a=a, b=b), tolerance=1e-4)
    rows, columns = plan.sample(200_000, rng(6))
    matrix = plan.rows(slice(0, N))
    assert (matrix[rows, columns] > 0).all()
    counts = torch.zeros(N, M).index_put_((rows, columns), torch.ones(len(rows)), accumulate=True)
    # the L1 distance of frequencies from probabilities is below sum sqrt(p / n) on average
    assert float((counts / len(rows) - matrix).abs().sum()) < float((matrix / len(rows)).sqrt().sum())


@KEPT
@BATCHED
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3])
def test_rounding_gives_exact_marginals(regulariser: ot.Regulariser, batched: bool, tolerance: float) -> None:
    x, y, a, b = clouds(batched)
    streamed = ot.solve_clouds(
        ot.CloudProblem(x, y, regulariser=regulariser, a=a, b=b),
        solver=ot.StreamingNested(coarse=6)
        if isinstance(regulariser, ot.Structured)
        else ot.Streaming(coarse=6),
        tolerance=tolerance,
    )
    matrix, rounded = stacked(streamed), streamed.round()
    expected = round_to_marginals(matrix.reshape(-1, N, M), a.reshape(-1, N), b.reshape(-1, M)).reshape(
        matrix.shape
    )
    dense = stacked(rounded)
    torch.testing.assert_close(dense, expected, atol=1e-14, rtol=0)
    torch.testing.assert_close(rounded.rows(slice(4, 19)), expected[..., 4:19, :], atol=1e-14, rtol=0)
    torch.testing.assert_close(rounded.rows(slice(-3, None)), expected[..., -3:, :], atol=1e-14, rtol=0)
    assert (dense >= 0).all()
    for ours, weights in zip(rounded.marginals(), (a, b), strict=True):
        torch.testing.assert_close(ours, weights, atol=1e-14, rtol=0)
    missed = (streamed.marginals()[1] - b).abs().sum(-1)
    moved = (dense - matrix).abs().sum((-2, -1))
    assert (moved > 0).all() and (moved <= 2 * missed + 1e-13).all()
    v = torch.randn(*a.shape[:-1], M, 3, generator=rng(1), dtype=torch.float64)
    u = torch.randn(*a.shape[:-1], N, 3, generator=rng(2), dtype=torch.float64)
    torch.testing.assert_close(rounded.apply(v), expected @ v)
    torch.testing.assert_close(rounded.apply_transposed(u), expected.mT @ u)
    torch.testing.assert_close(
        rounded.transport_cost, (expected * ot.squared_euclidean(x, y)).sum((-2, -1)), atol=1e-12, rtol=0
    )
    assert (rounded.support(0.01) == (expected > 0.01 * b.unsqueeze(-2)).sum(-2)).all()
    with pytest.raises(ProblemError, match="consecutive rows"):
        rounded.rows(slice(0, 4, 2))


def test_a_plan_between_far_points_rounds_to_a_feasible_one() -> None:
    x, y = torch.zeros(2, 1, dtype=torch.float64), torch.tensor([[0.0], [40.0]], dtype=torch.float64)
    b = torch.tensor([0.25, 0.75], dtype=torch.float64)
    problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(1.0), b=b)
    start = torch.zeros(2, dtype=torch.float64)  # all mass goes to the near point, half of it too much
    plan = ot.solve_clouds(problem, start=start, max_steps=1, on_failure="return")
    rounded = plan.round()
    torch.testing.assert_close(rounded.rows(slice(0, 2)), 0.5 * b.expand(2, 2))
    assert float(rounded.transport_cost) == pytest.approx(0.75 * 1600)


@CASES
@BATCHED
def test_support_counts_the_rows_of_each_column(
    regulariser: ot.Regulariser, rho: ot.Rho, batched: bool
) -> None:
    streamed, whole = both(regulariser, rho, batched)
    for threshold in (1e-3, 0.05):
        counts = streamed.support(threshold)
        assert (counts == whole.support(threshold).sum(-2)).all()
        assert counts.shape == streamed.g.shape and 0 < int(counts.sum()) < whole.matrix().numel()


def test_what_a_plan_does_not_have_is_named() -> None:
    x, y, a, b = clouds(False)
    bare = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=ot.Entropic(0.3), a=a, b=b))
    for call in (
        bare.mutual_information,
        bare.code_density,
        bare.code_posterior,
        bare.coupled_codes,
        lambda: bare.conditional_information((0,)),
    ):
        with pytest.raises(ProblemError, match="no blocks"):
            call()
    blocked, _ = both(ot.Entropic(0.3), tolerance=1e-3)
    for block, message in [
        ((1,), "the first axes"),
        ((0, 3), "axes from 0 to 2"),
        ((0, 0), "distinct axes"),
        ("noise", "the block 'code' or 'latent'"),
    ]:
        with pytest.raises(ProblemError, match=message):
            blocked.mutual_information(block)
    priced, _ = both(ot.Entropic(0.3), 1.0, tolerance=1e-3)
    with pytest.raises(ProblemError, match="kept marginals to round to"):
        priced.round()
    with pytest.raises(ProblemError, match="consecutive rows"):
        blocked.perturbed_cost(slice(0, 4, 2))
    torch.testing.assert_close(blocked.perturbed_cost(slice(2, 5)), ot.squared_euclidean(x, y)[2:5])
