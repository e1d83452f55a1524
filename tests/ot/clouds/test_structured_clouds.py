"""Structured problems between clouds, a few columns at a time, are the matrix problems."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.errors import ConvergenceError, ConvergenceWarning, ProblemError
from infot.ot.clouds import tiles

K, NOISE, M, D = 4, 6, 17, 3
N = K * NOISE
TIGHT = {"tolerance": 1e-11, "max_steps": 20000, "on_failure": "raise"}


@dataclass(frozen=True)
class Skewed(ot.Cost):
    """A cost whose two sides are not alike: going up along the first coordinate is dear."""

    def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
        rise = (y[..., None, :, 0] - x[..., :, None, 0]).relu()
        return ot.squared_euclidean(x, y) + 3 * rise


COSTS = pytest.mark.parametrize(
    "cost",
    [ot.SquaredEuclidean(), ot.Lp(), ot.Cosine(), Skewed()],
    ids=lambda cost: type(cost).__name__,
)
ONE = ot.Structured(ot.Entropic(0.4), ot.Blocks((K, NOISE)), epsilon_code=0.08)
ORDERED = ot.Structured(ot.Entropic(0.4), ot.Blocks((2, 2, NOISE)), epsilon_code=(0.05, 0.15))
EQUAL = ot.Structured(ot.Entropic(0.4), ot.Blocks((K, NOISE)), epsilon_code=0.4)
REGULARISERS = pytest.mark.parametrize("regulariser", [ONE, ORDERED, EQUAL], ids=["one", "ordered", "equal"])


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU_ENTRIES", 5 * N)


def clouds(seed: int = 0, empty_code: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Clouds with weights that are not uniform and some that are zero, a whole code among them if wanted."""
    x = torch.randn(N, D, generator=rng(seed), dtype=torch.float64)
    y = 0.7 * torch.randn(M, D, generator=rng(seed + 1), dtype=torch.float64) + 1.5
    zeros = NOISE if empty_code else 2
    return x, y, random_weights(N, seed + 2, zeros=zeros), random_weights(M, seed + 3, zeros=2)


def both(
    regulariser: ot.Regulariser, cost: ot.Cost, empty_code: bool = False
) -> tuple[ot.CloudPlan, ot.Plan]:
    x, y, a, b = clouds(empty_code=empty_code)
    problem = ot.CloudProblem(x, y, regulariser=regulariser, cost=cost, a=a, b=b)
    whole = ot.OTProblem.from_points(x, y, regulariser=regulariser, cost=cost, a=a, b=b)
    streamed = ot.solve_clouds(problem, solver=ot.StreamingNested(coarse=8), **TIGHT)
    return streamed, ot.solve(whole, solver=ot.NestedNewton(), **TIGHT)


def stacked(plan: ot.CloudPlan | ot.RoundedCloudPlan) -> Tensor:
    return torch.cat([block.clone() for _, block in plan.row_blocks()], -2)


@COSTS
@REGULARISERS
def test_everything_read_off_the_plan_agrees(regulariser: ot.Structured, cost: ot.Cost) -> None:
    streamed, whole = both(regulariser, cost)
    matrix, (_, y, a, _) = whole.matrix(), clouds()
    assert streamed.problem.epsilon == 0.4 and bool(streamed.converged)
    torch.testing.assert_close(streamed.value, whole.value, atol=1e-9, rtol=0)
    torch.testing.assert_close(streamed.rows(slice(0, N)), matrix, atol=1e-10, rtol=0)
    torch.testing.assert_close(streamed.rows(slice(4, 19)), matrix[4:19], atol=1e-10, rtol=0)
    torch.testing.assert_close(stacked(streamed), matrix, atol=1e-10, rtol=0)
    shift = whole.g[-1] - streamed.g[-1]  # potentials up to a constant, also where no weight is
    torch.testing.assert_close(streamed.f - shift, whole.f, atol=1e-7, rtol=0)
    torch.testing.assert_close(streamed.g + shift, whole.g, atol=1e-7, rtol=0)
    v, u = torch.rand(M, 2, dtype=torch.float64), torch.rand(N, 2, dtype=torch.float64)
    torch.testing.assert_close(streamed.apply(v), matrix @ v, atol=1e-9, rtol=0)
    torch.testing.assert_close(streamed.apply_transposed(u), matrix.T @ u, atol=1e-9, rtol=0)
    rows, columns = streamed.marginals()
    torch.testing.assert_close(rows, a, atol=1e-12, rtol=0)
    torch.testing.assert_close(columns, matrix.sum(0), atol=1e-10, rtol=0)
    torch.testing.assert_close(streamed.transport_cost, whole.transport_cost, atol=1e-9, rtol=0)
    torch.testing.assert_close(streamed.entropy(), whole.entropy(), atol=1e-8, rtol=0)
    torch.testing.assert_close(streamed.information, whole.mutual_information("latent"), atol=1e-8, rtol=0)
    torch.testing.assert_close(streamed.code_density(), whole.code_density(), atol=1e-7, rtol=0)
    torch.testing.assert_close(streamed.coupled_codes(0.25), whole.coupled_codes(0.25))
    assert 0 < float(streamed.coupled_codes(0.25)) < 1
    torch.testing.assert_close(
        streamed.perturbed_cost(slice(3, 21)), whole.perturbed_cost()[3:21], atol=1e-7, rtol=0
    )
    torch.testing.assert_close(
        streamed.barycentric_projection(), whole.barycentric_projection(y), atol=1e-7, rtol=0
    )
    for given in ("data", "latent"):
        blocks = torch.cat([block.clone() for _, block in streamed.conditional(given)])
        torch.testing.assert_close(blocks, whole.conditional(given), atol=1e-7, rtol=0)
    posterior = whole.conditional().reshape(K, NOISE, M).sum(1)
    torch.testing.assert_close(streamed.code_posterior(), posterior.T, atol=1e-7, rtol=0)


