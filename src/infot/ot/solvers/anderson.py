"""Anderson acceleration of a fixed-point iteration, item by item of a batch, with a fall-back to the safe step."""

from typing import Any, NamedTuple

from infot.numerics import empty_loop, inner, largest, namespace, solve_small

__all__ = ["Anderson", "extrapolation_settings"]

_GROWTH = 2.0
_SHORTER = 4.0
_ROUNDINGS = 16
_RIDGE = 1e-7
_LEAST = 1e-30  # share of a step in the trace, so that there is one where no step changed
_HEAVIEST = 1e3  # weight of a move in an extrapolation


def extrapolation_settings(numbers: Any) -> tuple[float, ...]:
    """Return what :func:`infot.ot.solvers.compiled.extrapolation.empty_history` goes by.

    Args:
        numbers: The ``finfo`` of the arrays.
    """
    rounding, ridge = _ROUNDINGS * float(numbers.eps), max(_RIDGE, 8 * float(numbers.eps))
    return _GROWTH, _SHORTER, rounding, ridge, _LEAST, float(numbers.tiny), _HEAVIEST


class _Last(NamedTuple):
    """What is kept of the last point: where its step and its safe step lead, its weighted step, and its error."""

    plain: Any
    safe: Any
    scaled: Any
    error: Any


