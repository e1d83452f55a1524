"""What an encoder says of codes: the logarithm of its law of the code against the prior."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from infot.models.blocks import Block, Categorical, Circle, Uniform
from infot.models.encoders import GaussianNoise

__all__ = ["code_information"]


def code_information(
    code: Sequence[Block], law: GaussianNoise, values: Float[Tensor, "k d"]
) -> Float[Tensor, "blocks k n"]:
    r"""Return :math:`\log q(c | x) / \zeta_c(c)` in nats for each block, of every value and every datum.

    Categorical blocks have a softmax; uniform and normal ones independent normal laws (for a uniform block less than
    one in all, which keeps bounds of information on the safe side); a circle has a von Mises law.

    Args:
        code: The blocks of the code.
        law: What the encoder tells, arrays ``(n, d)``. Its means are logits in a categorical block, and in a circle the
            direction with the concentration as length; the standard deviations count in the other blocks alone.
        values: Code values.

    Example:
        >>> law = GaussianNoise(torch.zeros(4, 3), torch.zeros(4, 3))
        >>> float(code_information((Categorical(3),), law, torch.eye(3)).abs().max()) < 1e-6
        True
    """
    sizes = [block.dim for block in code]
    pieces = zip(
        code, law.mean.split(sizes, 1), law.log_std.split(sizes, 1), values.split(sizes, 1), strict=True
    )
    return torch.stack([_of_block(block, *parts) for block, *parts in pieces])


def _of_block(block: Block, mean: Tensor, log_std: Tensor, values: Tensor) -> Tensor:
    if isinstance(block, Categorical):
        ratio = torch.log_softmax(mean, dim=1) - block.probabilities().to(mean).log()
        return values @ ratio.T
    if isinstance(block, Circle):
        concentration = mean.norm(dim=1)
        return values @ mean.T - (torch.special.i0e(concentration).log() + concentration)
    deviation = (values.unsqueeze(1) - mean) / log_std.exp()
    log_law = -0.5 * (deviation.square() + math.log(2 * math.pi)) - log_std
    return (log_law - _log_prior(block, values).unsqueeze(1)).sum(2)


def _log_prior(block: Block, values: Tensor) -> Tensor:
    """Return the log density of each coordinate."""
    if isinstance(block, Uniform):
        return torch.full_like(values, -math.log(2))
    return -0.5 * (values.square() + math.log(2 * math.pi))
