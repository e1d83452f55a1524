"""Classifiers: networks that name the class of a datum, whose features measure pictures."""

from jaxtyping import Float
from torch import Tensor, nn

from infot.models.critics import Trunk

__all__ = ["Classifier"]


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
