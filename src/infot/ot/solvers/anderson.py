"""Anderson acceleration of a fixed-point iteration, item by item of a batch, with a fall-back to the plain step."""

from typing import Any

from infot.numerics import empty_loop, namespace

__all__ = ["Anderson"]

_GROWTH = 2.0
_SHORTER = 4.0
_ROUNDINGS = 16
_RIDGE = 1e-7
_TINY = 1e-30


class Anderson:
    """Extrapolate from the last few steps of ``x <- x + step(x)``.

    The next point combines the last points so that their steps cancel as well as possible in weighted least squares
    (Anderson 1965; Walker and Ni, SIAM J. Numer. Anal. 49(4), 2011, "type II"). A point whose error is more than twice
    the last accepted one, or whose value is lower, is thrown away, the plain step is taken instead, and the next
    extrapolations are shorter. Where plain steps never lower the value, as Sinkhorn's never lower the semi-dual, no
    extrapolation leads astray for long; errors alone would not tell. Arrays are those of inner loops.

    Args:
        memory: How many differences are kept; 0 turns acceleration off.
        weights: Weights of the least squares, ``(B, n)``.
    """

    def __init__(self, memory: int, weights: Any) -> None:
        self.memory = memory
        self._xp = namespace(weights)
        self._root = self._xp.sqrt(weights)
        self._held = 0
        self._last: tuple[Any, Any, Any] | None = None
        self._floor: Any = None
        self._reach, self._went = self._root[:, :1] * 0 + float("inf"), 0 * self._root[:, :1]

    def next(self, x: Any, step: Any, error: Any, value: Any = None) -> Any:
        """Return the next point after evaluating ``step``, ``error`` and ``value``, both ``(B,)``, at ``x``."""
        plain = x + step
        if self.memory == 0:
            return plain
        scaled = step * self._root
        if self._last is None:
            self._last = (plain, scaled, error)
            if value is not None:
                self._slack = (
                    _ROUNDINGS * self._xp.finfo(value.dtype).eps * (abs(value) + self._xp.amax(abs(x), -1))
                )
                self._floor = value - self._slack
            return plain
        last_plain, last_scaled, last_error = self._last
        if value is not None:
            error = self._xp.where(value < self._floor, float("inf"), error)
            self._floor = self._xp.maximum(value - self._slack, self._floor)
        if not _grew_little(error, last_error):
            return self._fall_back(plain, scaled, error)
        if self._held == 0:
            self._allocate(x)
        slot = self._held % self.memory
        self._held += 1
        self._moves[:, slot] = plain - last_plain
        self._turns[:, slot] = scaled - last_scaled
        self._last = (plain, scaled, error)
        return plain - self._within_reach(self._ahead(self._correction(scaled, slot), scaled))

    def _ahead(self, correction: Any, scaled: Any) -> Any:
        """Turn an extrapolation round that goes back by more than the step.

        Where steps hardly change, their differences are rounding, which says how to go on but not which way: it is the
        way of the steps.
        """
        forward = (scaled * (scaled - correction * self._root)).sum(-1)
        if float(forward.min()) >= 0:
            return correction
        return self._xp.where((forward < 0)[..., None], -correction, correction)

    def _within_reach(self, correction: Any) -> Any:
        """Shorten an extrapolation to what may be hoped to keep its promise, and note its length."""
        length = self._xp.amax(abs(correction), -1, keepdims=True)
        short = length > self._reach
        if bool(short.any()):
            correction = correction * self._xp.where(short, self._reach / (length + _TINY), 1.0)
            self._reach = self._xp.where(short, 2 * self._reach, self._reach)
        self._went = self._xp.minimum(length, self._reach)
        return correction

    def _allocate(self, x: Any) -> None:
        batch, memory = len(x), self.memory
        self._moves = empty_loop(x, batch, memory, x.shape[-1])
        self._turns = empty_loop(x, batch, memory, x.shape[-1])
        self._gram = empty_loop(x, batch, memory, memory)
        self._moves[:], self._turns[:], self._gram[:] = 0, 0, 0
        self._ridge = self._gram + 0
        for index in range(memory):
            self._ridge[:, index, index] = max(_RIDGE, 8 * float(self._xp.finfo(x.dtype).eps))

    def _correction(self, scaled: Any, slot: int) -> Any:
        """Return the combination of moves whose turns best explain the step."""
        xp, held = self._xp, min(self._held, self.memory)
        turns, gram = self._turns[:, :held], self._gram[:, :held, :held]
        products = turns @ turns[:, slot, :, None]
        gram[:, slot] = products[..., 0]
        gram[:, :, slot] = products[..., 0]
        # by Cauchy and Schwarz the largest entry stands on the diagonal
        scale = 1 / (xp.amax(gram, (-2, -1))[:, None, None] + _TINY)
        target = turns @ scaled[..., None]
        weights = xp.linalg.solve(gram * scale + self._ridge[:, :held, :held], target * scale)
        return (weights.mT @ self._moves[:, :held])[:, 0]

    def _fall_back(self, plain: Any, scaled: Any, error: Any) -> Any:
        """Forget the history of the rejected items and take their last plain step; others take their plain step."""
        assert self._last is not None
        last_plain, last_scaled, last_error = self._last
        rejected = ~(error <= _GROWTH * last_error)
        self._reach = self._xp.where(rejected[..., None], self._went / _SHORTER, self._reach)
        if self._held:
            self._moves[rejected], self._turns[rejected] = 0, 0
            self._gram = self._turns @ self._turns.mT
        where, mask = self._xp.where, rejected[..., None]
        plain = where(mask, last_plain, plain)
        self._last = (plain, where(mask, last_scaled, scaled), where(rejected, error + float("inf"), error))
        return plain


def _grew_little(error: Any, last_error: Any) -> bool:
    if len(error) == 1:
        return float(error[0]) <= _GROWTH * float(last_error[0])
    return bool((error <= _GROWTH * last_error).all())