@REGULARISERS
def test_informations_agree_and_are_what_the_value_charges(regulariser: ot.Structured) -> None:
    streamed, whole = both(regulariser, ot.SquaredEuclidean())
    depth = len(regulariser.blocks.code)
    axes = [tuple(range(count)) for count in range(depth + 1)]
    for block in ("code", "latent", *axes):
        ours, theirs = streamed.mutual_information(block), whole.mutual_information(block)
        torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=0)
        torch.testing.assert_close(
            streamed.conditional_information(block), whole.conditional_information(block), atol=1e-8, rtol=0
        )
    informations = [float(streamed.mutual_information(block)) for block in axes]
    prices = (*regulariser.epsilons_code, 0.4)
    steps = [after - before for before, after in pairwise(informations)]
    charged = sum(price * step for price, step in zip(prices, steps, strict=True))
    assert float(streamed.transport_cost) + charged == pytest.approx(float(streamed.value), abs=1e-9)


def test_plain_columns_without_weight_get_their_potential_where_the_sides_are_not_alike() -> None:
    x, y, a, b = clouds()
    fields = {"regulariser": ot.Entropic(0.4), "cost": Skewed(), "a": a, "b": b}
    streamed = ot.solve_clouds(ot.CloudProblem(x, y, **fields), **TIGHT)
    whole = ot.solve(ot.OTProblem.from_points(x, y, **fields), **TIGHT)
    torch.testing.assert_close(streamed.g + whole.g[-1] - streamed.g[-1], whole.g, atol=1e-7, rtol=0)


@COSTS
def test_a_code_without_weight_has_the_plan_of_the_matrix_problem(cost: ot.Cost) -> None:
    streamed, whole = both(ONE, cost, empty_code=True)
    torch.testing.assert_close(streamed.rows(slice(0, N)), whole.matrix(), atol=1e-10, rtol=0)
    torch.testing.assert_close(streamed.value, whole.value, atol=1e-9, rtol=0)
    assert streamed.f.isfinite().all() and streamed.g.isfinite().all()
    assert streamed.code_density().isfinite().all() and streamed.perturbed_cost(slice(0, N)).isfinite().all()
    torch.testing.assert_close(streamed.mutual_information(), whole.mutual_information(), atol=1e-8, rtol=0)
    assert (streamed.code_posterior()[:, 0] < 1e-20).all()


def test_equal_prices_are_plain_smoothing_and_a_cheap_code_informs() -> None:
    x, y, a, b = clouds()
    plain = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.4), a=a, b=b, blocks=ONE.blocks)
    smooth = ot.solve_clouds(plain, **TIGHT)
    equal, cheap = (both(regulariser, ot.SquaredEuclidean())[0] for regulariser in (EQUAL, ONE))
    torch.testing.assert_close(equal.rows(slice(0, N)), smooth.rows(slice(0, N)), atol=1e-9, rtol=0)
    torch.testing.assert_close(equal.value, smooth.value, atol=1e-9, rtol=0)
    gain, rebate = smooth.value - cheap.value, 0.4 - 0.08
    # method, section 5: lambda I(c; x) of the plain plan <= what the rebate gains <= that of the structured one
    assert rebate * smooth.mutual_information() < gain < rebate * cheap.mutual_information()


