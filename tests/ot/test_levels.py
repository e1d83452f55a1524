"""Whole codes are balanced by Newton's method, at any sharpness of the codes."""

import pytest
import torch
from ot_contracts import random_weights, rng
from torch import Tensor

from infot import ot
from infot.ot.solvers.levels import Levels
from infot.ot.structure import Nest


def levels(price: float, code: tuple[int, ...]) -> Levels:
    a = random_weights(ot.Blocks(code=code).n_rows, 1).unsqueeze(0)
    prices = tuple(price * 2**k for k in range(len(code) - 1))
    structured = ot.Structured(ot.Entropic(1.0), ot.Blocks(code=code), epsilon_code=prices)
    return Levels(Nest.of(structured, a), random_weights(40, 2).unsqueeze(0))


def sharp(n_codes: int) -> Tensor:
    """Data in clusters of unequal mass: each belongs to one code at a price that no other comes near."""
    owner = torch.randint(0, n_codes, (40,), generator=rng(3))
    soft = 0.05 * torch.rand(1, n_codes, 40, generator=rng(4), dtype=torch.float64)
    soft[0, owner, torch.arange(40)] += 1.0
    return soft


@pytest.mark.parametrize("price", [0.2, 0.02, 0.005])
@pytest.mark.parametrize("code", [(6, 2), (2, 3, 2)])
def test_codes_are_balanced_and_the_value_is_the_best(
    price: float, code: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    nest, looks = levels(price, code), []
    look = nest._codes
    monkeypatch.setattr(nest, "_codes", lambda *x: looks.append(1) or look(*x))
    soft = sharp(6).numpy()
    codes = nest.balance(soft, 1e-3)
    assert float(abs(codes.masses - nest.code_weights).sum()) <= 1e-3
    # a whole Newton step is up to a thousand prices too long here; shortening it by fours took twice the looks
    assert len(looks) <= 25
    best = float((nest.code_weights * codes.shift).sum() + (nest.b * codes.g).sum())
    for seed in range(5):
        shift = codes.shift + 0.1 * torch.randn(1, 6, generator=rng(seed), dtype=torch.float64).numpy()
        other = look(soft, shift)
        assert float((nest.code_weights * shift).sum() + (nest.b * other.g).sum()) <= best + 1e-9


def test_softened_prices_end_at_that_of_the_noise() -> None:
    nest = levels(0.04, (2, 3, 2))
    assert nest.softened(0.0).epsilons == pytest.approx(nest.epsilons)
    assert nest.softened(0.5).epsilons == pytest.approx((0.2, 0.08**0.5))
    assert nest.softened(1.0).epsilons == pytest.approx((1.0, 1.0))
    assert nest.epsilons == (0.04, 0.08)
