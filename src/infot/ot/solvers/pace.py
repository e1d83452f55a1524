"""When to prefer the safe step: the bold one is kept, item by item, for as long as errors fall."""

from typing import Any

from infot.numerics import namespace

__all__ = ["Pace"]

_GROWTH = 2.0
_IDLE = 4
_ROUNDINGS = 16


class Pace:
    """Watch the errors of a batch that takes bold steps, and remember where each item's value was highest.

    An item whose error rises above twice its least or does not fall below it for four steps, or whose value falls below
    its first, goes back to where its value was highest and takes safe steps from there: the iteration then converges
    where that of safe steps does. Errors alone would not do: they may be small far away from any solution.

    Args:
        like: Some errors, ``(B,)``.
    """

    def __init__(self, like: Any) -> None:
        self._xp = namespace(like)
        self.bold = like == like
        self._best, self._idle = like + float("inf"), 0 * like
        self._first: Any = None
        self._highest: Any = None
        self._where: Any = None

    def judge(self, f: Any, error: Any, value: Any) -> Any:
        """Return where to go back to, ``(B, n)``, or None if every bold item may go on.

        Args:
            f: The potential, ``(B, n)``.
            error: Its error, ``(B,)``.
            value: Its semi-dual value, ``(B,)``.
        """
        self._note(f, value)
        better = error < self._best
        self._best = self._xp.where(better, error, self._best)
        self._idle = self._xp.where(better, 0, self._idle + 1)
        good = (error <= _GROWTH * self._best) & (self._idle < _IDLE) & (value >= self._first)
        if bool((good | ~self.bold).all()):
            return None
        back = self._xp.where((self.bold & ~good)[:, None], self._where, f)
        self.bold = self.bold & good
        return back

    def _note(self, f: Any, value: Any) -> None:
        if self._where is None:
            slack = _ROUNDINGS * self._xp.finfo(value.dtype).eps * (abs(value) + self._xp.amax(abs(f), -1))
            self._first, self._highest, self._where = value - slack, value, f
            return
        higher = value > self._highest
        self._highest = self._xp.where(higher, value, self._highest)
        self._where = self._xp.where(higher[:, None], f, self._where)

    def mix(self, bold: Any, safe: Any) -> Any:
        """Return each item's step."""
        return self._xp.where(self.bold[:, None], bold, safe)
