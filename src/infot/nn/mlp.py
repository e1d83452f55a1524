"""Multilayer perceptrons."""

from itertools import pairwise

from torch import Tensor, nn

__all__ = ["MLP"]


class MLP(nn.Module):
    """Map ``(n, inputs)`` to ``(n, outputs)`` through ``depth`` hidden layers with SiLU.

    Normalised, hidden units have root mean square 1 before SiLU, times a learned gain (Zhang, Sennrich, arXiv
    1910.07467). What a step of the optimiser changes then no longer grows with the weights.

    Args:
        inputs: Input width.
        outputs: Output width.
        width: Units of each hidden layer.
        depth: Number of hidden layers, at least 1.
        normalised: Whether hidden units are normalised, datum by datum.
    """

    def __init__(
        self, inputs: int, outputs: int, *, width: int, depth: int, normalised: bool = False
    ) -> None:
        super().__init__()
        widths = [inputs, *[width] * depth]
        layers: list[nn.Module] = []
        for wide, next_wide in pairwise(widths):
            layers += [nn.Linear(wide, next_wide), *[nn.RMSNorm(next_wide)] * normalised, nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
