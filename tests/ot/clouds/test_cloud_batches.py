"""A batch of clouds is its items, padding is nothing, and both are what the matrix problems say."""

from collections.abc import Callable

import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ConvergenceError, ConvergenceWarning, ProblemError
from infot.ot.clouds import tiles

SIZES = [(12, 9), (20, 6), (7, 14)]
N, M, D = 20, 14, 3
TIGHT = {"tolerance": 1e-11, "max_steps": 5000, "on_failure": "raise"}


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU_ENTRIES", 5 * M * len(SIZES))


def items() -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Clouds of other sizes and scales, with weights that are not uniform and some that are zero."""
    made = []
    for seed, (n, m) in enumerate(SIZES):
        x = (1 + seed) * torch.randn(n, D, generator=rng(seed), dtype=torch.float64)
        y = torch.randn(m, D, generator=rng(seed + 10), dtype=torch.float64) + 0.5
        made.append((x, y, random_weights(n, seed, zeros=seed), random_weights(m, seed + 20, zeros=2 - seed)))
    return made


def padded(garbage: float = torch.nan) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The same in one batch, with something in the padding; and the masks."""
    arrays, masks = [], {}
    for at, name in enumerate(("row_mask", "column_mask")):
        clouds = ot.pad_clouds([item[at] for item in items()])
        masks[name] = clouds.mask
        arrays.append(clouds.points.masked_fill(~clouds.mask.unsqueeze(-1), garbage))
    for at, name in ((2, "row_mask"), (3, "column_mask")):
        weights = torch.nn.utils.rnn.pad_sequence([item[at] for item in items()], batch_first=True)
        arrays.append(weights.masked_fill(~masks[name], garbage))
    return arrays, masks


def batch(regulariser: ot.Regulariser, cost: ot.Cost, garbage: float = torch.nan) -> ot.CloudProblem:
    (x, y, a, b), masks = padded(garbage)
    return ot.CloudProblem(x, y, regulariser=regulariser, cost=cost, a=a, b=b, **masks)


COSTS = pytest.mark.parametrize(
    "cost", [ot.SquaredEuclidean(), ot.Lp(), ot.Cosine()], ids=lambda c: type(c).__name__
)


@COSTS
@pytest.mark.parametrize("relative", [False, True], ids=["priced", "relative"])
@pytest.mark.parametrize("garbage", [torch.nan, 1e30, -torch.inf])
def test_a_padded_batch_is_the_matrix_problems_one_by_one(
    cost: ot.Cost, relative: bool, garbage: float
) -> None:
    regulariser = ot.Relative(ot.Entropic(0.1)) if relative else ot.Entropic(0.3)
    plan = ot.solve_clouds(batch(regulariser, cost, garbage), solver=ot.Streaming(coarse=5), **TIGHT)
    assert plan.converged.tolist() == [True] * 3 and plan.n_steps.shape == (3,)
    assert plan.f.isfinite().all() and plan.g.isfinite().all()
    matrix = plan.rows(slice(0, N))
    assert matrix.shape == (3, N, M)
    images, masses = plan.barycentric_projection(), plan.marginals()
    for index, (x, y, a, b) in enumerate(items()):
        n, m = SIZES[index]
        whole = ot.OTProblem.from_points(x, y, regulariser=regulariser, cost=cost, a=a, b=b)
        alone = ot.solve(whole, **TIGHT)
        shift = alone.g[-1] - plan.g[index, m - 1]
        torch.testing.assert_close(plan.f[index, :n] - shift, alone.f, atol=1e-7, rtol=0)
        torch.testing.assert_close(plan.g[index, :m] + shift, alone.g, atol=1e-7, rtol=0)
        torch.testing.assert_close(matrix[index, :n, :m], alone.matrix(), atol=1e-9, rtol=0)
        assert (matrix[index, n:] == 0).all() and (matrix[index, :, m:] == 0).all()
        torch.testing.assert_close(plan.value[index], alone.value, atol=1e-9, rtol=0)
        torch.testing.assert_close(plan.transport_cost[index], alone.transport_cost, atol=1e-8, rtol=0)
        torch.testing.assert_close(
            plan.information[index], alone.mutual_information("latent"), atol=1e-8, rtol=0
        )
        torch.testing.assert_close(images[index, :n], alone.barycentric_projection(y), atol=1e-7, rtol=0)
        missed = (masses[1][index, :m] - b).abs().sum()
        assert float(missed) == pytest.approx(float(plan.marginal_error[index]), abs=1e-12)