def test_the_perturbed_cost_has_the_same_plan_under_plain_smoothing() -> None:
    streamed, _ = both(ONE, ot.SquaredEuclidean())
    _, _, a, b = clouds()
    ordinary = ot.OTProblem(cost=streamed.perturbed_cost(slice(0, N)), a=a, b=b, regulariser=ot.Entropic(0.4))
    plan = ot.solve(ordinary, **TIGHT)
    torch.testing.assert_close(plan.matrix(), streamed.rows(slice(0, N)), atol=1e-9, rtol=0)


def test_unseen_data_and_latents() -> None:
    streamed, whole = both(ONE, ot.SquaredEuclidean())
    x, y, _, _ = clouds()
    codes = torch.tensor([0, 3, 1, 1, 2])
    unseen = torch.randn(5, D, generator=rng(9), dtype=torch.float64)
    torch.testing.assert_close(
        streamed.code_posterior(unseen),
        ot.code_posterior(whole, ot.squared_euclidean(x, unseen)),
        atol=1e-7,
        rtol=0,
    )
    expected = ot.transport_map(whole, y, ot.squared_euclidean(unseen, y), codes)
    torch.testing.assert_close(streamed.transport_map(unseen, codes=codes), expected, atol=1e-7, rtol=0)
    own = torch.arange(N) // NOISE
    torch.testing.assert_close(streamed.potential(x, own), streamed.f, atol=1e-9, rtol=0)
    for wrong, message in [
        (None, "code of each new latent"),
        (codes[:3], "a code for each of"),
        (codes - 1, "codes from 0 to 3"),
        (codes + 1, "codes from 0 to 3"),
    ]:
        with pytest.raises(ProblemError, match=message):
            streamed.transport_map(unseen, codes=wrong)
        with pytest.raises(ProblemError, match=message):
            streamed.potential(unseen, wrong)


@COSTS
@pytest.mark.parametrize("regulariser", [ONE, ORDERED], ids=["one", "ordered"])
def test_gradients_in_points_and_weights_are_those_of_the_whole_problem(
    regulariser: ot.Structured, cost: ot.Cost
) -> None:
    def gradients(streamed: bool) -> tuple[Tensor, ...]:
        arrays = [t.clone().requires_grad_() for t in clouds()]
        x, y, a, b = arrays
        if streamed:
            problem = ot.CloudProblem(x, y, regulariser=regulariser, cost=cost, a=a, b=b)
            plan = ot.solve_clouds(problem, **TIGHT)
            value = ot.cloud_value(plan)
            assert value.requires_grad and not plan.value.requires_grad
        else:
            whole = ot.OTProblem.from_points(x, y, regulariser=regulariser, cost=cost, a=a, b=b)
            value = ot.transport_value(ot.solve(whole, solver=ot.NestedNewton(), **TIGHT))
        return torch.autograd.grad(3 * value, arrays)

    for ours, theirs in zip(gradients(True), gradients(False), strict=True):
        assert bool((theirs != 0).any())
        torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-7)


@COSTS
def test_gradients_are_those_of_finite_differences(cost: ot.Cost) -> None:
    x, y = (torch.randn(n, 2, generator=rng(n), dtype=torch.float64) for n in (6, 5))
    u, v = (torch.randn(n, generator=rng(n + 1), dtype=torch.float64) for n in (6, 5))
    structured = ot.Structured(ot.Entropic(0.6), ot.Blocks((2, 3)), epsilon_code=0.2)

    def value(*arrays: Tensor) -> Tensor:
        left, right, p, q = arrays
        problem = ot.CloudProblem(
            left, right, regulariser=structured, cost=cost, a=p.softmax(0), b=q.softmax(0)
        )
        return ot.cloud_value(ot.solve_clouds(problem, **{**TIGHT, "tolerance": 1e-12}))

    inputs = [t.requires_grad_() for t in (x, y, u, v)]
    assert torch.autograd.gradcheck(value, inputs, atol=1e-6, fast_mode=True)


def batch(regulariser: ot.Regulariser, garbage: float) -> tuple[ot.CloudProblem, list[tuple[Tensor, ...]]]:
    """Three pairs of clouds, points of the second and the third absent, something else in their place."""
    items = [clouds(seed) for seed in (0, 10, 20)]
    x, y, a, b = (torch.stack(side) for side in zip(*items, strict=True))
    row_mask, column_mask = torch.ones(3, N, dtype=torch.bool), torch.ones(3, M, dtype=torch.bool)
    row_mask[1, 3:5], row_mask[2, -4:], column_mask[1, -5:] = False, False, False
    a, b = (torch.where(mask, w, 0) for mask, w in ((row_mask, a), (column_mask, b)))
    a, b = a / a.sum(-1, keepdim=True), b / b.sum(-1, keepdim=True)
    alone = [(x[i], y[i], a[i], b[i]) for i in range(3)]
    hidden = [
        array.masked_fill(~(mask.unsqueeze(-1) if array.ndim == 3 else mask), garbage)
        for array, mask in ((x, row_mask), (y, column_mask), (a, row_mask), (b, column_mask))
    ]
    problem = ot.CloudProblem(
        hidden[0],
        hidden[1],
        regulariser=regulariser,
        a=hidden[2],
        b=hidden[3],
        row_mask=row_mask,
        column_mask=column_mask,
    )
    return problem, alone


