"""The nested soft minimum on the arrays of inner loops: posterior of the codes, and the coarse correction.

Arrays are numpy on the CPU and torch elsewhere (:func:`infot.numerics.namespace`); both take the calls used here.

With the noise held, a structured problem is a small assignment of K codes to the data at the cost ``A = -S``. Its
semi-dual in K shifts of whole codes is solved by Newton's method. Mass that has to go to another code far away would
otherwise seep there at the damped pace of the fixed point; with the shifts solved for, the fixed point only has to
settle within the codes.
"""

from copy import copy
from functools import cached_property
from typing import Any, NamedTuple

import torch

from infot.numerics import inner, largest, namespace, solve_small, to_loop
from infot.ot.solvers.kernel import Evaluation
from infot.ot.structure import Nest

__all__ = ["SEEN", "Codes", "Levels"]

_TRACE = 1e-30
_RIDGE = 1e-4
_ARMIJO = 1e-4
_SHORTEST = 1e-4
_STEPS = 32
_CODES_LIMIT = 128
_CAUTION = 0.25
SEEN = 0.7  # what the data see of a change of potential within a code, which smoothing damps


class Codes(NamedTuple):
    """Codes at given shifts.

    Args:
        shift: Added to the potential of every latent of a code, ``(B, K)``; None for nothing.
        g: Potential of the data, ``(B, m)``.
        posterior: ``p(c | x)``, ``(B, K, m)``.
        masses: Mass of each code, ``(B, K)``; the code's weight where balanced.
    """

    shift: Any
    g: Any
    posterior: Any
    masses: Any