@COSTS
def test_a_batch_is_read_a_few_rows_at_a_time(cost: ot.Cost) -> None:
    plan = ot.solve_clouds(batch(ot.Relative(ot.Entropic(0.1)), cost), **TIGHT)
    matrix = plan.rows(slice(0, N))
    blocks = [(rows, block.clone()) for rows, block in plan.row_blocks()]
    assert len(blocks) == 4 and all(block.numel() <= tiles._CPU_ENTRIES for _, block in blocks)
    torch.testing.assert_close(torch.cat([block for _, block in blocks], -2), matrix)
    torch.testing.assert_close(plan.rows(slice(3, 17)), matrix[:, 3:17])
    v, u = torch.rand(3, M, 2, dtype=torch.float64), torch.rand(3, N, 2, dtype=torch.float64)
    torch.testing.assert_close(plan.apply(v), matrix @ v)
    torch.testing.assert_close(plan.apply_transposed(u), matrix.mT @ u)
    points = torch.randn(3, 4, D, generator=rng(5), dtype=torch.float64)
    for index, (part, item) in enumerate(zip(plan.items(), plan.problem.items(), strict=True)):
        torch.testing.assert_close(part.rows(slice(0, N)), matrix[index])
        assert part.converged.shape == () and float(part.value) == pytest.approx(float(plan.value[index]))
        alone = ot.solve_clouds(item, **TIGHT)
        torch.testing.assert_close(plan.transport_map(points)[index], alone.transport_map(points[index]))
        shift = (plan.g[index] - alone.g)[item.column_weights > 0].mean()
        torch.testing.assert_close(plan.potential(points)[index] + shift, alone.potential(points[index]))


@COSTS
def test_gradients_of_a_padded_batch_are_those_of_the_matrix_problems(cost: ot.Cost) -> None:
    scale = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    arrays, masks = padded()
    for array in arrays:
        array.requires_grad_()
    x, y, a, b = arrays
    problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.3), cost=cost, a=a, b=b, **masks)
    ours = torch.autograd.grad((scale * ot.cloud_value(ot.solve_clouds(problem, **TIGHT))).sum(), arrays)
    for index, item in enumerate(items()):
        alone = [array.requires_grad_() for array in item]
        px, py, pa, pb = alone
        whole = ot.OTProblem.from_points(px, py, regulariser=ot.Entropic(0.3), cost=cost, a=pa, b=pb)
        theirs = torch.autograd.grad(scale[index] * ot.transport_value(ot.solve(whole, **TIGHT)), alone)
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine[index, : len(other)], other, atol=1e-7, rtol=1e-7)
            assert (mine[index, len(other) :] == 0).all()


@pytest.mark.parametrize("cost", [ot.SquaredEuclidean(), ot.Lp()], ids=["squared", "norm"])
def test_the_divergence_of_a_padded_batch_is_that_of_its_items(cost: ot.Cost) -> None:
    arrays, masks = padded()
    for array in arrays:
        array.requires_grad_()
    x, y, a, b = arrays
    problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.3), cost=cost, a=a, b=b, **masks)
    wishes = {"tolerance": 1e-9, "max_steps": 5000, "on_failure": "raise"}
    ours = ot.cloud_divergence(problem, **wishes)
    assert ours.shape == (3,)
    slopes = torch.autograd.grad(ours.sum(), arrays)
    for index, item in enumerate(items()):
        alone = [array.requires_grad_() for array in item]
        theirs = ot.sinkhorn_divergence(*alone, epsilon=0.3, cost=cost, **wishes)
        torch.testing.assert_close(ours[index], theirs, atol=1e-8, rtol=0)
        for mine, other in zip(slopes, torch.autograd.grad(theirs, alone), strict=True):
            # an L1 error of 1e-9 leaves potentials open by more where little mass decides them
            torch.testing.assert_close(mine[index, : len(other)], other, atol=2e-6, rtol=0)
            assert (mine[index, len(other) :] == 0).all()


