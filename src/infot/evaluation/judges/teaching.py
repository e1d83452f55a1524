"""How judges are trained: Adam under a one-cycle learning rate."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["teach"]


def teach(network: nn.Module, losses: Iterable[Tensor], *, steps: int, learning_rate: float) -> None:
    """Take a step down each loss, and leave the network in the mode in which it reads, without gradients.

    The learning rate rises and falls once (Smith and Topin, arXiv 1708.07120).

    Args:
        network: What is trained, in place.
        losses: Yields the loss of each step, computed when it is asked for.
        steps: How many there are.
        learning_rate: The highest.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps)
    for loss in losses:
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
    network.requires_grad_(False).eval()
