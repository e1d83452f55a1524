"""Images seen at several sharpnesses at once, so that how far things moved shows in their squared distance."""

from collections.abc import Sequence
from math import ceil, pi, sqrt

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot.errors import ConfigError

__all__ = ["BlurPyramid", "PyramidEye", "blur_widths"]

REACH = 4.0  # widths beyond the edge of an image to which its blur is followed


def blur_widths(shape: Sequence[int], coarsest: float) -> tuple[float, ...]:
    """Return the standard deviations of the blurs in pixels: from the coarsest by halves down to a pixel, then none.

    Args:
        shape: Shape of an image, ``(channels, height, width)``.
        coarsest: The first, relative to the longer side.

    Raises:
        ConfigError: If the shape is no image, or the coarsest blur is not positive.

    Example:
        >>> blur_widths((3, 64, 64), 0.125)
        (8.0, 4.0, 2.0, 1.0, 0.0)
    """
    if len(shape) != 3:
        raise ConfigError(
            f"a pyramid of blurs sees images (channels, height, width), got data of shape {tuple(shape)}; "
            "use --objective.cost pixel"
        )
    if not coarsest > 0:
        raise ConfigError(f"the coarsest blur must be positive, got {coarsest}")
    width, widths = coarsest * max(shape[1:]), []
    while width >= 1:
        widths.append(width)
        width /= 2
    return (*widths, 0.0)


class BlurPyramid(nn.Module):
    r"""Blur images by Gaussians of several widths; the squared distance of two images at width s is

    .. math:: C_s(x, y) = \sum_c g_{s,c} \sum_{p, q} (x - y)_{c,p}\, (x - y)_{c,q}\, e^{-|p - q|^2 / 4 s^2}

    summed over channels c and pixels: that of the images themselves where s is 0. Where things are smaller than they
    move, C_0 only counts what is not in its place; C_s still grows with the way. The gains make what a channel adds to
    the mean cost of independent pairs of data the same at all widths, so that convex combinations keep it
    (:meth:`normalise`; 1 before).
    Images are black beyond their edges, and the blur is followed there: how far two things are apart is told the same
    in every corner.

    A blur is band-limited, so it is sampled at steps of its width; the sum over the samples differs from the formula by
    about :math:`2 e^{-\pi^2}`, a ten-thousandth.

    Args:
        shape: Shape of an image, ``(channels, height, width)``.
        widths: Standard deviations of the blurs in pixels; 0 for none.

    Attributes:
        gains: One for each width and channel.
        spread: Sum of the variances of each channel's pixels, half of what it adds to the mean cost of a pair (0 before
            :meth:`normalise`).

    Example:
        >>> pyramid = BlurPyramid((1, 8, 8), (2.0, 0.0))
        >>> pyramid(torch.ones(5, 1, 8, 8), torch.tensor([[0.0], [1.0]])).shape
        torch.Size([5, 64])
    """

    gains: Tensor
    spread: Tensor

    def __init__(self, shape: Sequence[int], widths: Sequence[float]) -> None:
        super().__init__()
        channels, height, across = shape
        self.widths = tuple(widths)
        self.register_buffer("gains", torch.ones(len(widths), channels))
        self.register_buffer("spread", torch.zeros(channels))
        for level, width in enumerate(widths):
            self.register_buffer(f"rows_{level}", _blur(height, width), persistent=False)
            self.register_buffer(f"columns_{level}", _blur(across, width), persistent=False)

    @torch.no_grad()
    def normalise(self, points: Float[Tensor, "n c h w"]) -> None:
        """Set the gains, so that independent pairs of these data are as far apart at every width as they are sharp.

        A channel that is the same in all data has gains of 1.
        """
        levels = [self.level(points, i).double().var(0, correction=0).sum(1) for i in range(len(self.widths))]
        sharp = points.double().var(0, correction=0).sum((1, 2))
        self.gains.copy_(torch.where(sharp > 0, sharp / torch.stack(levels), 1.0))
        self.spread.copy_(sharp)

    @torch.no_grad()
    def unexplained(
        self, drawn: Float[Tensor, "n c h w"], data: Float[Tensor, "n c h w"], weights: Float[Tensor, " n"]
    ) -> Float[Tensor, "levels c"]:
        """Return which share of each channel's spread is left at each width between data and what is drawn for them.

        1 where one image is drawn for all data, their mean; 0 where each datum is drawn as it is, and for a channel
        that has no spread.

        Args:
            drawn: What is drawn for each datum.
            data: The data.
            weights: Weight of each pair; they sum to 1.
        """
        away = drawn - data
        left = [(weights @ self.level(away, i).square().sum(2)) for i in range(len(self.widths))]
        return torch.where(self.spread > 0, self.gains * torch.stack(left) / self.spread, 0.0)

    def level(self, x: Float[Tensor, "n c h w"], level: int) -> Float[Tensor, "n c d"]:
        """Return the images at one width, without its gains."""
        if self.widths[level] == 0:
            return x.flatten(2)
        rows, columns = getattr(self, f"rows_{level}"), getattr(self, f"columns_{level}")
        return (rows @ x @ columns.T).flatten(2)

    def forward(
        self, x: Float[Tensor, "n c h w"], weights: Float[Tensor, "levels c"]
    ) -> Float[Tensor, "n d"]:
        """Return places whose squared distance is the sum of the C_s with these weights.

        Args:
            x: Images.
            weights: Weight of each width in each channel, not negative, or one weight for all channels; widths of
                weight 0 are left out.
        """
        scales = (weights.to(self.gains) * self.gains).sqrt().unsqueeze(2)
        seen = [self.level(x, i) * scale for i, scale in enumerate(scales) if bool((scale > 0).any())]
        return torch.cat([level.flatten(1) for level in seen], dim=1)


class PyramidEye(nn.Module):
    """See images through a pyramid at given weights; see :meth:`BlurPyramid.forward`.

    Args:
        pyramid: The pyramid.
        weights: Weight of each width in each channel, or one for all channels.
    """

    weights: Tensor

    def __init__(self, pyramid: BlurPyramid, weights: Float[Tensor, "levels c"]) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.register_buffer("weights", weights)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
        """Return where each image is, shape ``(n, d)``."""
        return self.pyramid(x, self.weights)


def _blur(side: int, width: float) -> Float[Tensor, "samples side"]:
    """Return the matrix B that blurs one axis: ``B.T @ B`` has the entries ``exp(-(p - q)² / 4 width²)``."""
    if width == 0:
        return torch.eye(side)
    length = side - 1 + 2 * REACH * width
    n = ceil(length / width) + 1
    places = torch.linspace(-REACH * width, side - 1 + REACH * width, n, dtype=torch.float64)
    step = length / (n - 1)
    away = places[:, None] - torch.arange(side, dtype=torch.float64)
    return (sqrt(step / (width * sqrt(pi))) * torch.exp(-(away**2) / (2 * width**2))).float()
