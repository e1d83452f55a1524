"""Finds the step and the tensor at which a run leaves the finite numbers."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from infot.errors import NumericalError

__all__ = ["FiniteGuard"]

_SCALARS, _GRADIENTS = 0, 1


class FiniteGuard:
    """Watch the loss, the logged values and the gradients of every update.

    On the CPU each update is judged at once, before the optimiser touches a weight. On an accelerator that would make
    the host wait every step; there the first offence is noted in a small tensor on the device (which step, which
    player, which tensor) and read by :meth:`settle`, which the loop calls before anything is logged or saved.
    """

    def __init__(self, nets: nn.ModuleDict) -> None:
        self._names = {id(parameter): name for name, parameter in nets.named_parameters()}
        self._candidates: dict[int, tuple[str, str]] = {}
        self._first: Tensor | None = None

    def watch(
        self, step: int, player: str, info: Mapping[str, Tensor], parameters: list[nn.Parameter]
    ) -> None:
        """Judge one player's update, given after the backward pass and before the optimiser's step.

        Args:
            step: Number of the step, from 1.
            player: Whose update.
            info: 0-dimensional tensors, the loss under ``loss`` first.
            parameters: What the player's optimiser steps.

        Raises:
            NumericalError: On the CPU, if anything is not finite.
        """
        device = info["loss"].device
        trained = [p for p in parameters if p.grad is not None and p.numel()]
        sizes = [p.grad.abs().amax() for p in trained if p.grad is not None]
        scalars = [value.to(device, torch.float32, non_blocking=True) for value in info.values()]
        bad = ~torch.isfinite(torch.stack([*scalars, *(size.to(device, torch.float32) for size in sizes)]))
        names = [*info, *(f"the gradient of {self._names.get(id(p), '?')}" for p in trained)]
        if device.type == "cpu":
            if bool(bad.any()):
                raise _error(step, player, names[int(bad.to(torch.uint8).argmax())])
            return
        self._note(step, player, names, bad)

    def _note(self, step: int, player: str, names: list[str], bad: Tensor) -> None:
        start = next((at for at, (who, _) in self._candidates.items() if who == player), None)
        if start is None:
            start = len(self._candidates)
            self._candidates |= {start + at: (player, name) for at, name in enumerate(names)}
        seen = torch.where(bad.any(), bad.to(torch.uint8).argmax() + start, -1)
        now = torch.stack([torch.full_like(seen, step), seen])
        self._first = now if self._first is None else torch.where(self._first[1] >= 0, self._first, now)

    def settle(self) -> None:
        """Read what was noted on the device.

        Raises:
            NumericalError: If any update since the start was not finite.
        """
        if self._first is None:
            return
        step, at = self._first.tolist()
        if at >= 0:
            raise _error(step, *self._candidates[at])


def _error(step: int, player: str, tensor: str) -> NumericalError:
    return NumericalError(f"step {step}: {tensor} is not finite (player {player})")
