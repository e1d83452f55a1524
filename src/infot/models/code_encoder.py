"""Encoders of codes: the law of the code given a datum."""

from torch import Tensor, nn

from infot.models.critics import Trunk
from infot.models.encoders import GaussianNoise

__all__ = ["CodeEncoder"]

INITIAL_LOG_STD = 0.0  # the prior's


class CodeEncoder(nn.Module):
    """Give q(c | x), independent normal laws of the code's coordinates: the features of a critic, and a linear head.

    Args:
        trunk: Turns data into features.
        code_dim: Width of the code.

    Example:
        >>> import torch
        >>> encoder = CodeEncoder(Trunk((1, 64, 64), width=16, depth=1), code_dim=10)
        >>> encoder(torch.zeros(3, 1, 64, 64)).mean.shape
        torch.Size([3, 10])
    """

    def __init__(self, trunk: Trunk, *, code_dim: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.mean = nn.Linear(trunk.n_features, code_dim)
        self.log_std = nn.Linear(trunk.n_features, code_dim)
        nn.init.zeros_(self.log_std.weight)
        nn.init.constant_(self.log_std.bias, INITIAL_LOG_STD)

    def forward(self, x: Tensor) -> GaussianNoise:
        """Return the laws of the codes of data ``x`` (n, *shape), arrays ``(n, code_dim)``."""
        features = self.trunk(x)
        return GaussianNoise(self.mean(features), self.log_std(features))
