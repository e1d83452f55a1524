"""Combinations of factors, their numbers, and draws of them."""

import itertools

import pytest
import torch

from infot.data import FactorSpace
from infot.errors import DataError

SPACE = FactorSpace(("shape", "x", "y"), (3, 4, 5))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_combinations_are_numbered_with_the_last_factor_fastest() -> None:
    every = torch.tensor(list(itertools.product(range(3), range(4), range(5))))
    assert len(SPACE) == len(every) == 60
    assert torch.equal(SPACE.at(torch.arange(60)), every)
    assert torch.equal(SPACE.index_of(every), torch.arange(60))


def test_numbers_and_combinations_are_inverse_in_a_large_space() -> None:
    space = FactorSpace(tuple("abcdef"), (6, 3, 6, 40, 32, 32))
    numbers = torch.randint(len(space), (500,), generator=rng())
    assert torch.equal(space.index_of(space.at(numbers)), numbers)


def test_draws_are_uniform_and_repeat() -> None:
    n = 30_000
    drawn = SPACE.sample(n, rng())
    assert torch.equal(drawn, SPACE.sample(n, rng()))
    counts = torch.bincount(SPACE.index_of(drawn), minlength=60)
    chi_square = ((counts - n / 60).square() / (n / 60)).sum()
    assert chi_square < 59 + 5 * (2 * 59) ** 0.5  # mean and standard deviation of the chi-square law


def test_a_factor_is_held_and_the_others_are_free() -> None:
    drawn = SPACE.sample_holding(1, 2, 2000, rng())
    assert (drawn[:, 1] == 2).all()
    assert len(drawn[:, [0, 2]].unique(dim=0)) == 15


def test_pairs_share_the_factor_that_is_held_and_no_other() -> None:
    stream, value = rng(), torch.randint(4, (2000,), generator=rng(1))
    first, second = (SPACE.sample_holding(1, value, 2000, stream) for _ in range(2))
    assert torch.equal(first[:, 1], value) and torch.equal(second[:, 1], value)
    agree = (first == second).double().mean(0)
    assert abs(agree[0] - 1 / 3) < 0.06 and abs(agree[2] - 1 / 5) < 0.05  # five standard errors


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        (torch.tensor([[0, 0, 0], [0, 4, 0]]), "expected x from 0 to 3; got 4 in row 1"),
        (torch.tensor([[-1, 0, 0]]), "expected shape from 0 to 2; got -1 in row 0"),
        (torch.zeros(2, 3), r"int64 of shape \(n, 3\), a column for each of shape, x, y; got torch.float32"),
        (torch.zeros(2, 2, dtype=torch.int64), r"got torch.int64 of shape \(2, 2\)"),
    ],
)
def test_what_is_no_combination_is_refused(factors: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SPACE.index_of(factors)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(DataError, match="from 0 to 59; got 0 to 60"):
        SPACE.at(torch.tensor([0, 60]))


def test_a_factor_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match=r"expected a factor from 0 to 2 \(shape, x, y\); got 3"):
        SPACE.sample_holding(3, 0, 2, rng())
    with pytest.raises(DataError, match="expected x from 0 to 3; got 4"):
        SPACE.sample_holding(1, 4, 2, rng())


@pytest.mark.parametrize(("names", "sizes"), [((), ()), (("x",), (2, 3)), (("x",), (0,))])
def test_a_space_needs_a_size_for_each_name(names: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="a name and a positive size for each factor"):
        FactorSpace(names, sizes)
