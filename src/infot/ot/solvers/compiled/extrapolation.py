"""Anderson's extrapolation of one item, to the same numbers as :mod:`infot.ot.solvers.anderson`."""

import math
from typing import Any

import numpy as np

from infot.ot.solvers.compiled.compiler import compiled
from infot.ot.solvers.compiled.elimination import solve

__all__ = ["empty_history", "next_point"]

# what is kept of the last point and of how far the last extrapolation went
_PLAIN, _SAFE, _SCALED, _WENT = range(4)
# numbers that change from point to point; the flags among them are 0 or 1
_HELD, _BEGUN, _ERROR, _BEST, _SIZE, _AFRESH, _REJECTED, _MOVED, _BOLDNESS, _REACH = range(10)


@compiled
def empty_history(memory: int, weights: Any, settings: Any) -> Any:
    """Return what an extrapolation remembers before its first point.

    Args:
        memory: How many differences are kept.
        weights: Weights of the least squares, ``(n,)``.
        settings: Growth of the error that is borne, by how much rejected ones are shortened, rounding of a value in
            units of its size, ridge, share of a step in its trace, smallest number, and heaviest weight of a move.

    Returns:
        Roots of the weights; the last point, ``(4, n)``; differences of points and of weighted steps, ``(memory, n)``
        each; inner products of the latter; numbers; settings.
    """
    n, dtype = weights.size, weights.dtype
    state = np.zeros(10, dtype)
    state[_BOLDNESS], state[_REACH] = 1, math.inf
    numbers = np.empty(len(settings), dtype)
    for k, setting in enumerate(settings):
        numbers[k] = setting
    last, gram = np.zeros((4, n), dtype), np.zeros((memory, memory), dtype)
    moves, turns = np.zeros((memory, n), dtype), np.zeros((memory, n), dtype)
    return np.sqrt(weights), last, moves, turns, gram, state, numbers


@compiled
def next_point(history: Any, x: Any, step: Any, bold: Any, error: Any, value: Any) -> Any:
    """Return the next point, ``(n,)``.

    Args:
        history: See :func:`empty_history`; it is overwritten.
        x: The point, ``(n,)``.
        step: Its safe step.
        bold: A step that is mostly better; the safe one where there is none.
        error: Its error.
        value: Its value.
    """
    root, last, moves, turns, gram, state, settings = history
    growth, infinite = settings[0], x.dtype.type(math.inf)
    first = state[_BEGUN] == 0
    error = _judged(x, error, value, state, settings)
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
    ridge, least, tiny, most = settings[3], settings[4], settings[5], settings[6]
    held = min(int(state[_HELD]), len(moves))
    kept = turns[:held]
    products = np.dot(kept, turns[slot])
    weights = np.dot(kept, scaled)
    gram[slot, :held] = products
    gram[:held, slot] = products
    system = gram[:held, :held].copy()
    trace = least * np.dot(scaled, scaled) + tiny
    for i in range(held):
        trace += system[i, i]
    for i in range(held):
        system[i, i] += trace * ridge
    solve(system, weights)
    heaviest = np.max(np.abs(weights))
    if heaviest > most:
        weights *= most / heaviest
    correction = np.dot(weights, moves[:held])
    forward = zero = scaled[0] * 0
    for i in range(scaled.size):
        correction[i] = correction[i] if root[i] > 0 else zero  # nothing holds these entries to their steps
        forward += scaled[i] * (scaled[i] - correction[i] * root[i])
    return -correction if forward < 0 else correction


@compiled
def _within_reach(went: Any, state: Any, settings: Any) -> None:
    """Shorten an extrapolation to what may be hoped to keep its promise."""
    if state[_REJECTED] == 0:
        return
    length, reach = np.max(np.abs(went)), state[_REACH]
    if length > reach:
        went *= reach / length
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