class Anderson:
    """Extrapolate from the last few steps of ``x <- x + step(x)``.

    The next point combines the last points so that their steps cancel as well as possible in weighted least squares
    (Anderson 1965; Walker and Ni, SIAM J. Numer. Anal. 49(4), 2011, "type II"). A point whose error is more than twice
    the last accepted one, or whose value is lower, is thrown away, the safe step is taken instead, and the next
    extrapolations are shorter and bold steps safer. Where safe steps never lower the value, as Sinkhorn's never lower
    the semi-dual, nothing leads astray for long; errors alone would not tell. Arrays are those of inner loops.

    Args:
        memory: How many differences are kept; 0 takes safe steps only.
        weights: Weights of the least squares, ``(B, n)``; entries without one take their steps and no more.
    """

    def __init__(self, memory: int, weights: Any) -> None:
        self.memory = memory
        self._xp = namespace(weights)
        self._root = self._xp.sqrt(weights)
        self._absent = None if bool((weights > 0).all()) else weights <= 0
        self._held = 0
        self._last: _Last | None = None
        self._best: Any = None  # the value that points after it must reach, up to rounding
        self._first: Any = None  # the first point, and its value
        self._afresh = False  # whether the last point was put in the place of a rejected one
        self._rejected = False  # whether any item ever was: until then nothing is held back
        self._went: Any = None
        self._boldness: Any = None
        self._reach: Any = None

    def next(self, x: Any, step: Any, error: Any, value: Any = None, *, bold: Any = None) -> Any:
        """Return the next point.

        Args:
            x: The point, ``(B, n)``.
            step: Its safe step.
            error: Its error, ``(B,)``.
            value: Its value, ``(B,)``, if there is one.
            bold: A step that is mostly better, if there is one.
        """
        safe = plain = x + step
        if self.memory == 0:
            return safe
        if bold is not None:
            step = step + self._boldness * (bold - step) if self._rejected else bold
            plain = x + step
        last, error = self._last, self._judged(x, error, value)
        now = self._last = _Last(plain, safe, step * self._root, error)
        if last is None:
            return plain
        if not _all(error <= _GROWTH * last.error):
            return self._fall_back(now, last)
        if self._held == 0:
            self._allocate(x)
        slot = self._held % self.memory
        self._held += 1
        self._moves[:, slot] = plain - last.plain
        self._turns[:, slot] = now.scaled - last.scaled
        self._went = self._within_reach(self._ahead(self._correction(now.scaled, slot), now.scaled))
        return plain - self._went

    def _judged(self, x: Any, error: Any, value: Any) -> Any:
        """Return the errors, infinite where the value is lower than one accepted before by more than rounding.

        The point after a rejected one stands on a safe step: it is accepted, and counts from there.
        """
        best, last = self._best, self._last
        if value is None or best is None or last is None:
            self._best, self._first = value, (x, value)
            return error
        if not self._afresh and _all(value >= best) and _all(error <= _GROWTH * last.error):
            self._best = value
            return error
        xp = self._xp
        # of where it began: were it of where it is, potentials that go astray would bear ever more
        first, its_value = self._first
        rounding = _ROUNDINGS * xp.finfo(value.dtype).eps * (abs(its_value) + largest(abs(first), -1))
        afresh = xp.isinf(last.error)
        error = xp.where((value < best - rounding) & ~afresh, float("inf"), error)
        # a point that is thrown away raises no floor: no point after it could be held to that
        raised = xp.where(afresh, value, xp.maximum(value, best))
        self._best = xp.where(error <= _GROWTH * last.error, raised, best)
        self._afresh = False
        return error

    def _ahead(self, correction: Any, scaled: Any) -> Any:
        """Turn an extrapolation round that goes back by more than the step.

        Where steps hardly change, their differences are rounding, which says how to go on but not which way: it is the
        way of the steps.
        """
        forward = inner(scaled, scaled - correction * self._root)
        if _all(forward >= 0):
            return correction
        return self._xp.where((forward < 0)[..., None], -correction, correction)

    def _within_reach(self, correction: Any) -> Any:
        """Shorten an extrapolation to what may be hoped to keep its promise."""
        if not self._rejected:
            return correction
        length = self._xp.amax(abs(correction), -1, keepdims=True)
        short = length > self._reach
        correction = correction * self._xp.where(short, self._reach / self._xp.where(short, length, 1.0), 1.0)
        self._reach = self._xp.where(short, 2 * self._reach, self._reach)
        return correction

    def _allocate(self, x: Any) -> None:
        batch, memory = len(x), self.memory
        self._moves = empty_loop(x, batch, memory, x.shape[-1])
        self._turns = empty_loop(x, batch, memory, x.shape[-1])
        self._gram = empty_loop(x, batch, memory, memory)
        self._norms, self._ridge = empty_loop(x, batch, memory), empty_loop(x, memory, memory)
        self._norms[:], self._ridge[:] = 0, 0
        ridge = max(_RIDGE, 8 * float(self._xp.finfo(x.dtype).eps))
        for index in range(memory):
            self._ridge[index, index] = ridge

    def _correction(self, scaled: Any, slot: int) -> Any:
        """Return the combination of moves whose turns best explain the step."""
        product, held = self._xp.matmul, min(self._held, self.memory)
        turns, gram = self._turns[:, :held], self._gram[:, :held, :held]
        products = product(turns, turns[:, slot, :, None])[..., 0]
        gram[:, slot] = products
        gram[:, :, slot] = products
        self._norms[:, slot] = products[:, slot]
        target = product(turns, scaled[..., None])[..., 0]
        least = _LEAST * inner(scaled, scaled) + self._xp.finfo(scaled.dtype).tiny
        trace = (self._norms.sum(-1) + least)[:, None, None]
        weights = self._bounded(solve_small(gram + trace * self._ridge[:held, :held], target))
        correction = product(weights[:, None], self._moves[:, :held])[:, 0]
        if self._absent is not None:  # nothing holds these entries to their steps: they take them as they are
            correction[self._absent] = 0
        return correction

    def _bounded(self, weights: Any) -> Any:
        """Scale weights down to the heaviest one that is borne.

        Where steps stay the same, as those of a row that has hardly any weight do until its potential is found, their
        differences are rounding, which would have the potential leap beyond what numbers resolve.
        """
        heaviest = largest(abs(weights), -1)[:, None]
        if _all(heaviest[:, 0] <= _HEAVIEST):
            return weights
        return self._xp.where(heaviest > _HEAVIEST, weights * (_HEAVIEST / heaviest), weights)

    def _fall_back(self, now: _Last, last: _Last) -> Any:
        """Forget the history of rejected items and take their last safe step; others go on without extrapolation."""
        xp, where, rejected = self._xp, self._xp.where, ~(now.error <= _GROWTH * last.error)
        mask = rejected[..., None]
        if not self._rejected:
            self._boldness = xp.ones_like(self._root[:, :1])
            self._reach = self._boldness + float("inf")
        self._rejected = self._afresh = True
        self._boldness = where(mask, self._boldness / _SHORTER, self._boldness)
        if self._went is not None:
            length = xp.amax(abs(self._went), -1, keepdims=True)
            self._reach = where(mask & (length > 0), length / _SHORTER, self._reach)
            self._went = None
        if self._held:
            held = min(self._held, self.memory)
            turns = self._turns[:, :held]
            self._moves[rejected], turns[rejected] = 0, 0
            self._gram[:, :held, :held] = turns @ turns.mT
            self._norms[:, :held] = inner(turns, turns)
        plain = where(mask, last.safe, now.plain)
        safe, scaled = where(mask, last.safe, now.safe), where(mask, last.scaled, now.scaled)
        self._last = _Last(plain, safe, scaled, where(rejected, now.error + float("inf"), now.error))
        return plain


def _all(mask: Any) -> bool:
    return bool(mask[0]) if len(mask) == 1 else bool(mask.all())
