"""The nested soft minimum in the kernel domain: products with a matrix instead of log-sum-exps.

Potentials are absorbed into the kernel: around an anchor ``f_0`` the kernel is ``exp((f_0 - C - S_0) / epsilon)`` with
``S_0(c, x)`` the largest ``f_0 - C`` over the noise, computed once in the log domain. Its entries neither overflow nor
all underflow, and an evaluation near the anchor costs two passes over the matrix. Shifts of whole codes leave it as is.
After Schmitzer, "Stabilized sparse scaling algorithms for entropy regularized transport problems", arXiv 1610.06519.

Arrays are those of inner loops (:func:`infot.numerics.to_loop`).
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import exp_flushed, from_loop, largest_exponent, namespace, to_loop
from infot.ot.solvers.levels import Codes, Levels
from infot.ot.structure import Nest

__all__ = ["Evaluation", "NestedKernel"]


@dataclass(frozen=True)
class Evaluation:
    """The semi-dual at a latent potential, on the arrays of inner loops.

    Args:
        f: The potential, ``(B, n)``, with every code shifted so that it carries its weight.
        g: Potential of the data, ``(B, m)``, by the nested soft minimum.
        soft: Soft maximum over the noise, ``S = -A``, ``(B, K, m)``.
        row_mass: Mass of each row of the density under ``b``, ``(B, n)``; one where the plan meets ``a``.
        factors: Row factor ``(B, K, m)``, kernel and column factor ``(B, K, M)``; their product is ``b`` times the
            density.
    """

    f: Any
    g: Any
    soft: Any
    row_mass: Any
    factors: tuple[Any, Any, Any]


class NestedKernel:
    """Evaluate the nested soft minimum of a problem near an anchor.

    Args:
        cost: Costs.
        b: Weights of the data.
        nest: Weights of the latents and temperatures.
    """

    def __init__(self, cost: Float[Tensor, "B n m"], b: Float[Tensor, "B m"], nest: Nest) -> None:
        self.levels = Levels(nest, b)
        self._cost = cost.reshape(cost.shape[0], nest.n_codes, -1, cost.shape[-1])
        self._absent = None if bool((nest.noise > 0).all()) else (nest.noise <= 0).unsqueeze(-1)
        self._limit = largest_exponent(cost.dtype) * nest.epsilon
        self.tiny = torch.finfo(cost.dtype).tiny

    def start(self) -> Any:
        """Return the hard c-transform of nothing, ``min_x C``: every row has a partner at slack zero."""
        return to_loop(self._cost.amin(-1).flatten(1))

    def anchor(self, f: Any) -> None:
        """Absorb a potential into the kernel, in the log domain."""
        self._anchor = f.reshape(self._cost.shape[:3])
        scaled = from_loop(self._anchor).unsqueeze(-1) * (1 / self.levels.epsilon)
        score = torch.sub(scaled, self._cost, alpha=1 / self.levels.epsilon)
        held = score if self._absent is None else score.masked_fill(self._absent, -torch.inf)
        soft = held.amax(2)
        exponents = score.sub_(soft.unsqueeze(2))
        if self._absent is not None:
            exponents.clamp_(max=largest_exponent(score.dtype))
        self._kernel = to_loop(exp_flushed(exponents))
        self._soft = to_loop(soft * self.levels.epsilon)

    def drifted(self, f: Any) -> bool:
        """Say whether a potential is too far from the anchor to be evaluated in the kernel domain."""
        return float(abs(f.reshape(self._anchor.shape) - self._anchor).max()) > self._limit

    def evaluate(self, f: Any, code_tolerance: Any) -> Evaluation:
        """Evaluate the semi-dual at a potential near the anchor, after balancing the codes.

        Args:
            f: Potential of the latents.
            code_tolerance: L1 error of the codes' masses, for each item, to which whole codes are shifted first.
        """
        levels, xp = self.levels, namespace(f)
        scaling = xp.exp((f.reshape(self._anchor.shape) - self._anchor) * (1 / levels.epsilon))
        totals = ((levels.noise * scaling)[..., None, :] @ self._kernel)[..., 0, :]
        totals += self.tiny
        soft = self._soft + levels.epsilon * xp.log(totals)
        codes = levels.balance(soft, code_tolerance)
        f, soft = self._shift(f, soft, codes)
        loads = codes.posterior * levels.b[:, None]
        loads /= totals * (levels.code_weights[..., None] + self.tiny)
        masses = scaling * (self._kernel @ loads[..., None])[..., 0]
        return Evaluation(f, codes.g, soft, masses.reshape(f.shape), (scaling, self._kernel, loads))

    def _shift(self, f: Any, soft: Any, codes: Codes) -> tuple[Any, Any]:
        """Shift potential, soft maximum and anchor of whole codes; the kernel stays."""
        shift = codes.shift[..., None]
        self._anchor = self._anchor + shift
        self._soft = self._soft + shift
        return (f.reshape(self._anchor.shape) + shift).reshape(f.shape), soft + shift