def test_gradients_are_finite_differences() -> None:
    """Weights through a softmax, so that differences stay on the simplex."""
    x, y = (torch.randn(2, n, 2, generator=rng(n), dtype=torch.float64).requires_grad_() for n in (5, 4))
    u, v = (torch.randn(2, n, generator=rng(n + 9), dtype=torch.float64).requires_grad_() for n in (5, 4))
    mask = torch.tensor([[True] * 5, [True, True, True, False, True]])

    def of(function: Callable[[ot.CloudProblem], Tensor]) -> Callable[..., Tensor]:
        def value(x: Tensor, y: Tensor, u: Tensor, v: Tensor) -> Tensor:
            a = u.masked_fill(~mask, -torch.inf).softmax(-1)
            problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.5), a=a, b=v.softmax(-1), row_mask=mask)
            return function(problem)

        return value

    wishes = {"tolerance": 1e-12, "max_steps": 5000, "on_failure": "raise"}
    inputs = (x, y, u, v)
    for function in (
        lambda p: ot.cloud_value(ot.solve_clouds(p, **wishes)),
        lambda p: ot.cloud_divergence(p, **wishes),
    ):
        assert torch.autograd.gradcheck(of(function), inputs, atol=1e-6, fast_mode=True)


def test_every_item_says_for_itself_whether_it_converged() -> None:
    problem = batch(ot.Entropic(0.2), ot.SquaredEuclidean())
    full = ot.solve_clouds(problem, solver=ot.Streaming(coarse=3), tolerance=1e-8, max_steps=5000)
    fewest, most = int(full.n_steps.min()), int(full.n_steps.max())
    assert fewest < most
    with pytest.warns(ConvergenceWarning, match=f"after {fewest} steps"):
        cut = ot.solve_clouds(problem, solver=ot.Streaming(coarse=3), tolerance=1e-8, max_steps=fewest)
    torch.testing.assert_close(cut.converged, full.n_steps == fewest)
    torch.testing.assert_close(cut.converged, cut.marginal_error <= 1e-8)
    assert cut.status is ot.Status.MAX_STEPS and ot.Status.CONVERGED in cut.statuses
    with pytest.raises(ConvergenceError, match="allow more steps"):
        ot.solve_clouds(
            problem, solver=ot.Streaming(coarse=3), tolerance=1e-8, max_steps=fewest, on_failure="raise"
        )


def test_items_that_have_converged_and_padding_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    transform = ot.clouds.streaming.soft_transform

    def counted(made: tiles.Tiles, bias: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        seen.append((made.n, made.m))
        return transform(made, bias, a)

    monkeypatch.setattr(ot.clouds.streaming, "soft_transform", counted)
    start = torch.zeros(M, dtype=torch.float64)
    plan = ot.solve_clouds(
        batch(ot.Relative(ot.Entropic(0.1)), ot.SquaredEuclidean()), start=start, tolerance=1e-6
    )
    present = [(int((a > 0).sum()), int((b > 0).sum())) for _, _, a, b in items()]
    assert [seen.count(size) for size in present] == plan.n_steps.tolist()
    assert len(seen) == int(plan.n_steps.sum())


def test_a_warm_start_reaches_the_solver() -> None:
    problem = batch(ot.Relative(ot.Entropic(0.05)), ot.SquaredEuclidean())
    cold = ot.solve_clouds(problem, start=torch.zeros(M, dtype=torch.float64), tolerance=1e-8, max_steps=5000)
    assert (cold.n_steps > 3).all()
    for start in (cold, cold.g, cold.g.requires_grad_()):
        again = ot.solve_clouds(problem, start=start, tolerance=1e-8)
        assert again.n_steps.tolist() == [1, 1, 1]
        torch.testing.assert_close(again.value, cold.value, atol=1e-8, rtol=0)
    with pytest.raises(ProblemError, match="starting potential for 14 columns"):
        ot.solve_clouds(problem, start=torch.zeros(2, M))


def test_a_start_serves_points_that_had_no_weight_before() -> None:
    x, y, a, b = items()[0]
    before = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.3), a=a, b=b)
    plan = ot.solve_clouds(before, tolerance=1e-9, max_steps=5000)
    assert (b[:2] == 0).all()
    hardly = torch.where(b == 0, 1e-12, b)
    after = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.3), a=a, b=hardly / hardly.sum())
    assert int(ot.solve_clouds(after, start=plan, tolerance=1e-8).n_steps) == 1


