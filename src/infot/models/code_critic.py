"""Critics of codes."""

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["CodeCritic"]

SLOPE = 0.2  # of the leaky rectifiers


class CodeCritic(nn.Module):
    """Tell codes of two sources apart: a multilayer perceptron with one logit.

    Width and depth are those of FactorVAE's (Kim and Mnih, arXiv 1802.05983, appendix A).

    Args:
        code_dim: Width of the code.
        width: Units of a hidden layer.
        depth: Number of hidden layers.
    """

    def __init__(self, code_dim: int, *, width: int = 1000, depth: int = 6) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(code_dim, width), nn.LeakyReLU(SLOPE)]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, code: Float[Tensor, "n code_dim"]) -> Float[Tensor, " n"]:
        """Return a logit for each code."""
        return self.layers(code).squeeze(1)
