"""Anderson acceleration of a fixed-point iteration, item by item of a batch, with a fall-back to the plain step."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["Anderson"]

_GROWTH = 2.0
_RIDGE = 1e-10


class Anderson:
    """Extrapolate from the last few steps of ``x <- x + step(x)``.

    The next point combines the last points so that their steps cancel as well as possible in weighted least squares
    (Anderson 1965; Walker and Ni, SIAM J. Numer. Anal. 49(4), 2011, "type II"). A point whose error is more than twice
    the last accepted one is thrown away and the plain step is taken instead.

    Args:
        memory: How many differences are kept; 0 turns acceleration off.
        weights: Weights of the least squares.
    """

    def __init__(self, memory: int, weights: Float[Tensor, "B n"]) -> None:
        batch, n = weights.shape
        self.memory = memory
        self._root = weights.sqrt()
        self._dx = weights.new_zeros(batch, memory, n)
        self._dr = weights.new_zeros(batch, memory, n)
        self._position = 0
        self._last: tuple[Tensor, Tensor, Tensor] | None = None
        self._eye = torch.eye(memory, dtype=torch.float64, device=weights.device)

    def next(
        self, x: Float[Tensor, "B n"], step: Float[Tensor, "B n"], error: Float[Tensor, " B"]
    ) -> Float[Tensor, "B n"]:
        """Return the next point after evaluating ``step`` and ``error`` at ``x``."""
        plain = x + step
        if self.memory == 0:
            return plain
        if self._last is None:
            self._last = (x, step, error)
            return plain
        last_x, last_step, last_error = self._last
        rejected = ~(error <= _GROWTH * last_error)
        if bool(rejected.any()):
            return self._fall_back(x, step, error, rejected)
        slot = self._position % self.memory
        self._dx[:, slot], self._dr[:, slot] = x - last_x, (step - last_step) * self._root
        self._position += 1
        self._last = (x, step, error)
        return plain - self._correction(step)

    def _correction(self, step: Tensor) -> Tensor:
        gram = (self._dr @ self._dr.mT).double()
        target = (self._dr @ (step * self._root).unsqueeze(-1)).double()
        scale = gram.diagonal(dim1=-2, dim2=-1).amax(-1).clamp_min(torch.finfo(torch.float64).tiny)
        weights = torch.linalg.solve(
            gram / scale[:, None, None] + _RIDGE * self._eye, target / scale[:, None, None]
        )
        weights = weights.to(step.dtype).mT
        unweighted = self._dx + self._dr / self._root.clamp_min(torch.finfo(step.dtype).tiny).unsqueeze(1)
        return (weights @ unweighted).squeeze(1)

    def _fall_back(self, x: Tensor, step: Tensor, error: Tensor, rejected: Bool[Tensor, " B"]) -> Tensor:
        """Forget the history of the rejected items and take their last plain step; others take their plain step."""
        assert self._last is not None
        last_x, last_step, _ = self._last
        self._dx[rejected], self._dr[rejected] = 0, 0
        mask = rejected.unsqueeze(-1)
        held = torch.where(rejected, torch.inf, error)
        self._last = (torch.where(mask, last_x, x), torch.where(mask, last_step, step), held)
        return torch.where(mask, last_x + last_step, x + step)
