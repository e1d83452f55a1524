"""Anderson's extrapolation of one item, to the same numbers as :mod:`infot.ot.solvers.anderson`."""

import math
from typing import Any, NamedTuple

import numpy as np

from infot.ot.solvers.compiled.compiler import compiled
from infot.ot.solvers.compiled.elimination import solve

__all__ = ["History"]

# what is kept of the last point and of how far the last extrapolation went
_PLAIN, _SAFE, _SCALED, _WENT = range(4)
# numbers that change from point to point; the flags among them are 0 or 1
_HELD, _BEGUN, _ERROR, _BEST, _SIZE, _AFRESH, _REJECTED, _MOVED, _BOLDNESS, _REACH = range(10)


class History(NamedTuple):
    """What an extrapolation remembers.

    Args:
        root: Roots of the weights, ``(n,)``.
        last: The last point, ``(4, n)``.
        moves: Differences of points, ``(memory, n)``.
        turns: Differences of weighted steps, ``(memory, n)``.
        gram: Inner products of these, ``(memory, memory)``.
        state: Numbers.
        settings: Growth of the error that is borne, by how much rejected ones are shortened, rounding of a value in
            units of its size, ridge, and the smallest number.
    """

    root: Any
    last: Any
    moves: Any
    turns: Any
    gram: Any
    state: Any
    settings: Any

    @classmethod
    def empty(cls, memory: int, root: Any, settings: tuple[float, ...]) -> "History":
        """Return a history of nothing."""
        n, dtype = root.size, root.dtype
        state = np.zeros(10, dtype)
        state[_BOLDNESS], state[_REACH] = 1, math.inf
        shapes = (4, n), (memory, n), (memory, n), (memory, memory)
        last, moves, turns, gram = (np.zeros(shape, dtype) for shape in shapes)
        return cls(root, last, moves, turns, gram, state, np.array(settings, dtype))

    def next(self, x: Any, step: Any, bold: Any, error: Any, value: Any) -> Any:
        """Return the next point, ``(n,)``; ``bold`` is ``step`` where there is no bold one, ``value`` NaN likewise."""
        return _next(*self, x, step, bold, error, value)


@compiled
def _next(
    root: Any,
    last: Any,
    moves: Any,
    turns: Any,
    gram: Any,
    state: Any,
    settings: Any,
    x: Any,
    step: Any,
    bold: Any,
    errors: Any,
    values: Any,
) -> Any:
    growth, infinite = settings[0], x.dtype.type(math.inf)
    first = state[_BEGUN] == 0
    error = _judged(x, errors[0], values[0], state, settings)
    share = state[_BOLDNESS]
    plain, safe, scaled = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    for i in range(x.size):
        safe[i] = x[i] + step[i]
        taken = step[i] + share * (bold[i] - step[i])
        plain[i] = x[i] + taken
        scaled[i] = taken * root[i]
    before = state[_ERROR]
    if not first and not error <= growth * before:
        _forget(last, moves, turns, gram, state, settings)
        state[_ERROR] = error + infinite
        return last[_SAFE].copy()
    ahead = plain.copy()
    if not first:
        slot = int(state[_HELD]) % len(moves)
        state[_HELD] += 1
        moves[slot] = plain - last[_PLAIN]
        turns[slot] = scaled - last[_SCALED]
        went = _correction(scaled, root, moves, turns, gram, slot, state, settings)
        _within_reach(went, state, settings)
        last[_WENT] = went
        state[_MOVED] = 1
        ahead -= went
    last[_PLAIN], last[_SAFE], last[_SCALED] = plain, safe, scaled
    state[_BEGUN], state[_ERROR] = 1, error
    return ahead


@compiled
def _judged(x: Any, error: Any, value: Any, state: Any, settings: Any) -> Any:
    """Return the error, infinite where the value is lower than one accepted before by more than rounding."""
    growth, rounding = settings[0], settings[2]
    if (math.isnan(value) and state[_BEGUN] == 0) or math.isnan(state[_BEST]):
        state[_BEST] = math.nan
        return error
    if state[_BEGUN] == 0:
        state[_BEST] = value
        state[_SIZE] = abs(value) + np.max(np.abs(x))
        return error
    last, best = state[_ERROR], state[_BEST]
    if state[_AFRESH] == 0 and value >= best and error <= growth * last:
        state[_BEST] = value
        return error
    afresh = math.isinf(last)
    if value < best - rounding * state[_SIZE] and not afresh:
        error = x.dtype.type(math.inf)
    if error <= growth * last:
        state[_BEST] = value if afresh else max(value, best)
    state[_AFRESH] = 0
    return error


@compiled
def _correction(
    scaled: Any, root: Any, moves: Any, turns: Any, gram: Any, slot: Any, state: Any, settings: Any
) -> Any:
    """Return the combination of moves whose turns best explain the step, turned round where it goes back."""
    ridge, tiny = settings[3], settings[4]
    held = min(int(state[_HELD]), len(moves))
    kept = turns[:held]
    products = np.dot(kept, turns[slot])
    weights = np.dot(kept, scaled)
    gram[slot, :held] = products
    gram[:held, slot] = products
    system = gram[:held, :held].copy()
    trace = tiny
    for i in range(held):
        trace += system[i, i]
    for i in range(held):
        system[i, i] += trace * ridge
    solve(system, weights)
    correction = np.dot(weights, moves[:held])
    forward = scaled[0] * 0
    for i in range(scaled.size):
        forward += scaled[i] * (scaled[i] - correction[i] * root[i])
    return -correction if forward < 0 else correction


@compiled
def _within_reach(went: Any, state: Any, settings: Any) -> None:
    """Shorten an extrapolation to what may be hoped to keep its promise."""
    if state[_REJECTED] == 0:
        return
    length, reach = np.max(np.abs(went)), state[_REACH]
    if length > reach:
        went *= reach / (length + settings[4])
        state[_REACH] = reach + reach


@compiled
def _forget(last: Any, moves: Any, turns: Any, gram: Any, state: Any, settings: Any) -> None:
    """Forget the history and stand on the last safe step."""
    shorter = settings[1]
    state[_REJECTED], state[_AFRESH] = 1, 1
    state[_BOLDNESS] /= shorter
    if state[_MOVED] != 0:
        length = np.max(np.abs(last[_WENT]))
        if length > 0:
            state[_REACH] = length / shorter
        state[_MOVED] = 0
    moves[:], turns[:], gram[:] = 0, 0, 0
    last[_PLAIN] = last[_SAFE]
