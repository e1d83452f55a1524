"""Anderson acceleration of a fixed-point iteration, item by item of a batch, with a fall-back to the plain step."""

from typing import Any

from infot.numerics import namespace

__all__ = ["Anderson"]

_GROWTH = 2.0
_RIDGE = 1e-7


class Anderson:
    """Extrapolate from the last few steps of ``x <- x + step(x)``.

    The next point combines the last points so that their steps cancel as well as possible in weighted least squares
    (Anderson 1965; Walker and Ni, SIAM J. Numer. Anal. 49(4), 2011, "type II"). A point whose error is more than twice
    the last accepted one is thrown away and the plain step is taken instead. Arrays are those of inner loops.

    Args:
        memory: How many differences are kept; 0 turns acceleration off.
        weights: Weights of the least squares, ``(B, n)``.
    """

    def __init__(self, memory: int, weights: Any) -> None:
        self.memory = memory
        self._xp = namespace(weights)
        self._root = self._xp.sqrt(weights)
        empty = 0 * weights[:, None].repeat(max(memory, 1), 1)
        self._moves, self._turns = empty, empty + 0
        self._position = 0
        self._last: tuple[Any, Any, Any] | None = None

    def next(self, x: Any, step: Any, error: Any) -> Any:
        """Return the next point after evaluating ``step`` and ``error`` at ``x``; the error is ``(B,)``."""
        plain = x + step
        if self.memory == 0:
            return plain
        if self._last is None:
            self._last = (x, step, error)
            return plain
        last_x, last_step, last_error = self._last
        rejected = ~(error <= _GROWTH * last_error)
        if bool(rejected.any()):
            return self._fall_back(x, step, error, rejected)
        slot = self._position % self.memory
        turn = step - last_step
        self._moves[:, slot] = x - last_x + turn
        self._turns[:, slot] = turn * self._root
        self._position += 1
        self._last = (x, step, error)
        return plain - self._correction(step)

    def _correction(self, step: Any) -> Any:
        """Return the combination of moves whose turns best explain the step."""
        xp, held = self._xp, min(self._position, self.memory)
        turns = self._turns[:, :held]
        gram = turns @ turns.mT
        target = turns @ (step * self._root)[..., None]
        index = range(held)
        scale = xp.amax(gram[:, index, index], -1)[:, None, None] + 1e-30
        gram = gram / scale
        gram[:, index, index] += _RIDGE
        weights = xp.linalg.solve(gram, target / scale)
        return (weights.mT @ self._moves[:, :held])[:, 0]

    def _fall_back(self, x: Any, step: Any, error: Any, rejected: Any) -> Any:
        """Forget the history of the rejected items and take their last plain step; others take their plain step."""
        assert self._last is not None
        last_x, last_step, _ = self._last
        self._moves[rejected], self._turns[rejected] = 0, 0
        where, mask = self._xp.where, rejected[..., None]
        held = where(rejected, error + float("inf"), error)
        self._last = (where(mask, last_x, x), where(mask, last_step, step), held)
        return where(mask, last_x + last_step, x + step)
