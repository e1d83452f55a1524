"""The law of a code as a recognition network gives it: softmax for categorical blocks, normal for continuous ones."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from infot.models.blocks import Block, Categorical, Uniform
from infot.models.latents import LatentSpace

__all__ = ["code_log_likelihood", "code_log_prior"]

_LOG_2PI = math.log(2 * math.pi)


def code_log_likelihood(
    latents: LatentSpace, parameters: Float[Tensor, "n d"], code: Float[Tensor, "n d"]
) -> Float[Tensor, "n 2"]:
    """Return ``log q(c | x)`` in nats, summed over categorical blocks and over continuous ones.

    Args:
        latents: The latent space.
        parameters: Logits of categorical blocks, means of continuous ones, whose variance is 1.
        code: The code, one-hot in categorical blocks.
    """
    return _summed(latents, parameters, code, _log_likelihood)


def code_log_prior(latents: LatentSpace, code: Float[Tensor, "n d"]) -> Float[Tensor, "n 2"]:
    """Return the log density of the prior in nats, summed over categorical blocks and over continuous ones."""
    return _summed(latents, code, code, _log_prior)


def _summed(
    latents: LatentSpace, parameters: Tensor, code: Tensor, term: Callable[[Block, Tensor, Tensor], Tensor]
) -> Tensor:
    categorical, continuous = torch.zeros(2, len(code)).to(code)
    sizes = [block.dim for block in latents.code]
    pieces = zip(latents.code, parameters.split(sizes, 1), code.split(sizes, 1), strict=True)
    for block, given, part in pieces:
        if isinstance(block, Categorical):
            categorical = categorical + term(block, given, part)
        else:
            continuous = continuous + term(block, given, part)
    return torch.stack([categorical, continuous], dim=1)


def _log_likelihood(block: Block, parameters: Tensor, code: Tensor) -> Tensor:
    if isinstance(block, Categorical):
        return (torch.log_softmax(parameters, dim=1) * code).sum(1)
    return -0.5 * ((code - parameters).square() + _LOG_2PI).sum(1)


def _log_prior(block: Block, _: Tensor, code: Tensor) -> Tensor:
    if isinstance(block, Categorical):
        return code @ block.probabilities().to(code).log()
    if isinstance(block, Uniform):
        return torch.full_like(code[:, 0], -block.size * math.log(2))
    return -0.5 * (code.square() + _LOG_2PI).sum(1)
