import torch

from infot.random import Streams, start_seed


def draw(streams: Streams, name: str) -> list[float]:
    return torch.rand(4, generator=streams(name)).tolist()


def test_streams_of_one_name_repeat_and_others_differ():
    assert draw(Streams(3), "data") == draw(Streams(3), "data")
    assert draw(Streams(3), "data") != draw(Streams(3), "noise")
    assert draw(Streams(3), "data") != draw(Streams(4), "data")


def test_a_draw_in_one_stream_does_not_shift_another():
    alone, beside = Streams(0), Streams(0)
    draw(beside, "noise")
    assert draw(alone, "data") == draw(beside, "data")


def test_starts_of_a_run_have_seeds_of_their_own():
    seeds = {start_seed(seed, start) for seed in range(5) for start in range(5)}
    assert len(seeds) == 25
    assert [start_seed(seed, 0) for seed in range(5)] == list(range(5))


def test_streams_restored_with_a_seed_derive_new_ones_from_it():
    streams = Streams(1)
    streams.load_state_dict({}, seed=2)
    assert draw(streams, "data") == draw(Streams(2), "data")


def test_restored_streams_go_on_where_they_were():
    streams = Streams(1)
    draw(streams, "data")
    state = streams.state_dict()
    expected = draw(streams, "data"), draw(streams, "new")
    restored = Streams(1)
    draw(restored, "other")
    restored.load_state_dict(state)
    assert (draw(restored, "data"), draw(restored, "new")) == expected
