"""How much of the data is not yet explained at each sharpness, and where that bids a ground cost to look."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot.errors import ConfigError

__all__ = ["Unexplained"]


class Unexplained(nn.Module):
    r"""Weights of the levels of a pyramid, coarse to fine: look as sharply as what is coarser has been explained.

    Each channel by itself: where one shows a thing that is not told yet, it stays coarse however sharp the others are.

    .. math:: w_l = u_l \prod_{k < l} (1 - u_k), \qquad w_L = \prod_{k < L} (1 - u_k)

    with :math:`u_l` the share of the data that is not explained at level l, a running mean over batches. Weights are
    not negative and sum to 1. While everything is open at the coarsest level all weight lies there; it moves on as far
    as that level is told, whenever that is.

    Args:
        levels: Number of levels, at least 1.
        channels: Channels of the images.
        rate: How far one batch moves the shares, in (0, 1].

    Attributes:
        shares: The u, shape ``(levels, channels)``; 1 at the start.

    Raises:
        ConfigError: If a number is out of its range.

    Example:
        >>> unexplained = Unexplained(3, 1, rate=1.0)
        >>> unexplained.follow(torch.tensor([[0.25], [0.5], [1.0]]))
        >>> unexplained.weights().flatten()
        tensor([0.2500, 0.3750, 0.3750])
    """

    shares: Tensor

    def __init__(self, levels: int, channels: int, *, rate: float) -> None:
        super().__init__()
        if levels < 1 or not 0 < rate <= 1:
            raise ConfigError(f"expected at least one level and a rate in (0, 1], got {levels} and {rate}")
        self.rate = rate
        self.register_buffer("shares", torch.ones(levels, channels))

    @torch.no_grad()
    def follow(self, found: Float[Tensor, "levels channels"]) -> None:
        """Move towards the shares that a batch left open; more than all of it counts as all."""
        self.shares.lerp_(found.to(self.shares).clamp(0, 1), self.rate)

    def weights(self) -> Float[Tensor, "levels channels"]:
        """Return the weight of each level in each channel."""
        passed = torch.cat([torch.ones_like(self.shares[:1]), (1 - self.shares[:-1]).cumprod(0)])
        stopped = torch.cat([self.shares[:-1], torch.ones_like(self.shares[:1])])
        return passed * stopped
