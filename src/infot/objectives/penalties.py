"""Penalties on critics."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["gradient_penalty"]


def gradient_penalty(critic: nn.Module, x: Tensor, y: Tensor, rng: torch.Generator) -> Float[Tensor, ""]:
    r"""Return how far the critic's slope is from 1 between paired points.

    .. math:: E (|\nabla D(u x + (1-u) y)| - 1)^2, \qquad u \sim U(0, 1)

    Gulrajani et al., arXiv 1704.00028, equation 3.

    Args:
        critic: Gives every datum a number.
        x: Data, shape ``(n, *shape)``; no gradient flows into them.
        y: As many samples.
        rng: Where on each segment the slope is measured; on the CPU.
    """
    share = torch.rand(len(x), *[1] * (x.ndim - 1), generator=rng).to(x)
    between = (share * x.detach() + (1 - share) * y.detach()).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()