def test_one_cloud_is_the_target_of_a_batch() -> None:
    x = torch.randn(3, 8, 2, generator=rng(0), dtype=torch.float64)
    y = torch.randn(6, 2, generator=rng(1), dtype=torch.float64).requires_grad_()
    b = random_weights(6, 2).requires_grad_()
    problem = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.3), b=b)
    value = ot.cloud_value(ot.solve_clouds(problem, **TIGHT))
    slopes = torch.autograd.grad(value.sum(), (y, b))
    alone = [
        ot.cloud_value(ot.solve_clouds(ot.CloudProblem(one, y, regulariser=ot.Entropic(0.3), b=b), **TIGHT))
        for one in x
    ]
    torch.testing.assert_close(value, torch.stack(alone))
    for ours, theirs in zip(slopes, torch.autograd.grad(torch.stack(alone).sum(), (y, b)), strict=True):
        torch.testing.assert_close(ours, theirs)
    swapped = ot.solve_clouds(ot.CloudProblem(y, x, regulariser=ot.Entropic(0.3), a=b), **TIGHT)
    torch.testing.assert_close(swapped.value, value.detach(), atol=1e-9, rtol=0)


def test_a_mask_of_a_single_pair() -> None:
    x, y, _, _ = items()[0]
    mask = torch.arange(len(x)) % 3 > 0
    plan = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=ot.Entropic(0.3), row_mask=mask), **TIGHT)
    alone = ot.solve_clouds(ot.CloudProblem(x[mask], y, regulariser=ot.Entropic(0.3)), **TIGHT)
    assert plan.f.shape == (len(x),) and bool(plan.converged)
    torch.testing.assert_close(plan.value, alone.value)
    torch.testing.assert_close(plan.rows(slice(0, len(x)))[mask], alone.rows(slice(0, int(mask.sum()))))
    everywhere = ot.CloudProblem(x.expand(2, -1, -1), y, regulariser=ot.Entropic(0.3), row_mask=mask)
    torch.testing.assert_close(ot.solve_clouds(everywhere, **TIGHT).value, alone.value.expand(2))


def test_laws() -> None:
    x, y, a, b = items()[1]
    order = torch.randperm(len(x), generator=rng(3))
    turn = torch.linalg.qr(torch.randn(D, D, generator=rng(4), dtype=torch.float64))[0]
    images = torch.stack([x, x[order], x + 2, x @ turn, 3 * x])
    targets = torch.stack([y, y, y + 2, y @ turn, 3 * y])
    weights = torch.stack([a, a[order], a, a, a])
    problem = ot.CloudProblem(images, targets, regulariser=ot.Relative(ot.Entropic(0.1)), a=weights, b=b)
    value = ot.solve_clouds(problem, **TIGHT).value
    torch.testing.assert_close(value[:4], value[:1].expand(4), atol=1e-8, rtol=0)
    torch.testing.assert_close(value[4], 9 * value[0], atol=1e-7, rtol=0)


@pytest.mark.parametrize("sizes", [(1, 5), (5, 1), (1, 1)])
def test_single_points(sizes: tuple[int, int]) -> None:
    n, m = sizes
    x, y = (torch.randn(k, 2, generator=rng(k), dtype=torch.float64) for k in (n, m + 10))
    y = y[:m].requires_grad_()
    plan = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=ot.Entropic(0.1)), **TIGHT)
    mean = ot.squared_euclidean(x, y).mean()  # only one plan keeps the marginals
    torch.testing.assert_close(plan.value, mean.detach())
    (ours,), (theirs,) = torch.autograd.grad(ot.cloud_value(plan), y), torch.autograd.grad(mean, y)
    torch.testing.assert_close(ours, theirs)


