"""Generators of vectors: from (code, noise) to points."""

import math

import torch
from torch import Tensor, nn

from infot.nn.mlp import MLP

__all__ = ["LinearGenerator", "MLPGenerator"]


class LinearGenerator(nn.Module):
    """An affine map of the latent: ``x = W_c c + W_e e + b``.

    With normal latents it makes Gaussians, which is where the theory has closed forms (method, section 5).

    Args:
        code_dim: Width of the code.
        noise_dim: Width of the noise.
        shape: Shape of a data point.
    """

    def __init__(self, code_dim: int, noise_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.map = nn.Linear(code_dim + noise_dim, math.prod(shape))

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        """Map ``(n, code_dim)`` and ``(n, noise_dim)`` to ``(n, *shape)``."""
        return self.map(torch.cat([code, noise], dim=1)).unflatten(1, self.shape)


class MLPGenerator(nn.Module):
    """A multilayer perceptron on the concatenated latent, in the units of the data.

    The output is ``centre + spread * MLP(c, noise_gain * e)``: the network works at unit scale whatever the data, and
    with a small gain starts close to affine in the noise.

    Under a transport plan the gain should be small. While codes form, the noise hardly moves the loss, and Adam turns
    the gradients' randomness into random functions of the noise. A map that has folded in that time stays folded:
    transport moves samples, and both leaves of a fold pay alike. Its modes are peaked with heavy tails.

    With normalised hidden units learning rates over three decades end alike on ``ring8``; without, the largest
    diverge (docs/knobs.md).

    Args:
        code_dim: Width of the code.
        noise_dim: Width of the noise.
        shape: Shape of a data point.
        width: Units of each hidden layer.
        depth: Number of hidden layers.
        noise_gain: Scale at which the noise enters; the code enters at 1.
        normalised: Whether hidden units are normalised.
        centre: Mean of the data, shape ``shape``; zero if omitted.
        spread: Root mean square deviation of the data from its mean over all coordinates; 1 if omitted.
    """

    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        code_dim: int,
        noise_dim: int,
        shape: tuple[int, ...],
        *,
        width: int,
        depth: int,
        noise_gain: float,
        normalised: bool = False,
        centre: Tensor | None = None,
        spread: float = 1.0,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.noise_gain = noise_gain
        self.layers = MLP(
            code_dim + noise_dim, math.prod(shape), width=width, depth=depth, normalised=normalised
        )
        self.register_buffer("centre", torch.zeros(shape) if centre is None else centre.clone())
        self.register_buffer("spread", torch.tensor(float(spread)))

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        """Map ``(n, code_dim)`` and ``(n, noise_dim)`` to ``(n, *shape)``."""
        flat = self.layers(torch.cat([code, self.noise_gain * noise], dim=1))
        return self.centre + self.spread * flat.unflatten(1, self.shape)