@pytest.mark.parametrize("relative", [False, True], ids=["priced", "relative"])
@pytest.mark.parametrize("garbage", [torch.nan, 1e30])
def test_a_padded_batch_is_the_matrix_problems_one_by_one(relative: bool, garbage: float) -> None:
    regulariser: ot.Regulariser = ONE
    if relative:
        regulariser = ot.Relative(ot.Structured(ot.Entropic(0.1), ONE.blocks, epsilon_code=0.02))
    problem, alone = batch(regulariser, garbage)
    plan = ot.solve_clouds(problem, solver=ot.StreamingNested(coarse=8), **TIGHT)
    assert plan.converged.tolist() == [True] * 3 and plan.f.isfinite().all() and plan.g.isfinite().all()
    matrix, entropies, codes = plan.rows(slice(0, N)), plan.entropy(), plan.code_posterior()
    torch.testing.assert_close(stacked(plan), matrix)
    conditionals = torch.cat([block.clone() for _, block in plan.conditional()], -2)
    pairs, rounded = plan.sample(50, rng(3)), stacked(plan.round())
    wholes = []
    for index, (x, y, a, b) in enumerate(alone):
        whole = ot.solve(ot.OTProblem.from_points(x, y, regulariser=regulariser, a=a, b=b), **TIGHT)
        wholes.append(whole)
        torch.testing.assert_close(matrix[index], whole.matrix(), atol=1e-9, rtol=0)
        torch.testing.assert_close(plan.value[index], whole.value, atol=1e-9, rtol=0)
        torch.testing.assert_close(plan.transport_cost[index], whole.transport_cost, atol=1e-8, rtol=0)
        torch.testing.assert_close(entropies[index], whole.entropy(), atol=1e-8, rtol=0)
        torch.testing.assert_close(
            plan.mutual_information()[index], whole.mutual_information(), atol=1e-8, rtol=0
        )
        torch.testing.assert_close(rounded[index], whole.round(), atol=1e-9, rtol=0)
        present = b > 0
        torch.testing.assert_close(
            conditionals[index][:, present], whole.conditional()[:, present], atol=1e-7, rtol=0
        )
        posterior = whole.conditional().reshape(K, NOISE, M).sum(1).T
        torch.testing.assert_close(codes[index][present], posterior[present], atol=1e-7, rtol=0)
        torch.testing.assert_close(plan.items()[index].rows(slice(0, N)), matrix[index])
    cost = torch.stack([whole.problem.cost for whole in wholes])
    a, b = (torch.stack([item[at] for item in alone]) for at in (2, 3))
    together = ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser), **TIGHT)
    for ours, theirs in zip(pairs, together.sample(50, rng(3)), strict=True):
        assert (ours == theirs).all()


def test_gradients_of_a_padded_batch() -> None:
    problem, alone = batch(ONE, torch.nan)
    given = [t.clone().requires_grad_() for t in (problem.x, problem.y, problem.row_weights)]
    full = ot.CloudProblem(given[0], given[1], regulariser=ONE, a=given[2], b=problem.b)
    scale = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    ours = torch.autograd.grad((scale * ot.cloud_value(ot.solve_clouds(full, **TIGHT))).sum(), given)
    for index, item in enumerate(alone):
        x, y, a, b = (t.clone().requires_grad_() for t in item)
        whole = ot.OTProblem.from_points(x, y, regulariser=ONE, a=a, b=b)
        value = scale[index] * ot.transport_value(ot.solve(whole, **TIGHT))
        for mine, other in zip(ours[:2], torch.autograd.grad(value, (x, y), retain_graph=True), strict=True):
            torch.testing.assert_close(mine[index], other, atol=1e-7, rtol=1e-7)
        present = item[2] > 0  # those of absent points depend on what stands in their place
        (slope,) = torch.autograd.grad(value, a)
        torch.testing.assert_close(ours[2][index][present], slope[present], atol=1e-7, rtol=1e-7)


