"""The row masses of a nested problem whose columns have a price, by products with a matrix.

With ``G`` the nested soft minimum and ``s = rho_b / (rho_b + epsilon_1)`` the potential of the data is ``s G``, and the
density of :mod:`infot.ot.solvers.nested_kernel` is multiplied by the column's mass, ``exp((s - 1) G / epsilon_1)``.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import largest, namespace, to_loop
from infot.ot.solvers.nested_kernel import NestedKernel
from infot.ot.structure import Nest

__all__ = ["PricedNest"]


class PricedNest:
    """Evaluate the row masses of a problem at prices of its marginals.

    Args:
        cost: Costs.
        b: Weights of the data, of any sum.
        nest: Weights of the latents, of any sum, and temperatures.
        share: ``s``, ``(#B, 1)``; one where the columns are kept.
        buffer: Memory for the kernel, which is overwritten.
    """

    def __init__(
        self,
        cost: Float[Tensor, "B n m"],
        b: Float[Tensor, "B m"],
        nest: Nest,
        *,
        share: Float[Tensor, "#B 1"],
        buffer: Float[Tensor, "B n m"],
    ) -> None:
        # codes are not balanced here, so no tolerance is asked for
        self._kernel = NestedKernel(cost, b, nest, tolerance=1.0, buffer=buffer)
        self._anchored = False
        self._rate = to_loop((share - 1) / nest.damping)
        self._absent = to_loop(b <= 0) if bool((b <= 0).any()) else None
        self._tiny = torch.finfo(b.dtype).tiny
        self._xp = namespace(self._rate)

    def at(self, f: Any) -> tuple[Any, Any]:
        """Return the logarithm of each row's mass under ``b``, ``(B, n)``, and ``G``, ``(B, M)``.

        Args:
            f: Potential of the latents, an array of inner loops.
        """
        xp, kernel, levels = self._xp, self._kernel, self._kernel.levels
        if not self._anchored:
            kernel.anchor(f)
            self._anchored = True
        scaling, totals, soft = kernel.soften(f)
        kept, posterior = levels.posterior(soft)
        exponents = self._rate * kept
        if self._absent is not None:
            exponents = xp.where(self._absent, -float("inf"), exponents)
        top = largest(exponents, -1)[:, None]
        loads = posterior * levels.b_over_codes
        loads /= totals
        loads *= xp.exp(exponents - top)[:, None]
        masses = kernel.masses(scaling, loads)
        masses += self._tiny
        return xp.log(masses) + top, kept