def test_clouds_whose_points_are_all_equal() -> None:
    x = torch.full((2, 6, 3), 0.1, dtype=torch.float64)
    plan = ot.solve_clouds(ot.CloudProblem(x, x[:, :4], regulariser=ot.Entropic(0.1)), tolerance=1e-10)
    torch.testing.assert_close(plan.value, torch.zeros(2, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(plan.information, torch.zeros(2, dtype=torch.float64), atol=1e-12, rtol=0)
    problem = ot.CloudProblem(x.requires_grad_(), x[:, :4], regulariser=ot.Entropic(0.1))
    (slope,) = torch.autograd.grad(ot.cloud_divergence(problem).sum(), x)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-12, rtol=0)
    apart = torch.stack([x.detach()[0], x.detach()[0] + torch.arange(6).unsqueeze(-1)])
    with pytest.raises(ProblemError, match="positive mean cost"):
        ot.CloudProblem(apart, apart, regulariser=ot.Relative(ot.Entropic(0.1)))


def test_duplicates_are_one_point_of_their_weight() -> None:
    x, y, a, b = items()[1]
    present = a > 0
    x, a = x[present], a[present]
    twice = torch.cat([x, x, x[:1]]), torch.cat([a / 3, 2 * a / 3, torch.zeros_like(a[:1])])
    problem = ot.CloudProblem(twice[0], y, regulariser=ot.Entropic(0.3), a=twice[1], b=b)
    plan = ot.solve_clouds(problem, **TIGHT)
    once = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=ot.Entropic(0.3), a=a, b=b), **TIGHT)
    n, shift = len(x), (plan.g - once.g).mean()
    torch.testing.assert_close(plan.value, once.value, atol=1e-9, rtol=0)
    for copy in (plan.f[:n], plan.f[n : 2 * n]):
        torch.testing.assert_close(copy + shift, once.f, atol=1e-8, rtol=0)
    torch.testing.assert_close(plan.f[-1], plan.f[0], atol=1e-12, rtol=0)


def test_single_precision() -> None:
    (x, y, a, b), masks = padded()
    arrays = [t.float() for t in (x, y, a, b)]
    problem = ot.CloudProblem(
        arrays[0], arrays[1], regulariser=ot.Entropic(0.3), a=arrays[2], b=arrays[3], **masks
    )
    plan = ot.solve_clouds(problem, tolerance=1e-4)
    exact = ot.solve_clouds(batch(ot.Entropic(0.3), ot.SquaredEuclidean()), **TIGHT)
    assert plan.value.dtype == torch.float32 and plan.converged.all()
    torch.testing.assert_close(plan.value.double(), exact.value, atol=0, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": torch.rand(2, 3, 2), "y": torch.rand(3, 4, 2)}, "batch size"),
        ({"x": torch.rand(2, 2, 3, 2)}, r"x of shape \(n, d\) or \(B, n, d\)"),
        ({"a": torch.full((2, 3), 1 / 3)}, r"expected a of shape \(3,\)"),
        ({"row_mask": torch.ones(3)}, "boolean row_mask"),
        ({"column_mask": torch.ones(3, dtype=torch.bool)}, r"column_mask of shape \(4,\)"),
        ({"column_mask": torch.zeros(4, dtype=torch.bool)}, "nothing present"),
        ({"row_mask": torch.tensor([True, False, True]), "a": torch.full((3,), 1 / 3)}, "sum 1"),
    ],
)
def test_bad_batches_and_masks_are_named(arguments: dict, message: str) -> None:
    full = {"x": torch.rand(3, 2), "y": torch.rand(4, 2), "regulariser": ot.Entropic(0.1)}
    with pytest.raises(ProblemError, match=message):
        ot.CloudProblem(**{**full, **arguments})
    with pytest.raises(ProblemError, match="at least one cloud"):
        ot.pad_clouds([])