def test_single_precision_and_far_from_the_origin() -> None:
    x, y, a, b = clouds()
    exact = both(ONE, ot.SquaredEuclidean())[0]
    single = [t.float() for t in (x, y, a, b)]
    for shift in (0.0, 500.0):
        problem = ot.CloudProblem(
            single[0] + shift, single[1] + shift, regulariser=ONE, a=single[2], b=single[3]
        )
        plan = ot.solve_clouds(problem, tolerance=1e-4)
        assert plan.value.dtype == torch.float32 and bool(plan.converged)
        torch.testing.assert_close(plan.value.double(), exact.value, atol=0, rtol=2e-4)
        torch.testing.assert_close(
            plan.rows(slice(0, N)).double(), exact.rows(slice(0, N)), atol=2e-4, rtol=0
        )
        rows, columns = plan.marginals()
        torch.testing.assert_close(rows, plan.problem.row_weights, atol=1e-5, rtol=0)
        assert float((columns - single[3]).abs().sum()) <= float(plan.marginal_error) + 1e-5


def test_the_error_bounds_what_the_columns_miss_at_every_step() -> None:
    x, y, a, b = clouds()
    problem = ot.CloudProblem(x, y, regulariser=ONE, a=a, b=b)
    errors = []
    for steps in (1, 2, 3, 5, 8, 13):
        plan = ot.solve_clouds(
            problem,
            solver=ot.StreamingNested(coarse=4),
            tolerance=1e-12,
            max_steps=steps,
            on_failure="return",
        )
        rows, columns = plan.marginals()
        torch.testing.assert_close(rows, a, atol=1e-12, rtol=0)
        errors.append(float(plan.marginal_error))
        assert 0 < float((columns - b).abs().sum()) <= errors[-1] + 1e-14
        assert plan.status is ot.Status.MAX_STEPS and int(plan.n_steps) == steps and not plan.converged
        assert plan.value <= both(ONE, ot.SquaredEuclidean())[0].value + 1e-12  # a point of the semi-dual
    assert errors[-1] < 0.1 * errors[0]


def test_every_cost_is_made_once_an_iteration() -> None:
    x, y, _, _ = clouds()
    b = random_weights(M, 3)
    made: list[int] = []

    class Counted(ot.Lp):
        def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
            made.append(x.shape[-2] * y.shape[-2])
            return super().pairwise(x, y)

    problem = ot.CloudProblem(x, y, regulariser=ONE, cost=Counted(), a=random_weights(N, 2), b=b)
    plan = ot.solve_clouds(problem, start=torch.zeros(N, dtype=torch.float64), tolerance=1e-8, max_steps=2000)
    assert int(plan.n_steps) > 3 and sum(made) == int(plan.n_steps) * N * M
    assert max(made) <= tiles._CPU_ENTRIES


def test_the_start_from_a_subsample_saves_passes_and_a_plan_starts_the_next() -> None:
    x, y, a, b = clouds()
    problem = ot.CloudProblem(x, y, regulariser=ONE, a=a, b=b)
    zero = torch.zeros(N, dtype=torch.float64)
    cold = ot.solve_clouds(problem, start=zero, tolerance=1e-8, max_steps=5000)
    sampled = ot.solve_clouds(problem, tolerance=1e-2, max_steps=5000)
    rough = ot.solve_clouds(problem, start=zero, tolerance=1e-2, max_steps=5000)
    assert sampled.n_steps < rough.n_steps < cold.n_steps
    for start in (cold, cold.f, cold.f.requires_grad_()):
        again = ot.solve_clouds(problem, start=start, tolerance=1e-7)
        assert again.n_steps == 1
    with pytest.raises(ProblemError, match=f"starting potential for {N} rows"):
        ot.solve_clouds(problem, start=cold.g)


@pytest.mark.parametrize("coarse", [1, 4, 9, 16, 1000])
def test_subsamples_keep_the_codes_and_their_weights(coarse: int) -> None:
    x, y, a, b = clouds(empty_code=True)
    problem = ot.CloudProblem(x, y, regulariser=ONE, a=a, b=b)
    plan = ot.solve_clouds(problem, solver=ot.StreamingNested(coarse=coarse), tolerance=1e-9, max_steps=5000)
    exact = ot.solve_clouds(problem, **TIGHT)
    torch.testing.assert_close(plan.value, exact.value, atol=1e-8, rtol=0)
    one_each = torch.zeros(N, dtype=torch.float64)  # one draw of each code has weight, not the first
    one_each[NOISE - 1 :: NOISE] = 1 / K
    problem = ot.CloudProblem(x, y, regulariser=ONE, a=one_each, b=b)
    plan = ot.solve_clouds(problem, solver=ot.StreamingNested(coarse=coarse), tolerance=1e-9, max_steps=5000)
    alone = ot.OTProblem.from_points(
        x[NOISE - 1 :: NOISE], y, b=b, regulariser=ot.Structured(ot.Entropic(0.4), ot.Blocks((K, 1)), 0.08)
    )
    torch.testing.assert_close(plan.value, ot.solve(alone, **TIGHT).value, atol=1e-8, rtol=0)