class Levels:
    """Weights and temperatures of a nest, as arrays of inner loops.

    Args:
        nest: Weights and temperatures.
        b: Weights of the data, as a tensor.
    """

    def __init__(self, nest: Nest, b: torch.Tensor) -> None:
        self.sizes, self.epsilons, self.epsilon = nest.sizes, nest.epsilons, nest.epsilon
        self.damping = nest.damping
        self.noise = to_loop(nest.noise)
        # a code without weight keeps a trace of it, so that its potential still extends to it
        self.code_weights = to_loop(nest.code_weights.clamp_min(_TRACE))
        self.b = to_loop(b)
        self.b_over_codes = self.b[:, None] / self.code_weights[..., None]
        self._xp = namespace(self.b)
        self.log_weights = [to_loop(c.clamp_min(_TRACE).log().unsqueeze(-1)) for c in nest.conditionals]
        self._tiny = torch.finfo(b.dtype).tiny
        self._eps = torch.finfo(b.dtype).eps
        self._max_steps = _STEPS if 1 < nest.n_codes <= _CODES_LIMIT else 0
        # what a compiled balance goes by
        self.balancing = self._max_steps, _CAUTION, _ARMIJO, _SHORTEST, _RIDGE, self._eps, self._tiny

    @cached_property
    def _eye(self) -> Any:
        """The identity over codes."""
        weights = self.code_weights
        return self._xp.eye(weights.shape[-1], dtype=weights.dtype, device=weights.device)

    @cached_property
    def _ridge(self) -> Any:
        """What Newton's system has added: a small ridge, and weight on the constant direction."""
        return _RIDGE * self._eye + 1 / self.code_weights.shape[-1]

    def softened(self, share: float) -> "Levels":
        """Return the levels at code prices that go a share of the way to that of the noise, in logarithms."""
        softer = copy(self)
        softer.epsilons = self.softened_prices(share)
        softer.damping = min((*softer.epsilons, self.epsilon))
        return softer

    def softened_prices(self, share: float) -> tuple[float, ...]:
        """Return the prices of these levels."""
        return tuple(price ** (1 - share) * self.epsilon**share for price in self.epsilons)

    def posterior(self, soft: Any) -> tuple[Any, Any]:
        """Return ``g`` and ``p(c | x)`` from the soft maximum over the noise, ``(B, K, m)``."""
        xp, batch, n_data = self._xp, soft.shape[0], soft.shape[-1]
        if not self.sizes:
            return -soft[:, 0], xp.ones_like(soft)
        if len(self.sizes) == 1:
            posterior, top = self._shares(soft, 1)
            return -top, posterior
        level = soft.reshape(batch, *self.sizes, n_data)
        posterior: Any = 1.0
        for depth in range(len(self.sizes), 0, -1):
            share, level = self._shares(level, depth)
            posterior = share.reshape(*share.shape[:-1], *[1] * (len(self.sizes) - depth), n_data) * posterior
        return -level, posterior.reshape(batch, -1, n_data)

    def _shares(self, level: Any, depth: int) -> tuple[Any, Any]:
        """Return the shares of the values of a block, and their soft maximum."""
        xp, epsilon, kept = self._xp, self.epsilons[depth - 1], (*[slice(None)] * depth, None)
        share = level * (1 / epsilon)
        share += self.log_weights[depth - 1]
        top = largest(share, depth)
        share -= top[kept]
        share = xp.exp(share)
        total = share.sum(depth)
        share /= total[kept]
        top += xp.log(total)
        top *= epsilon
        return share, top

    def steps(self, now: Evaluation) -> tuple[Any, Any]:
        """Return two steps of the latent potential: the safe one, and within each code one at the code's own price.

        The safe step, ``-epsilon_1 log(row mass)``, holds at any plan. Where a code shares its data with no other, the
        curvature of the semi-dual within it is that of plain smoothing, at the price of the noise; where data are
        shared, the competition of the codes adds to it at the price of the code, in proportion to what the others hold
        of the code's data.
        """
        logs = self._log(now.row_mass)
        safe = -self.damping * logs
        if self.damping == self.epsilon:
            return safe, None
        held, steepest = now.code_mass, SEEN * (1 / self.damping - 1 / self.epsilon)
        own = ((now.posterior * now.posterior) @ self.b[..., None])[..., 0]
        own /= held + self._tiny
        # the curvature: that of plain smoothing, and what rivals add
        own *= -steepest
        own += 1 / self.epsilon + steepest
        longer = 1 / own
        longer -= self.damping
        of_codes = self._log(held / self.code_weights)
        bold = of_codes[..., None] - logs.reshape(self.noise.shape)
        bold *= longer[..., None]
        bold = bold.reshape(safe.shape)
        bold += safe
        return safe, bold

    def _log(self, masses: Any) -> Any:
        return self._xp.log(masses + self._tiny)

    def balance(self, soft: Any, tolerance: Any) -> Codes:
        """Shift whole codes until the L1 error of their masses is below a tolerance for each item."""
        now, caution = self._codes(soft, None), _CAUTION
        for _ in range(self._max_steps):
            error = self._error(now)
            if bool((error <= tolerance).all()):
                break
            least = self._xp.maximum(tolerance, 0.5 * error)
            now, shortened = self._newton_step(soft, now, least, caution)
            caution *= 4.0 if shortened else 0.25
        return now

    def _error(self, codes: Codes) -> Any:
        """Return the L1 error of the codes' masses, ``(B,)``."""
        return abs(self.code_weights - codes.masses).sum(-1)

    def _codes(self, soft: Any, shift: Any) -> Codes:
        g, posterior = self.posterior(soft if shift is None else soft + shift[..., None])
        return Codes(shift, g, posterior, (posterior @ self.b[..., None])[..., 0])

    def _value(self, codes: Codes) -> Any:
        """Return the semi-dual value, up to what does not depend on the shift, ``(B,)``."""
        return inner(self.code_weights, codes.shift) + inner(self.b, codes.g)

    def _newton_step(self, soft: Any, now: Codes, least: Any, caution: float) -> tuple[Codes, bool]:
        """Take Newton's step as far as it brings the error below ``least`` or raises the value.

        Returns:
            The codes there, and whether the length tried first had to be shortened.
        """
        if now.shift is None:
            now = now._replace(shift=0 * self.code_weights)
        direction = self._newton(now, self.code_weights - now.masses)
        length = self._first_length(direction, caution)
        trial = self._codes(soft, now.shift + length[..., None] * direction)
        if bool((self._error(trial) <= least).all()):
            return trial, False
        return self._search(soft, now, length[..., None] * direction, trial)

    def _first_length(self, direction: Any, caution: float) -> Any:
        """Return the share of Newton's step to try first, ``(B,)``: ``log(1 + caution s) / (caution s)``.

        In units of the price, a step of range ``s`` multiplies the curvature by up to ``exp(s)``, so that at caution 1
        this share raises the value, where the whole step may not (Bach, EJS 4, 2010). Where codes hardly share data
        Newton's step is a thousand prices too long, and shortening it until it is not costs more than the step.
        """
        reach = largest(direction, -1) + largest(-direction, -1)
        reach *= caution / self.epsilons[0]
        return self._xp.log1p(reach) / (reach + self._tiny)

    def _search(self, soft: Any, now: Codes, step: Any, trial: Codes) -> tuple[Codes, bool]:
        """Shorten a step item by item until the value rises; else take the damped step."""
        value, slope = self._value(now), ((self.code_weights - now.masses) * step).sum(-1)
        rounding = 8 * self._eps * (abs(value) + abs(soft[:, :, 0]).sum(-1))
        length = self._xp.ones_like(slope)
        while True:
            enough = self._value(trial) >= value + _ARMIJO * length * slope - rounding
            if bool(enough.all()):
                return trial, float(length.min()) < 1
            if float(length.min()) < _SHORTEST:
                break
            length = self._xp.where(enough, length, length / 4)
            trial = self._codes(soft, now.shift + length[..., None] * step)
        damped = now.shift + self._damped(now)
        return self._codes(soft, self._xp.where(enough[..., None], trial.shift, damped)), True

    def _damped(self, now: Codes) -> Any:
        ratio = (now.masses + self._tiny) / (self.code_weights + self._tiny)
        return -self.damping * self._xp.log(ratio)

    def _newton(self, now: Codes, gradient: Any) -> Any:
        """Return Newton's step on the shifts, with a small ridge and without the constant direction."""
        xp = self._xp
        hessian = self._hessian(now)
        scale = (largest(now.masses, -1) * (1 / self.epsilons[-1]))[:, None, None]
        hessian /= scale
        hessian += self._ridge
        step = solve_small(hessian, gradient / scale[..., 0])
        if bool(xp.isfinite(step).all()):
            return step
        return xp.where(xp.isfinite(step).all(-1)[..., None], step, self._damped(now))

    def _hessian(self, now: Codes) -> Any:
        """Return minus the second derivative of the semi-dual in the shifts.

        The derivative of ``p(c | x)`` in the shift of ``c'`` is
        ``p(c | x) sum_k (1[same first k blocks] p(c' | first k) - 1[same k - 1] p(c' | first k - 1)) / epsilon_k``.
        """
        posterior, weighted = now.posterior, now.posterior * self.b[:, None]
        hessian = weighted @ posterior.mT
        hessian *= -1 / self.epsilons[0]
        hessian += (now.masses * (1 / self.epsilons[-1]))[..., None] * self._eye
        for level in range(1, len(self.sizes)):
            fall = 1 / self.epsilons[level] - 1 / self.epsilons[level - 1]
            shape = (posterior.shape[0], *self.sizes[:level], -1, posterior.shape[-1])
            grouped = posterior.reshape(shape)
            within = grouped / (grouped.sum(-2, keepdims=True) + self._tiny)
            blocks = weighted.reshape(shape) @ within.mT
            size = blocks.shape[-1]
            for position, block in enumerate(
                blocks.reshape(posterior.shape[0], -1, size, size).swapaxes(0, 1)
            ):
                rows = slice(position * size, (position + 1) * size)
                hessian[:, rows, rows] -= fall * block
        return hessian
