"""Batches cover each epoch once, and a restored sampler goes on bit for bit."""

import pytest
import torch

from infot.data import BatchSampler
from infot.errors import DataError


def sampler(n: int, batch_size: int, seed: int = 0) -> BatchSampler:
    return BatchSampler(n, batch_size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n", "batch_size"), [(12, 4), (10, 3), (7, 7), (5, 4), (1, 1), (4, 7), (3, 9)])
def test_every_epoch_holds_each_example_once(n: int, batch_size: int) -> None:
    batches = sampler(n, batch_size)
    drawn = torch.cat([batches.next() for _ in range(3 * n)])
    epochs = drawn[: len(drawn) // n * n].reshape(-1, n)
    assert len(epochs) >= 3
    assert torch.equal(epochs.sort(dim=1).values, torch.arange(n).expand(len(epochs), -1))


def test_epochs_are_shuffled_anew() -> None:
    batches = sampler(100, 100)
    first, second = batches.next(), batches.next()
    assert first.dtype == torch.int64 and first.shape == (100,)
    assert not torch.equal(first, second) and not torch.equal(first, torch.arange(100))
    assert batches.epoch == 1


def test_order_depends_on_the_seed_alone() -> None:
    assert torch.equal(sampler(50, 20).next(), sampler(50, 20).next())
    assert not torch.equal(sampler(50, 20).next(), sampler(50, 20, seed=1).next())


@pytest.mark.parametrize("batch_size", [3, 27])
@pytest.mark.parametrize("stop", range(12))
def test_restored_sampler_goes_on_bitwise(stop: int, batch_size: int) -> None:
    straight = sampler(10, batch_size)
    for _ in range(stop):
        straight.next()
    state = straight.state_dict()
    expected = [straight.next() for _ in range(15)]
    resumed = sampler(10, batch_size, seed=99)
    resumed.next()
    resumed.load_state_dict(state)
    assert all(torch.equal(resumed.next(), batch) for batch in expected)
    assert resumed.epoch == straight.epoch


def test_state_is_untouched_by_later_batches_and_is_plain() -> None:
    batches = sampler(10, 4)
    state = batches.state_dict()
    kept = {key: value.clone() if isinstance(value, torch.Tensor) else value for key, value in state.items()}
    for _ in range(9):
        batches.next()
    assert all(torch.equal(torch.as_tensor(state[key]), torch.as_tensor(kept[key])) for key in kept)
    assert {type(value) for value in state.values()} <= {int, torch.Tensor}


@pytest.mark.parametrize(("n", "batch_size"), [(10, 0), (10, -1), (0, 4)])
def test_nothing_to_draw_is_refused(n: int, batch_size: int) -> None:
    with pytest.raises(DataError, match=f"batch of at least 1; got {n} and {batch_size}"):
        sampler(n, batch_size)


def test_state_of_other_data_is_refused() -> None:
    with pytest.raises(DataError, match="10 training examples; got 11"):
        sampler(11, 2).load_state_dict(sampler(10, 2).state_dict())
