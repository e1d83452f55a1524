"""Networks for the potential of latents."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot.models.critics import Trunk
from infot.nn.mlp import MLP

__all__ = ["LatentPotential"]


class LatentPotential(nn.Module):
    """A potential f(z), read off the code of a latent and off what it generates.

    A latent's cost to data depends on it through its point alone, so the point is what a potential must see; it then
    follows the generator without having to learn every move again. The code enters beside it, because structure prices
    it apart.

    Args:
        trunk: Turns points into features.
        code_dim: Width of the code.
        unit: Size of the potentials, in units of cost: the network works at unit scale.
    """

    unit: Tensor

    def __init__(self, trunk: Trunk, *, code_dim: int, unit: float = 1.0) -> None:
        super().__init__()
        self.trunk = trunk
        width = trunk.n_features
        self.head = MLP(width + code_dim, 1, width=width, depth=1)
        self.register_buffer("unit", torch.tensor(float(unit)))

    def forward(self, code: Float[Tensor, "n d"], points: Tensor) -> Float[Tensor, " n"]:
        """Return the potentials of latents with these codes and generated points, ``(n, *shape)``, in units of cost."""
        features = torch.cat([self.trunk(points), code], dim=1)
        return self.unit * self.head(features).squeeze(1)