def test_failures_are_told() -> None:
    x, y, a, b = clouds()
    problem = ot.CloudProblem(x, y, regulariser=ONE, a=a, b=b)
    told = r"StreamingNested\(coarse=8\): L1 marginal error .* after 2 steps"
    with pytest.warns(ConvergenceWarning, match=told):
        ot.solve_clouds(problem, solver=ot.StreamingNested(coarse=8), tolerance=1e-9, max_steps=2)
    with pytest.raises(ConvergenceError, match="allow more steps"):
        ot.solve_clouds(problem, tolerance=1e-11, max_steps=1, on_failure="raise")
    single = ot.CloudProblem(x.float(), y.float(), regulariser=ONE)
    plan = ot.solve_clouds(single, tolerance=1e-12, max_steps=20000, on_failure="return")
    assert plan.status is ot.Status.STALLED and not plan.converged


def divergences(structured: ot.Structured, wishes: dict) -> list[tuple[Tensor, tuple[Tensor, ...]]]:
    """The divergence of the clouds and its gradients, streamed and whole."""
    found = []
    for streamed in (True, False):
        arrays = [t.clone().requires_grad_() for t in clouds()]
        x, y, a, b = arrays
        if streamed:
            value = ot.cloud_divergence(ot.CloudProblem(x, y, regulariser=structured, a=a, b=b), **wishes)
        else:
            value = ot.structured_divergence(x, y, structured, a, b, **wishes)
        found.append((value, torch.autograd.grad(value, arrays)))
    return found


def test_the_divergence_is_the_structured_one_with_plain_self_terms() -> None:
    (ours, our_slopes), (theirs, their_slopes) = divergences(ONE, {**TIGHT, "tolerance": 1e-9})
    torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=0)
    for left, right in zip(our_slopes, their_slopes, strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=0)
    x, y, a, b = clouds()
    problem = ot.CloudProblem(x, y, regulariser=ot.Relative(ONE), a=a, b=b)
    terms = ot.cloud_terms(problem, tolerance=1e-7)
    again = ot.cloud_terms(problem, tolerance=1e-6, starts=terms)
    assert int(again.between.n_steps) == 1 and not terms.of_x.problem.structured
    torch.testing.assert_close(again.divergence(), terms.divergence(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"regulariser": ot.Structured(ot.Entropic(0.4), ONE.blocks, epsilon_code=0.0)}, "epsilon_code > 0"),
        ({"regulariser": ot.Structured(ot.Entropic(0.4), ONE.blocks, epsilon_code=-0.1)}, "epsilon_code > 0"),
        (
            {"regulariser": ot.Rebated(ot.Entropic(0.4), (K, NOISE), (ot.Rebate((0,), 0.1),))},
            "Structured or Entropic smoothing of clouds, got Rebated",
        ),
        ({"regulariser": ONE, "rho": 1.0}, "kept marginals of clouds with a Structured regulariser"),
        ({"regulariser": ONE, "x": torch.rand(N - 1, 2)}, f"expected {N} points in x for blocks"),
        ({"regulariser": ONE, "blocks": ot.Blocks((2, 12))}, "blocks of the regulariser"),
        ({"regulariser": ot.Entropic(0.4), "blocks": ot.Blocks((2, 5))}, "expected 10 points in x"),
    ],
)
def test_what_is_no_problem_is_refused(fields: dict, message: str) -> None:
    full = {"x": torch.rand(N, 2), "y": torch.rand(M, 2), "regulariser": ot.Relative(ONE)}
    assert ot.CloudProblem(**full).structured
    with pytest.raises(ProblemError, match=message):
        ot.CloudProblem(**{**full, **fields})


def test_solvers_that_do_not_fit_are_refused() -> None:
    x, y, a, b = clouds()
    structured = ot.CloudProblem(x, y, regulariser=ONE, a=a, b=b)
    plain = ot.CloudProblem(x, y, regulariser=ot.Entropic(0.4), a=a, b=b, blocks=ONE.blocks)
    for problem, solver, message in [
        (
            structured,
            ot.Streaming(),
            "Streaming solves Entropic problems, got Structured; use StreamingNested",
        ),
        (structured, ot.SymmetricStreaming(), "SymmetricStreaming solves Entropic"),
        (
            plain,
            ot.StreamingNested(),
            "StreamingNested solves Structured problems, got Entropic; use Streaming",
        ),
    ]:
        with pytest.raises(ProblemError, match=message):
            ot.solve_clouds(problem, solver=solver)
    with pytest.raises(ProblemError, match="StreamingNested solves Structured problems"):
        ot.StreamingNested().solve(plain, tolerance=1e-3, max_steps=5, start=None)
    with pytest.raises(ProblemError, match="coarse >= 1"):
        ot.StreamingNested(coarse=0)


