"""When to prefer the safe step: the bold one is kept, item by item, for as long as errors fall."""

from typing import Any

from infot.numerics import namespace

__all__ = ["Pace"]

_GROWTH = 2.0
_IDLE = 4


class Pace:
    """Watch the errors of a batch that takes bold steps, and remember where each item was best.

    An item whose error rises above twice its least, or does not fall below it for four steps, goes back to where it
    was best and takes safe steps from there: the iteration then converges where that of safe steps does.

    Args:
        like: Some errors, ``(B,)``.
    """

    def __init__(self, like: Any) -> None:
        self._xp = namespace(like)
        self.bold = like == like
        self._best, self._idle = like + float("inf"), 0 * like
        self._where: Any = None

    def judge(self, f: Any, error: Any) -> Any:
        """Return where to go back to, ``(B, n)``, or None if every bold item may go on.

        Args:
            f: The potential, ``(B, n)``.
            error: Its error, ``(B,)``.
        """
        better = error < self._best
        self._where = f if self._where is None else self._xp.where(better[:, None], f, self._where)
        self._best = self._xp.where(better, error, self._best)
        self._idle = self._xp.where(better, 0, self._idle + 1)
        good = (error <= _GROWTH * self._best) & (self._idle < _IDLE)
        if bool((good | ~self.bold).all()):
            return None
        back = self._xp.where((self.bold & ~good)[:, None], self._where, f)
        self.bold = self.bold & good
        return back

    def mix(self, bold: Any, safe: Any) -> Any:
        """Return each item's step."""
        return self._xp.where(self.bold[:, None], bold, safe)
