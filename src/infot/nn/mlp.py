"""Multilayer perceptrons."""

from itertools import pairwise

from torch import Tensor, nn

__all__ = ["MLP"]


class MLP(nn.Module):
    """Map ``(n, inputs)`` to ``(n, outputs)`` through ``depth`` hidden layers with SiLU.

    Args:
        inputs: Input width.
        outputs: Output width.
        width: Units of each hidden layer.
        depth: Number of hidden layers, at least 1.
    """

    def __init__(self, inputs: int, outputs: int, *, width: int, depth: int) -> None:
        super().__init__()
        widths = [inputs, *[width] * depth]
        layers: list[nn.Module] = []
        for wide, next_wide in pairwise(widths):
            layers += [nn.Linear(wide, next_wide), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
