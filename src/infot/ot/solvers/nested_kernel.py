"""The kernel of structured problems: a nested soft minimum by products with a matrix, and balanced codes.

The kernel is that of :mod:`infot.ot.solvers.kernel` with the column's largest exponent taken code by code, so shifts of
whole codes leave it as it is.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import exp_flushed, from_loop, largest, largest_exponent, namespace, to_loop
from infot.ot.solvers.anderson import extrapolation_settings
from infot.ot.solvers.compiled.seam import compiled_for
from infot.ot.solvers.drive import FAR_START
from infot.ot.solvers.kernel import Evaluation, Kernel, Leg, Stage
from infot.ot.solvers.levels import SEEN, Levels
from infot.ot.status import Status
from infot.ot.structure import Nest

__all__ = ["NestedKernel"]

_CODE_SHARE = 0.25
_OPENING = (1.0, 0.5)  # how far the prices of codes go towards that of the noise, step by step


class NestedKernel(Kernel):
    """Evaluate the nested soft minimum of a problem near an anchor.

    Args:
        cost: Costs.
        b: Weights of the data.
        nest: Weights of the latents and temperatures.
        tolerance: L1 marginal error that is wanted in the end; codes are not balanced better than a share of it.
        buffer: Memory for the kernel, which is overwritten.
    """

    openings = len(_OPENING)

    def __init__(
        self,
        cost: Float[Tensor, "B n m"],
        b: Float[Tensor, "B m"],
        nest: Nest,
        *,
        tolerance: float,
        buffer: Float[Tensor, "B n m"],
    ) -> None:
        self.levels = Levels(nest, b)
        self.b = self.levels.b
        shape = (cost.shape[0], nest.n_codes, -1, cost.shape[-1])
        self._cost, self._buffer = cost.reshape(shape), buffer.view(shape)
        self._absent = (nest.noise <= 0).unsqueeze(-1) if self.levels.noise.min() <= 0 else None
        self._largest = largest_exponent(cost.dtype)
        self._xp = namespace(self.levels.noise)
        # arrays without axes take half the time of Python's numbers beside small arrays
        self._tolerance, self._most, self._tiny, self._price, self._rate = (
            self._xp.asarray(number, dtype=self.b.dtype)
            for number in (
                tolerance,
                _CODE_SHARE,
                torch.finfo(cost.dtype).tiny,
                nest.epsilon,
                1 / nest.epsilon,
            )
        )

    def anchor(self, f: Any) -> Any:
        """Absorb a potential; see :meth:`Kernel.anchor`."""
        price, shape = self.levels.epsilon, self._cost.shape[:3]
        potential = self._cost.amin(-1) if f is None else from_loop(f.reshape(shape))
        score = torch.sub(
            (potential * (1 / price)).unsqueeze(-1), self._cost, alpha=1 / price, out=self._buffer
        )
        held = score if self._absent is None else score.masked_fill(self._absent, -torch.inf)
        soft = held.amax(2)
        exponents = score.sub_(soft.unsqueeze(2))
        if self._absent is not None:
            exponents.clamp_(max=self._largest)
        self.matrix = to_loop(exp_flushed(exponents))
        self._soft = to_loop(soft * price)
        self._anchor = to_loop(potential)
        return self._anchor.reshape(len(self._anchor), -1)

    def evaluate(self, f: Any, error: Any) -> Evaluation:
        """Evaluate the semi-dual at a potential near the anchor, after balancing the codes."""
        levels, xp = self.levels, self._xp
        scaling, totals, soft = self.soften(f)
        enough = xp.minimum(_CODE_SHARE * xp.maximum(error, self._tolerance), self._most)
        codes = levels.balance(soft, enough)
        if codes.shift is not None:
            f, soft = self._shift(f, soft, codes.shift)
        loads = codes.posterior * levels.b_over_codes
        loads /= totals
        masses = self.masses(scaling, loads)
        return Evaluation(f, codes.g, masses, (scaling, loads), soft, codes.posterior, codes.masses)

    def soften(self, f: Any) -> tuple[Any, Any, Any]:
        """Return the soft maximum of ``f - C`` over the noise, at a potential that becomes the anchor if far from it.

        Returns:
            The row factor, ``(B, K, m)``, the products of the kernel with it, ``(B, K, M)``, and their soft maximum.
        """
        xp = self._xp
        shift = self._from_anchor(f)
        if abs(shift).max() > self._largest:
            shift = self._nearer(f, shift)
        scaling = xp.exp(shift)
        totals = xp.matmul((self.levels.noise * scaling)[..., None, :], self.matrix)[..., 0, :]
        totals += self._tiny
        soft = xp.log(totals)
        soft *= self._price
        soft += self._soft
        return scaling, totals, soft

    def _from_anchor(self, f: Any) -> Any:
        """Return how far a potential is from the anchor, in units of the price."""
        shift = f.reshape(self._anchor.shape) - self._anchor
        shift *= self._rate
        return shift

    def masses(self, scaling: Any, loads: Any) -> Any:
        """Return the row masses, ``(B, n)``, between a row factor and a column factor, ``(B, K, M)``."""
        masses = self._xp.matmul(self.matrix, loads[..., None])[..., 0]
        masses *= scaling
        return masses.reshape(len(masses), -1)

    def _nearer(self, f: Any, shift: Any) -> Any:
        """Bring the anchor near a potential, and return what is left between them, in units of the price.

        Where whole codes have drifted the kernel stays as it is.
        """
        drift = largest(shift, -1) - largest(-shift, -1)
        shift = shift - 0.5 * drift[..., None]
        if abs(shift).max() <= self._largest:
            self._translate(0.5 * self.levels.epsilon * drift)
            return shift
        self.anchor(f)
        return 0 * shift

    def _translate(self, shift: Any) -> None:
        """Move the anchor of whole codes, ``(B, K)``; the kernel does not depend on it."""
        self._anchor = self._anchor + shift[..., None]
        self._soft = self._soft + shift[..., None]

    def opening(self, f: Any, error: Any) -> Any:
        """Return where steps at softer prices of the codes lead; the kernel does not depend on these prices.

        At their own prices codes that share all data are told apart by differences that mean nothing yet.
        """
        own = self.levels
        for share in _OPENING:
            self.levels = own.softened(share)
            now = self.evaluate(f, error)
            safe, bold = self.steps(now)
            f = now.f + (safe if bold is None else bold)
        self.levels = own
        return f

    def _shift(self, f: Any, soft: Any, shift: Any) -> tuple[Any, Any]:
        """Shift potential, soft maximum and anchor of whole codes."""
        self._translate(shift)
        shifted = f.reshape(self._anchor.shape) + shift[..., None]
        return shifted.reshape(f.shape), soft + shift[..., None]

    def steps(self, now: Evaluation) -> tuple[Any, Any]:
        """Return the step at the smallest price, a contraction (Berry 1994), and one at each code's own price."""
        return self.levels.steps(now)

    def iterated(self, leg: Leg) -> Stage | None:
        """Return where an extrapolated iteration ends, if there is a compiled loop for it."""
        module = compiled_for(self.b, "nested") if len(self.levels.sizes) == 1 else None
        if module is None:
            return None
        levels, array = self.levels, np.ascontiguousarray
        number, shape = self.b.dtype.type, levels.noise.shape[1:]
        a, noise, f = (array(x[0]).reshape(shape) for x in (leg.a, levels.noise, leg.f))
        of_codes = levels.code_weights[0], levels.log_weights[0][0, :, 0], self.b[0], levels.b_over_codes[0]
        codes = tuple(map(array, of_codes))
        path = [levels.softened_prices(share)[0] for share in (*_OPENING, 0.0)]
        prices = np.array([(price, min(price, levels.epsilon)) for price in path], a.dtype)
        bounds = self._tolerance, _CODE_SHARE, self._largest, self._tiny, FAR_START
        numbers = tuple(map(number, (levels.epsilon, SEEN, *bounds)))
        balancing = tuple(map(number, levels.balancing))
        settings = prices, numbers, balancing
        history = module.empty_history(leg.memory, a.ravel(), extrapolation_settings(np.finfo(a.dtype)))
        watch, drift = module.fresh_watch(), np.zeros_like(codes[0])
        progress = np.array([leg.used, -1 if leg.cold else len(_OPENING), 1.0])
        while True:
            absorbed = self._anchor[0], self._soft[0], drift
            end, f, now = module.iterate(
                self.matrix[0], (a, noise), codes, f, absorbed, settings, history, watch, progress, leg.limits
            )
            if end != module.FAR:
                break
            self._translate(drift[None])
            drift = 0 * drift
            self._reanchor(f)
        _, f, g, mass, scaling, loads, soft, posterior, masses, error, *_ = now
        of_codes, factors = (soft[None], posterior[None], masses[None]), (scaling[None], loads[None])
        last = Evaluation(f.reshape(1, -1), g[None], mass.reshape(1, -1), factors, *of_codes)
        otherwise = Status.STALLED if end == module.STALLED else Status.MAX_STEPS
        return Stage(last, self, np.array([error]), np.array([int(progress[0])]), otherwise)

    def _reanchor(self, f: Any) -> None:
        """Bring the anchor so near that no rounding keeps a potential out of reach."""
        self._nearer(f, self._from_anchor(f))
        if abs(self._from_anchor(f)).max() > 0.99 * self._largest:
            self.anchor(f)
