"""Classifiers: networks that name the class of a datum, whose features measure pictures."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from infot.models.critics import Trunk

__all__ = ["Classifier", "FactorClassifier"]


class Classifier(nn.Module):
    """Give every datum a logit for each class.

    Args:
        trunk: Turns data into the features, from which the logits are read linearly.
        n_classes: Number of classes.

    Example:
        >>> import torch
        >>> network = Classifier(Trunk((1, 8, 8), width=16, depth=1), n_classes=10)
        >>> network(torch.zeros(3, 1, 8, 8)).shape, network.trunk(torch.zeros(3, 1, 8, 8)).shape
        (torch.Size([3, 10]), torch.Size([3, 32]))
    """

    def __init__(self, trunk: Trunk, *, n_classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.n_features, n_classes)

    def forward(self, x: Tensor) -> Float[Tensor, "n classes"]:
        """Return the logits of data ``x``, shape ``(n, *shape)``."""
        return self.head(self.trunk(x))


class FactorClassifier(nn.Module):
    """Give every image a logit for each value of each factor.

    Args:
        trunk: Turns averaged images into the features, from which the logits of all factors are read linearly.
        sizes: Number of values of each factor.
        pool: Pixels a side that are averaged into one.

    Example:
        >>> import torch
        >>> network = FactorClassifier(Trunk((1, 8, 8), width=16, depth=1), sizes=(3, 5), pool=2)
        >>> [tuple(logits.shape) for logits in network(torch.zeros(4, 1, 16, 16))]
        [(4, 3), (4, 5)]
    """

    def __init__(self, trunk: Trunk, *, sizes: Sequence[int], pool: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.n_features, sum(sizes))
        self.sizes = tuple(sizes)
        self.pool = pool

    def forward(self, x: Float[Tensor, "n channels height width"]) -> tuple[Tensor, ...]:
        """Return the logits of each factor, shape ``(n, sizes[k])``."""
        return self.head(self.trunk(avg_pool2d(x, self.pool))).split(self.sizes, dim=1)
