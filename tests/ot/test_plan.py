"""What is read off a plan: two roads to each number."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from ot_contracts import random_cost, random_weights, rng

from infot import ot
from infot.errors import ProblemError


def normal(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=rng(seed), dtype=torch.float64)


BLOCKS = ot.Blocks(code=(3, 4))


def structured_plan(solver: ot.Solver | None = None, tolerance: float = 1e-10) -> ot.Plan:
    regulariser = ot.Structured(ot.Entropic(0.1), blocks=BLOCKS, epsilon_code=0.02)
    problem = ot.OTProblem(
        cost=random_cost(12, 7, 0), a=random_weights(12, 1), b=random_weights(7, 2), regulariser=regulariser
    )
    return ot.solve(problem, solver=solver, tolerance=tolerance)


def test_the_matrix_of_the_factors_is_that_of_the_potentials() -> None:
    plan = structured_plan()
    a, b = plan.problem.row_weights, plan.problem.column_weights
    torch.testing.assert_close(plan.matrix(), a.unsqueeze(-1) * b * plan.density(), atol=1e-12, rtol=1e-9)
    v, u = (
        normal(7, 2, 0),
        normal(12, 3, 1),
    )
    for p in (plan, structured_plan(ot.SemiDual())):
        torch.testing.assert_close(p.apply(v), p.matrix() @ v)
        torch.testing.assert_close(p.apply_transposed(u), p.matrix().mT @ u)


def test_information_by_sums_of_logarithms() -> None:
    plan = structured_plan()
    matrix = plan.matrix()
    a, b = matrix.sum(1), matrix.sum(0)
    latent = (matrix * (matrix / (a.unsqueeze(-1) * b)).log()).sum()
    codes = matrix.reshape(3, 4, 7).sum(1)
    code = (codes * (codes / (codes.sum(1, keepdim=True) * b)).log()).sum()
    assert float(plan.mutual_information("latent")) == pytest.approx(float(latent), abs=1e-9)
    assert float(plan.mutual_information("code")) == pytest.approx(float(code), abs=1e-9)
    assert float(plan.conditional_information()) == pytest.approx(float(latent - code), abs=1e-9)
    # the code is a function of the latent: it cannot say more (data-processing inequality)
    assert 0 <= code <= latent
    value = plan.transport_cost + 0.1 * plan.conditional_information() + 0.02 * plan.mutual_information()
    torch.testing.assert_close(value, plan.value, atol=1e-8, rtol=0)


ORDERED = ot.Structured(ot.Entropic(0.1), blocks=ot.Blocks(code=(2, 2, 3)), epsilon_code=(0.01, 0.04))
GRID = ot.Rebated(ot.Entropic(0.1), (2, 2, 3), (ot.Rebate((0,), 0.03), ot.Rebate((1,), 0.04)))


def random_problem(regulariser: ot.Regulariser, **fields: object) -> ot.OTProblem:
    return ot.OTProblem(
        cost=random_cost(12, 7, 0),
        a=random_weights(12, 1),
        b=random_weights(7, 2),
        regulariser=regulariser,
        **fields,
    )


@pytest.mark.parametrize("regulariser", [ORDERED, GRID], ids=["ordered", "grid"])
def test_blocks_of_an_independent_plan_say_nothing(regulariser: ot.Regulariser) -> None:
    problem = random_problem(regulariser)
    flat = problem.derived(cost=torch.zeros_like(problem.cost))  # nothing to gain: the plan is the product
    plan = ot.solve(flat, tolerance=1e-10)
    for block in ((0,), (0, 1), (0, 1, 2)):
        assert float(plan.mutual_information(block)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("regulariser", [ORDERED, GRID], ids=["ordered", "grid"])
def test_blocks_that_the_data_tell_are_worth_their_logarithm(regulariser: ot.Regulariser) -> None:
    """Four data, one for each value of the two code blocks; costs so far apart that nothing else is coupled."""
    cost = 100 * (1 - torch.eye(4, dtype=torch.float64)).repeat_interleave(3, dim=0)
    plan = ot.solve(ot.OTProblem(cost=cost, regulariser=regulariser), tolerance=1e-10)
    two = math.log(2)
    expected = {(0,): two, (0, 1): 2 * two, (0, 1, 2): 2 * two}
    if regulariser is GRID:
        expected |= {(1,): two, (2,): 0.0, (1, 0): 2 * two, (1, 2): two}
    for block, information in expected.items():
        assert float(plan.mutual_information(block)) == pytest.approx(information, abs=1e-9)
    assert float(plan.conditional_information((0,))) == pytest.approx(two, abs=1e-9)


@pytest.mark.parametrize(
    ("regulariser", "rho"),
    [(ORDERED, None), (ORDERED, 1.0), (GRID, None)],  # no solver takes rebates with priced marginals
    ids=["ordered", "ordered and priced", "grid"],
)
def test_more_blocks_say_no_less_and_sums_of_logarithms_agree(
    regulariser: ot.Regulariser, rho: float | None
) -> None:
    plan = ot.solve(random_problem(regulariser, rho=rho), tolerance=1e-10, max_steps=5000)
    masses = plan.matrix().reshape(2, 2, 3, 7) / plan.matrix().sum()
    informations = []
    for depth in range(4):
        joint = masses.sum(tuple(range(depth, 3))).reshape(-1, 7) if depth < 3 else masses.reshape(-1, 7)
        found = plan.mutual_information(tuple(range(depth)))
        expected = (joint * (joint / (joint.sum(1, keepdim=True) * joint.sum(0))).log()).sum()
        torch.testing.assert_close(found, expected, atol=1e-8, rtol=0)
        informations.append(float(found))
    assert informations[0] == pytest.approx(0, abs=1e-9)
    assert all(more > less for less, more in pairwise(informations))  # data-processing inequality
    assert informations[3] == pytest.approx(float(plan.mutual_information("latent")), abs=1e-8)
    if regulariser is ORDERED:
        assert informations[2] == pytest.approx(float(plan.mutual_information("code")), abs=1e-12)
        steps = [more - less for less, more in pairwise(informations)]
        charged = sum(price * step for price, step in zip((0.01, 0.04, 0.1), steps, strict=True))
        if rho is None:
            assert float(plan.transport_cost) + charged == pytest.approx(float(plan.value), abs=1e-8)


def test_blocks_that_a_plan_lacks_are_named() -> None:
    ordered, grid = (ot.solve(random_problem(r), tolerance=1e-3) for r in (ORDERED, GRID))
    plain = ot.solve(random_problem(ot.Entropic(0.1)))
    for plan, block, message in [
        (ordered, (1,), "the first axes"),
        (ordered, (0, 3), "axes from 0 to 2"),
        (grid, (0, 0), "distinct axes"),
        (grid, "code", "axes of the grid"),
        (plain, (0,), "no blocks"),
    ]:
        with pytest.raises(ProblemError, match=message):
            plan.mutual_information(block)


def test_conditionals_and_the_barycentric_projection() -> None:
    plan = structured_plan()
    matrix = plan.matrix()
    torch.testing.assert_close(plan.conditional(), matrix / matrix.sum(0))
    torch.testing.assert_close(plan.conditional("latent"), matrix / matrix.sum(1, keepdim=True))
    y = normal(7, 2, 3)
    torch.testing.assert_close(plan.barycentric_projection(y), (matrix @ y) / matrix.sum(1, keepdim=True))
    torch.testing.assert_close(
        plan.code_density(),
        matrix.reshape(3, 4, 7).sum(1)
        / (plan.problem.row_weights.reshape(3, 4).sum(1, keepdim=True) * plan.problem.column_weights),
    )
    for call, message in [
        (lambda: plan.conditional("mine"), "given='data'"),
        (lambda: plan.barycentric_projection(y[:3]), "expected 7 data points"),
        (lambda: plan.mutual_information("noise"), "'code' or 'latent'"),
    ]:
        with pytest.raises(ProblemError, match=message):
            call()


def test_samples_follow_the_plan() -> None:
    plan = structured_plan()
    rows, columns = plan.sample(200_000, rng(0))
    counts = torch.zeros(12, 7, dtype=torch.float64).index_put(
        (rows, columns), torch.tensor(1 / 200_000, dtype=torch.float64), accumulate=True
    )
    assert float((counts - plan.matrix()).abs().sum()) < 0.02


def test_samples_avoid_pairs_without_mass_at_both_ends() -> None:
    matrix = torch.tensor([[0.0, 0.5], [0.5, 0.0]], dtype=torch.float64)
    plan = ot.solve(
        ot.OTProblem(cost=1 - 2 * matrix, regulariser=ot.Unregularised()), tolerance=1e-9, solver=ot.Exact()
    )
    assert torch.equal(plan.matrix(), matrix)
    rows, columns = plan.sample(10_000, rng(0))
    assert torch.equal(columns, 1 - rows) and 4700 < int(rows.sum()) < 5300  # six standard errors


def test_plans_of_more_pairs_than_torch_draws_from_are_drawn_from() -> None:
    side = 4100
    spread = torch.arange(side) / side
    cost = (spread[:, None] - spread).square()
    plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Entropic(1e-3)), tolerance=1e-2)
    rows, columns = plan.sample(1000, rng(0))
    assert float((spread[rows] - spread[columns]).abs().max()) < 6 * math.sqrt(1e-3 / 2)
    assert abs(float(spread[rows].mean()) - 0.5) < 5 * math.sqrt(1 / 12 / 1000)


def test_rounding_meets_the_marginals_and_moves_little() -> None:
    plan = structured_plan(tolerance=0.05)
    rounded = plan.round()
    torch.testing.assert_close(rounded.sum(1), plan.problem.row_weights)
    torch.testing.assert_close(rounded.sum(0), plan.problem.column_weights)
    assert (rounded >= 0).all()
    assert float((rounded - plan.matrix()).abs().sum()) <= 2 * float(plan.marginal_error) + 1e-12


def test_entropy_and_support() -> None:
    plan = structured_plan()
    matrix = plan.matrix()
    assert float(plan.entropy()) == pytest.approx(float(-(matrix * matrix.log()).sum()))
    assert torch.equal(plan.support(0.01), matrix > 0.01 * plan.problem.column_weights)


def test_the_plan_gets_sparse_in_the_code_as_its_price_falls() -> None:
    shares = []
    for ratio in (1.0, 0.3, 0.1, 0.01):
        regulariser = ot.Structured(ot.Entropic(0.1), blocks=BLOCKS, epsilon_code=0.1 * ratio)
        plan = ot.solve(
            ot.OTProblem(cost=random_cost(12, 30, 0), regulariser=regulariser), tolerance=1e-6, max_steps=5000
        )
        shares.append(float(plan.coupled_codes()))
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.95
    assert shares[-1] < 0.45


def test_unseen_data_and_latents_agree_with_the_seen_ones() -> None:
    plan = structured_plan()
    torch.testing.assert_close(
        ot.latent_posterior(plan, plan.problem.cost), plan.conditional(), atol=1e-8, rtol=0
    )
    torch.testing.assert_close(
        ot.code_posterior(plan, plan.problem.cost),
        plan.conditional().reshape(3, 4, 7).sum(1).mT,
        atol=1e-8,
        rtol=0,
    )
    codes = torch.arange(12) // 4
    torch.testing.assert_close(
        ot.coupling_of_latents(plan, plan.problem.cost, codes), plan.conditional("latent"), atol=1e-8, rtol=0
    )
    y = normal(7, 2, 3)
    torch.testing.assert_close(
        ot.transport_map(plan, y, plan.problem.cost, codes), plan.barycentric_projection(y), atol=1e-7, rtol=0
    )
    for call, message in [
        (lambda: ot.coupling_of_latents(plan, plan.problem.cost), "code of each new latent"),
        (lambda: ot.coupling_of_latents(plan, plan.problem.cost[:, :3], codes), "7 columns"),
        (lambda: ot.latent_posterior(plan, plan.problem.cost[:3]), "12 rows"),
    ]:
        with pytest.raises(ProblemError, match=message):
            call()


def test_potentials_in_the_conventions_of_pot() -> None:
    pot = pytest.importorskip("ot")
    cost, a, b = random_cost(6, 5, 0), random_weights(6, 1), random_weights(5, 2)
    plan = ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=ot.Entropic(0.1)), tolerance=1e-11)
    theirs, log = pot.sinkhorn(a.numpy(), b.numpy(), cost.numpy(), 0.1, log=True, stopThr=1e-13)
    torch.testing.assert_close(plan.matrix(), torch.from_numpy(theirs), atol=1e-9, rtol=0)
    mine = ot.conventions.to_pot(plan)
    ratio = mine.f / 0.1 - torch.from_numpy(log["u"]).log().ravel()
    torch.testing.assert_close(ratio, ratio[0].expand(6), atol=1e-7, rtol=0)
    back = ot.conventions.from_pot(mine, a, b)
    torch.testing.assert_close(back.f, plan.f)
    with pytest.raises(ProblemError, match="positive weights"):
        ot.conventions.from_pot(mine, torch.zeros(6), b)


@pytest.mark.parametrize("to", [ot.conventions.to_pot, ot.conventions.to_ott])
@pytest.mark.parametrize(
    "regulariser",
    [
        ot.Entropic(0.2),
        ot.Scaled(ot.Entropic(0.1), 2.0),
        ot.Relative(ot.Entropic(0.4)),
        ot.Structured(ot.Entropic(0.2), ot.Blocks((3, 2)), epsilon_code=0.05),
    ],
)
@pytest.mark.parametrize("batch", [(), (3,)])
def test_potentials_with_the_weights_inside_tell_the_plan(
    to: Callable[[ot.Plan], ot.conventions.Potentials], regulariser: ot.Regulariser, batch: tuple[int, ...]
) -> None:
    cost = torch.rand(*batch, 6, 5, generator=rng(0), dtype=torch.float64)
    cost = cost if not batch else cost * torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)[:, None, None]
    a, b = random_weights(6, 1), random_weights(5, 2)
    plan = ot.solve(ot.OTProblem(cost=cost, a=a, b=b, regulariser=regulariser), tolerance=1e-11)
    told = to(plan)
    price = torch.as_tensor(told.strength, dtype=torch.float64)[..., None, None]
    matrix = torch.exp((told.f.unsqueeze(-1) + told.g.unsqueeze(-2) - plan.perturbed_cost()) / price)
    torch.testing.assert_close(matrix, plan.matrix(), atol=1e-12, rtol=1e-9)
    back = (ot.conventions.from_pot if to is ot.conventions.to_pot else ot.conventions.from_ott)(told, a, b)
    torch.testing.assert_close(back.f, plan.f)
    torch.testing.assert_close(back.g, plan.g)


def test_new_latents_are_read_whatever_the_factor_of_the_smoothing() -> None:
    cost, codes = random_cost(6, 5, 0), torch.arange(6) // 2
    smoothing = ot.Structured(ot.Entropic(0.1), ot.Blocks((3, 2)), epsilon_code=0.02)
    plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Scaled(smoothing, 2.0)), tolerance=1e-11)
    assert plan.epsilon == pytest.approx(0.2)
    torch.testing.assert_close(
        ot.coupling_of_latents(plan, cost, codes), plan.conditional("latent"), atol=1e-9, rtol=0
    )
    lasso = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Quadratic(0.3)), tolerance=1e-9)
    with pytest.raises(ProblemError, match="Quadratic has no epsilon"):
        ot.coupling_of_latents(lasso, cost)


def test_plans_that_are_not_convex_do_not_extend_to_unseen_data() -> None:
    rewarded = ot.Structured(ot.Entropic(0.3), ot.Blocks((3, 2)), epsilon_code=-0.1)
    for regulariser in (rewarded, ot.Scaled(rewarded, 1.0)):
        plan = ot.solve(ot.OTProblem(cost=random_cost(6, 5, 0), regulariser=regulariser))
        with pytest.raises(
            ProblemError, match="a plan at unseen data: .* epsilon_code > 0, got epsilon_code=-0.1"
        ):
            ot.code_posterior(plan, plan.problem.cost)


def test_potentials_in_the_conventions_of_geomloss() -> None:
    geomloss = pytest.importorskip("geomloss")
    x, y = (
        normal(6, 2, 0),
        normal(5, 2, 1),
    )
    plan = ot.solve(ot.OTProblem.from_points(x, y, regulariser=ot.Entropic(2.0)), tolerance=1e-11)
    mine = ot.conventions.to_geomloss(plan)
    loss = geomloss.SamplesLoss(
        "sinkhorn", p=2, blur=mine.strength, scaling=0.999, debias=False, potentials=True
    )
    f, _ = loss(x, y)
    difference = f.ravel() - mine.f
    torch.testing.assert_close(difference, difference[0].expand(6), atol=1e-3, rtol=0)
    back = ot.conventions.from_geomloss(mine)
    torch.testing.assert_close(back.g, plan.g)
    assert back.strength == pytest.approx(2.0)
