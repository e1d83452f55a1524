"""Whether floating point holds the potentials of a plan to a fraction of a nat."""

import math
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from infot.ot.density import smoothing_of
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solution import Solution
from infot.ot.status import Status

__all__ = ["finest_price", "unresolved", "with_resolution"]

COARSEST = 0.5
"""Nats by which rounding may move the exponent of an entropic plan's density."""


def finest_price(cost: Float[Tensor, "*batch n m"]) -> float:
    """Return the smallest price of a nat at which rounding of these costs is worth no more than :data:`COARSEST` nats.

    Where a row couples at the cost ``C`` or more its potentials are as large, and the last digit of each of two
    differences is worth ``eps C / price`` nats. The largest such ``C`` counts, of rows and of columns. It is 0
    where one is not finite, which problems refuse by themselves.

    Example:
        >>> near, far = torch.tensor([[0.0, 9.0], [9.0, 0.0]]), torch.full((2, 2), 1000.0)
        >>> finest_price(near), finest_price(far) < 1e-3
        (0.0, True)
    """
    held = cost.detach()
    farthest = max(float(held.amin(side).abs().amax()) for side in (-1, -2))
    return 2 * torch.finfo(cost.dtype).eps * farthest / COARSEST if math.isfinite(farthest) else 0.0


def unresolved(
    f: Float[Tensor, "*batch n"], g: Float[Tensor, "*batch m"], price: float | Float[Tensor, "*batch"]
) -> Bool[Tensor, "*batch"]:
    """Say where rounding of potentials moves the exponents of their plan by more than :data:`COARSEST` nats.

    The last digit of their sum is worth ``eps max |f + g| / price`` nats.

    Args:
        f: Potential of the rows.
        g: Potential of the columns.
        price: The smallest price of a nat by which the plan is read off them.
    """
    size = f.abs().amax(-1) + g.abs().amax(-1)
    return size > COARSEST * price / torch.finfo(size.dtype).eps


def with_resolution(problem: OTProblem, solution: Solution) -> Solution:
    """Return the solution, its plans called unresolved where rounding alone moves their density beyond use.

    A solver near an anchor meets the marginals at any size of the costs; the plan is read off the potentials
    (:func:`unresolved`).

    Args:
        problem: The problem, with batch axes, its regulariser without a factor.
        solution: What the solver found.
    """
    smoothing = smoothing_of(problem.regulariser)
    if not isinstance(smoothing, Entropic):
        return solution
    coarse = unresolved(solution.f, solution.g, smoothing.epsilon)
    if not bool(coarse.any()):
        return solution
    statuses = tuple(
        Status.UNRESOLVED if status is Status.CONVERGED and lost else status
        for status, lost in zip(solution.statuses, coarse.tolist(), strict=True)
    )
    return replace(solution, statuses=statuses)
