"""Weights that follow what is not explained: a partition of 1, where they start, where they go."""

import pytest
import torch

from infot.errors import ConfigError
from infot.models.unexplained import Unexplained


def test_all_weight_is_on_the_coarsest_level_at_first():
    assert Unexplained(4, 1, rate=0.1).weights().flatten().tolist() == [1.0, 0.0, 0.0, 0.0]


def test_weights_are_a_partition_whatever_the_shares():
    unexplained = Unexplained(5, 2, rate=1.0)
    for shares in torch.rand(20, 5, 2, generator=torch.Generator().manual_seed(0)):
        unexplained.follow(shares)
        weights = unexplained.weights()
        assert bool((weights >= 0).all())
        torch.testing.assert_close(weights.sum(0), torch.ones(2))
        by_hand, left = [], torch.ones(2)
        for share in shares[:-1].unbind():
            by_hand.append(left * share)
            left = left - by_hand[-1]
        torch.testing.assert_close(weights, torch.stack([*by_hand, left]))


def test_weight_moves_on_as_far_as_a_level_is_explained():
    unexplained = Unexplained(2, 1, rate=0.5)
    seen = []
    for _ in range(4):
        unexplained.follow(torch.tensor([[0.2], [2.0]]))
        seen.append(float(unexplained.weights()[1]))
    assert seen == [pytest.approx(0.8 * (1 - 0.5**k)) for k in range(1, 5)]
    assert float(unexplained.shares[1]) == 1.0  # more than all of the spread counts as all of it


def test_numbers_out_of_range_are_refused():
    for levels, rate in ((0, 0.5), (3, 0.0), (3, 1.5)):
        with pytest.raises(ConfigError, match="at least one level and a rate in"):
            Unexplained(levels, 1, rate=rate)


def test_a_channel_that_is_not_told_stays_coarse():
    unexplained = Unexplained(3, 2, rate=1.0)
    unexplained.follow(torch.tensor([[0.0, 1.0], [0.5, 1.0], [1.0, 1.0]]))
    assert unexplained.weights().T.tolist() == [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]
