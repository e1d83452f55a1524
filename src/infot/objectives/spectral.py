"""Spectral norms of layers."""

import torch
from torch import Tensor, nn

__all__ = ["shrink_to_unit_norm", "spectral_norm"]


def spectral_norm(weight: Tensor) -> Tensor:
    """Return the largest singular value of a layer's weight, ``(outputs, ...)`` seen as a matrix; 0-dimensional.

    Of a convolution it is that of its kernel, as in Miyato et al., arXiv 1802.05957.
    """
    matrix = weight.flatten(1)
    small = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    return torch.linalg.eigvalsh(small)[-1].sqrt()


@torch.no_grad()
def shrink_to_unit_norm(net: nn.Module) -> None:
    """Divide the weight of every linear and convolutional layer by its spectral norm where that exceeds 1."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.weight /= spectral_norm(layer.weight).clamp_min(1.0)
