"""The nested soft minimum in the kernel domain: products with a matrix instead of log-sum-exps.

Potentials are absorbed into the kernel: around an anchor ``f_0`` the kernel is the density of the noise given code and
datum, ``exp((f_0 - C - S_0) / epsilon)`` with ``S_0`` its soft maximum over the noise, computed once in the log domain.
Its entries neither overflow nor all underflow, and an evaluation near the anchor costs two passes over the matrix.
After Schmitzer, "Stabilized sparse scaling algorithms for entropy regularized transport problems", arXiv 1610.06519.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import exp_flushed, largest_exponent, safe_log, stacked_columns, stacked_rows
from infot.ot.structure import Nest

__all__ = ["Evaluation", "NestedKernel"]


@dataclass(frozen=True)
class Evaluation:
    """The semi-dual at a latent potential.

    Args:
        g: Potential of the data, by the nested soft minimum.
        soft: Soft maximum over the noise, ``S = -A``.
        log_code_density: Log-density of (code, datum).
        row_mass: Mass of each row of the density under ``b``; one where the plan meets ``a``.
    """

    g: Float[Tensor, "B m"]
    soft: Float[Tensor, "B K m"]
    log_code_density: Float[Tensor, "B K m"]
    row_mass: Float[Tensor, "B n"]


class NestedKernel:
    """Evaluate the nested soft minimum of a problem near an anchor.

    Args:
        cost: Costs.
        b: Weights of the data.
        nest: Weights of the latents and temperatures.
    """

    def __init__(self, cost: Float[Tensor, "B n m"], b: Float[Tensor, "B m"], nest: Nest) -> None:
        self.nest = nest
        self._cost = cost.reshape(cost.shape[0], nest.n_codes, -1, cost.shape[-1])
        self._b = b.unsqueeze(1)
        self._limit = largest_exponent(cost.dtype) * nest.epsilon

    def start(self) -> Float[Tensor, "B n"]:
        """Return the c-transform of nothing, ``-epsilon log E_b exp(-C / epsilon)``: every row has a partner."""
        exponents = self._b.log().unsqueeze(2) - self._cost / self.nest.epsilon
        return (-self.nest.epsilon * torch.logsumexp(exponents, dim=-1)).flatten(1)

    def anchor(self, f: Float[Tensor, "B n"]) -> None:
        """Absorb a potential into the kernel, in the log domain."""
        self._anchor = f.reshape(self._cost.shape[:3])
        score = self._anchor.unsqueeze(-1) - self._cost
        self._soft = self.nest.inner(score.flatten(1, 2))
        exponents = score.sub_(self._soft.unsqueeze(2)).div_(self.nest.epsilon)
        self._kernel = exp_flushed(exponents.clamp_(max=2 * largest_exponent(score.dtype)))

    def drifted(self, f: Float[Tensor, "B n"]) -> bool:
        """Say whether a potential is too far from the anchor to be evaluated in the kernel domain."""
        return bool((f - self._anchor.flatten(1)).abs().amax() > self._limit)

    def evaluate(self, f: Float[Tensor, "B n"]) -> Evaluation:
        """Evaluate the semi-dual at a potential near the anchor."""
        nest = self.nest
        scaling = ((f.reshape(self._anchor.shape) - self._anchor) / nest.epsilon).exp_()
        totals = stacked_rows(nest.noise * scaling, self._kernel)
        soft = self._soft + nest.epsilon * safe_log(totals)
        g, log_density = nest.outer(soft)
        loads = self._b * log_density.exp() / totals.clamp_min(torch.finfo(totals.dtype).tiny)
        masses = scaling * stacked_columns(self._kernel, loads)
        return Evaluation(g, soft, log_density, masses.flatten(1))