@pytest.mark.parametrize(("codes", "noise", "m"), [(1, 5, 4), (5, 1, 4), (3, 2, 1), (1, 1, 1)])
def test_single_codes_draws_and_data(codes: int, noise: int, m: int) -> None:
    x, y = (torch.randn(n, 2, generator=rng(n), dtype=torch.float64) for n in (codes * noise, m + 20))
    y, a, b = y[:m], random_weights(codes * noise, 1), random_weights(m, 2)
    structured = ot.Structured(ot.Entropic(0.4), ot.Blocks((codes, noise)), epsilon_code=0.1)
    streamed = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=structured, a=a, b=b), **TIGHT)
    whole = ot.solve(ot.OTProblem.from_points(x, y, regulariser=structured, a=a, b=b), **TIGHT)
    torch.testing.assert_close(stacked(streamed), whole.matrix(), atol=1e-9, rtol=0)
    torch.testing.assert_close(streamed.value, whole.value, atol=1e-9, rtol=0)
    torch.testing.assert_close(streamed.mutual_information(), whole.mutual_information(), atol=1e-9, rtol=0)


def test_laws() -> None:
    x, y, a, b = clouds()
    of_codes, of_draws = torch.tensor([2, 0, 3, 1]), torch.randperm(NOISE, generator=rng(3))
    order = torch.arange(N).reshape(K, NOISE)[of_codes][:, of_draws].flatten()
    turn = torch.linalg.qr(torch.randn(D, D, generator=rng(4), dtype=torch.float64))[0]
    images = torch.stack([x, x[order], x + 2, x @ turn, 3 * x])
    targets = torch.stack([y, y, y + 2, y @ turn, 3 * y])
    weights = torch.stack([a, a[order], a, a, a])
    relative = ot.Relative(ot.Structured(ot.Entropic(0.1), ONE.blocks, epsilon_code=0.02))
    plan = ot.solve_clouds(ot.CloudProblem(images, targets, regulariser=relative, a=weights, b=b), **TIGHT)
    torch.testing.assert_close(plan.value[:4], plan.value[:1].expand(4), atol=1e-8, rtol=0)
    torch.testing.assert_close(plan.value[4], 9 * plan.value[0], atol=1e-7, rtol=0)
    information = plan.mutual_information()
    torch.testing.assert_close(information, information[:1].expand(5), atol=1e-8, rtol=0)
    mixed = torch.randperm(N, generator=rng(5))
    other = ot.CloudProblem(x[mixed], y, regulariser=relative, a=a[mixed], b=b)
    assert abs(ot.solve_clouds(other, **TIGHT).value - plan.value[0]) > 1e-3  # codes that are others


def test_a_batch_sends_unseen_latents_by_their_codes() -> None:
    problem, _ = batch(ONE, torch.nan)
    plan = ot.solve_clouds(problem, **TIGHT)
    points = torch.randn(3, 5, D, generator=rng(7), dtype=torch.float64)
    of_each = torch.tensor([[0, 1, 2, 3, 0], [3, 3, 1, 0, 2], [1, 0, 0, 2, 3]])
    for codes in (of_each, of_each[0]):
        images, potentials = plan.transport_map(points, codes=codes), plan.potential(points, codes)
        for index, item in enumerate(plan.items()):
            own = codes[index] if codes.ndim == 2 else codes
            torch.testing.assert_close(images[index], item.transport_map(points[index], codes=own))
            torch.testing.assert_close(potentials[index], item.potential(points[index], own))
    assert not torch.allclose(images, plan.transport_map(points, codes=of_each.flip(-1)))


