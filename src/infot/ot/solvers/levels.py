"""The nested soft minimum on the arrays of inner loops: posterior of the codes, and the coarse correction.

Arrays are numpy on the CPU and torch elsewhere (:func:`infot.numerics.namespace`); both take the calls used here.

With the noise held, a structured problem is a small assignment of K codes to the data at the cost ``A = -S``. Its
semi-dual in K shifts of whole codes is solved by Newton's method. Mass that has to go to another code far away would
otherwise seep there at the damped pace of the fixed point; with the shifts solved for, the fixed point only has to
settle within the codes.
"""

from dataclasses import dataclass
from typing import Any

import torch

from infot.numerics import namespace, to_loop
from infot.ot.structure import Nest

__all__ = ["Codes", "Levels"]

_TRACE = 1e-30
_RIDGE = 1e-4
_ARMIJO = 1e-4
_SHORTEST = 1e-4
_STEPS = 20
_CODES_LIMIT = 128


@dataclass(frozen=True)
class Codes:
    """Codes at given shifts.

    Args:
        shift: Added to the potential of every latent of a code, ``(B, K)``.
        g: Potential of the data, ``(B, m)``.
        posterior: ``p(c | x)``, ``(B, K, m)``.
        masses: Mass of each code, ``(B, K)``; the code's weight where balanced.
        value: Semi-dual value, up to what does not depend on the shift, ``(B,)``.
    """

    shift: Any
    g: Any
    posterior: Any
    masses: Any
    value: Any


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
        self._xp = namespace(self.b)
        self._conditionals = [to_loop(c) for c in nest.conditionals]
        self._log_weights = [to_loop(c.clamp_min(_TRACE).log().unsqueeze(-1)) for c in nest.conditionals]
        self._tiny = torch.finfo(b.dtype).tiny
        self._eps = torch.finfo(b.dtype).eps
        self._max_steps = _STEPS if 1 < nest.n_codes <= _CODES_LIMIT else 0

    def posterior(self, soft: Any) -> tuple[Any, Any]:
        """Return ``g`` and ``p(c | x)`` from the soft maximum over the noise, ``(B, K, m)``."""
        xp, batch, n_data = self._xp, soft.shape[0], soft.shape[-1]
        if not self.sizes:
            return -soft[:, 0], xp.ones_like(soft)
        level = soft.reshape(batch, *self.sizes, n_data)
        posterior: Any = 1.0
        for depth in range(len(self.sizes), 0, -1):
            epsilon = self.epsilons[depth - 1]
            exponents = level * (1 / epsilon) + self._log_weights[depth - 1]
            top = xp.amax(exponents, depth, keepdims=True)
            share = xp.exp(exponents - top)
            total = share.sum(depth, keepdims=True)
            share /= total
            posterior = share.reshape(*share.shape[:-1], *[1] * (len(self.sizes) - depth), n_data) * posterior
            level = (epsilon * (top + xp.log(total))).reshape(batch, *self.sizes[: depth - 1], n_data)
        return -level, posterior.reshape(batch, -1, n_data)

    def step(self, row_mass: Any) -> Any:
        """Return the step of the latent potential from the mass of each row, ``(B, n)``, which is one at the solution.

        The logarithm of a row's mass is the sum, over the blocks, of the rise of the log-mean given one block more;
        each rise is undone at its block's price: ``-epsilon log(mass / mean of its code) - epsilon_code log(mean)``.
        Within a code this is Sinkhorn's step, across codes the contraction of the nested logit. Where codes share data
        at a price far below the noise's it overshoots.
        """
        batch, price = row_mass.shape[0], self.epsilon
        mean = row_mass.reshape(batch, *self.sizes, -1)
        step = -price * self._log(mean)
        mean = (self.noise.reshape(mean.shape) * mean).sum(-1)
        for depth in range(len(self.sizes), 0, -1):
            rise, price = price - self.epsilons[depth - 1], self.epsilons[depth - 1]
            step += (rise * self._log(mean)).reshape(*mean.shape, *[1] * (step.ndim - mean.ndim))
            mean = (self._conditionals[depth - 1] * mean).sum(-1)
        return step.reshape(row_mass.shape)

    def _log(self, masses: Any) -> Any:
        return self._xp.log(masses + self._tiny)

    def balance(self, soft: Any, tolerance: Any) -> Codes:
        """Shift whole codes until the L1 error of their masses is below a tolerance for each item."""
        now = self._codes(soft, 0 * self.code_weights)
        for _ in range(self._max_steps):
            gradient = self.code_weights - now.masses
            if bool((abs(gradient).sum(-1) <= tolerance).all()):
                break
            now = self._search(soft, now, gradient)
        return now

    def _codes(self, soft: Any, shift: Any) -> Codes:
        g, posterior = self.posterior(soft + shift[..., None])
        masses = (posterior @ self.b[..., None])[..., 0]
        value = (self.code_weights * shift).sum(-1) + (self.b * g).sum(-1)
        return Codes(shift, g, posterior, masses, value)

    def _search(self, soft: Any, now: Codes, gradient: Any) -> Codes:
        """Take Newton's step, shortened item by item until the value rises; else the damped step."""
        direction = self._newton(now, gradient)
        slope = (gradient * direction).sum(-1)
        rounding = 8 * self._eps * (abs(now.value) + abs(soft[:, :, 0]).sum(-1))
        length = self._xp.ones_like(slope)
        while True:
            trial = self._codes(soft, now.shift + length[..., None] * direction)
            enough = trial.value >= now.value + _ARMIJO * length * slope - rounding
            if bool(enough.all()):
                return trial
            if float(length.min()) < _SHORTEST:
                break
            length = self._xp.where(enough, length, length / 4)
        damped = now.shift + self._damped(now)
        return self._codes(soft, self._xp.where(enough[..., None], trial.shift, damped))

    def _damped(self, now: Codes) -> Any:
        ratio = (now.masses + self._tiny) / (self.code_weights + self._tiny)
        return -self.damping * self._xp.log(ratio)

    def _newton(self, now: Codes, gradient: Any) -> Any:
        """Return Newton's step on the shifts, with a small ridge and without the constant direction."""
        xp = self._xp
        hessian = self._hessian(now)
        index = range(hessian.shape[-1])
        scale = (xp.amax(now.masses, -1) * (1 / self.epsilons[-1]))[:, None, None]
        hessian = hessian / scale + 1 / len(index)
        hessian[:, index, index] += _RIDGE
        try:
            step = xp.linalg.solve(hessian, (gradient / scale[..., 0])[..., None])[..., 0]
        except (xp.linalg.LinAlgError, RuntimeError):
            return self._damped(now)
        return xp.where(xp.isfinite(step).all(-1)[..., None], step, self._damped(now))

    def _hessian(self, now: Codes) -> Any:
        """Return minus the second derivative of the semi-dual in the shifts.

        The derivative of ``p(c | x)`` in the shift of ``c'`` is
        ``p(c | x) sum_k (1[same first k blocks] p(c' | first k) - 1[same k - 1] p(c' | first k - 1)) / epsilon_k``.
        """
        posterior, weighted = now.posterior, now.posterior * self.b[:, None]
        hessian = weighted @ (posterior.mT * (-1 / self.epsilons[0]))
        index = range(posterior.shape[1])
        hessian[:, index, index] += now.masses / self.epsilons[-1]
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