def thinned() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Clouds of which 4, 5, 3 and 5 of the six draws of each code have weight."""
    x, y, _, b = clouds()
    a = random_weights(N, 2).reshape(K, NOISE)
    for code, absent in enumerate([[0, 3], [5], [1, 2, 4], [0]]):
        a[code, absent] = 0
    return x, y, a.flatten() / a.sum(), b


@REGULARISERS
def test_draws_without_weight_of_every_code_are_those_of_the_matrix_problem(
    regulariser: ot.Structured,
) -> None:
    x, y, a, b = thinned()
    streamed = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=regulariser, a=a, b=b), **TIGHT)
    whole = ot.solve(ot.OTProblem.from_points(x, y, regulariser=regulariser, a=a, b=b), **TIGHT)
    shift = whole.g[-1] - streamed.g[-1]
    torch.testing.assert_close(streamed.f - shift, whole.f, atol=1e-7, rtol=0)
    torch.testing.assert_close(streamed.g + shift, whole.g, atol=1e-7, rtol=0)
    torch.testing.assert_close(streamed.value, whole.value, atol=1e-9, rtol=0)
    torch.testing.assert_close(stacked(streamed), whole.matrix(), atol=1e-9, rtol=0)
    torch.testing.assert_close(streamed.code_density(), whole.code_density(), atol=1e-7, rtol=0)
    assert streamed.problem.blocks == regulariser.blocks and streamed.f.shape == (N,)


def test_padding_costs_nothing_where_it_takes_as_many_draws_of_every_code() -> None:
    x, y, a, _ = thinned()
    made: list[int] = []

    class Counted(ot.Lp):
        def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
            made.append(x.shape[-2] * y.shape[-2])
            return super().pairwise(x, y)

    mask = (torch.arange(N) % NOISE < 4).expand(2, N)
    problem = ot.CloudProblem(
        torch.stack([x, x]), y, regulariser=ONE, cost=Counted(), b=random_weights(M, 3), row_mask=mask
    )
    zero = torch.zeros(N, dtype=torch.float64)
    plan = ot.solve_clouds(problem, start=zero, tolerance=1e-6, max_steps=2000)
    afterwards = 2 * K * (NOISE - 4) * M  # once, for the potentials of those left out
    assert sum(made) == int(plan.n_steps.sum()) * K * 4 * M + afterwards
    made.clear()
    again = ot.solve_clouds(problem, start=plan, tolerance=1e-5)
    assert again.n_steps.tolist() == [1, 1] and sum(made) == 2 * K * 4 * M + afterwards
    uneven = ot.CloudProblem(x, y, regulariser=ONE, cost=Counted(), a=a, b=random_weights(M, 3))
    made.clear()
    plan = ot.solve_clouds(uneven, start=zero, tolerance=1e-6, max_steps=2000)
    # the fullest codes have five draws; those that are then left without weight are looked at once more
    assert sum(made) == int(plan.n_steps) * K * 5 * M + (K + 3) * M


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_leaves_the_finite_numbers_is_told_by_the_status(dtype: torch.dtype) -> None:
    x, y, _, _ = (t.to(dtype) for t in clouds())
    start = torch.zeros(N, dtype=dtype)
    start[3] = torch.inf
    plan = ot.solve_clouds(ot.CloudProblem(x, y, regulariser=ONE), start=start, on_failure="return")
    assert plan.status is ot.Status.NON_FINITE and int(plan.n_steps) == 1 and not plan.converged


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hard_problems_say_that_they_are_not_solved(dtype: torch.dtype) -> None:
    x, y, a, b = (t.to(dtype) for t in clouds())
    hard = ot.Relative(ot.Structured(ot.Entropic(1e-3), ONE.blocks, epsilon_code=1e-5))
    problem = ot.CloudProblem(x, y, regulariser=hard, a=a, b=b)
    plan = ot.solve_clouds(problem, tolerance=1e-3, max_steps=5, on_failure="return")
    rows, columns = plan.marginals()
    assert not plan.converged and plan.f.isfinite().all() and plan.g.isfinite().all()
    assert 1e-3 < float((columns - b).abs().sum()) <= float(plan.marginal_error) * (1 + 1e-3) + 1e-3
    torch.testing.assert_close(rows, a, atol=1e-3 if dtype == torch.float32 else 1e-9, rtol=0)


@pytest.mark.parametrize(
    ("regulariser", "rho"), [(ONE, None), (ot.Entropic(0.4), None), (ot.Entropic(0.4), 1e7)]
)
def test_a_plan_below_the_resolution_of_its_dtype_is_not_called_converged(
    regulariser: ot.Regulariser, rho: float | None
) -> None:
    class Dear(ot.Cost):
        def pairwise(self, x: Tensor, y: Tensor) -> Tensor:
            return ot.squared_euclidean(x, y) + 1e7

    x, y, a, b = clouds()
    for dtype, status in ((torch.float64, ot.Status.CONVERGED), (torch.float32, ot.Status.UNRESOLVED)):
        problem = ot.CloudProblem(
            x.to(dtype),
            y.to(dtype),
            regulariser=regulariser,
            cost=Dear(),
            a=a.to(dtype),
            b=b.to(dtype),
            rho=rho,
        )
        plan = ot.solve_clouds(problem, tolerance=1.99, on_failure="return")
        assert plan.marginal_error <= 1.99 and plan.status is status
