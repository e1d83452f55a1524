"""Generators that draw a thing by convolutions and lay it into the image as the continuous code says."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from infot.models.convolutional import ConvolutionalGenerator
from infot.models.deformable import PARAMETER_GAIN
from infot.models.pixel_grid import homogeneous_pixels

__all__ = ["PosedGenerator"]

INITIAL_SCALE = 0.1  # standard deviation of what each coordinate of the code adds to shift and map at first
DARKEST, BRIGHTEST = 0.01, 0.99  # mean pixel values whose log-odds a canvas starts from


class PosedGenerator(nn.Module):
    r"""Draw a canvas from categories and noise; look at it through a map of the plane that the rest of the code sets:

    .. math:: G(k, \theta, u, e)(p) = D(k, e)\bigl(R(\theta)\, A(u)\, (p - t(u))\bigr)

    A convolutional generator ``D`` with a spatial transformer behind it (Jaderberg et al., arXiv 1506.02025), as
    generators that are to know the plane have one (Karras et al., arXiv 2106.12423). The shift ``t`` and the 2 x 2 map
    ``A`` are affine in the continuous code ``u``; all of their coefficients are learned, and nothing says which
    coordinate moves, sizes or shears. Angles turn: that is the one way in which a circle can act on the plane by
    linear maps, up to a change of coordinates, which ``A`` can learn.

    Args:
        n_categories: Width of the one-hot part of the code, which comes first.
        n_angles: Angles in the code, as cosine and sine side by side, which come next.
        n_numbers: Other continuous dimensions.
        noise_dim: Width of the noise, 0 for none.
        shape: Shape of an image, ``(channels, height, width)``, at least 8 pixels a side.
        width: Channels of the canvas's features at full size.

    Raises:
        ConfigError: If the shape is no image of at least 8 pixels a side.

    Example:
        >>> generator = PosedGenerator(3, 1, 2, 0, (1, 16, 16), width=8)
        >>> code = torch.cat([torch.eye(3), torch.tensor([[1.0, 0.0, 0.5, -0.5]]).repeat(3, 1)], dim=1)
        >>> generator(code, torch.zeros(3, 0)).shape
        torch.Size([3, 1, 16, 16])
    """

    centre: Tensor
    pixels: Tensor

    def __init__(
        self,
        n_categories: int,
        n_angles: int,
        n_numbers: int,
        noise_dim: int,
        shape: Sequence[int],
        *,
        width: int = 32,
    ) -> None:
        super().__init__()
        # One input is always 1, so that there is something to draw from where there is neither category nor noise.
        self.canvas = ConvolutionalGenerator(1 + n_categories, noise_dim, shape, width=width)
        self.shape, self.noise_dim = tuple(shape), noise_dim
        self._parts = [n_categories, 2 * n_angles, n_numbers]
        scale = INITIAL_SCALE / PARAMETER_GAIN
        self.shifts = nn.Parameter(torch.randn(2, n_numbers) * scale)
        self.maps = nn.Parameter(torch.randn(2, 2, n_numbers) * scale)
        self.resting = nn.Parameter(torch.eye(2) / PARAMETER_GAIN)
        self.register_buffer("centre", torch.zeros(self.shape))
        self.register_buffer("pixels", homogeneous_pixels(*shape[1:])[:2])

    @torch.no_grad()
    def initialise(self, data: Float[Tensor, "n c h w"]) -> None:
        """Start every canvas near the mean of ``data``."""
        self.centre.copy_(torch.logit(data.mean(0).clamp(DARKEST, BRIGHTEST)))

    def forward(self, code: Float[Tensor, "n code_dim"], noise: Float[Tensor, "n noise_dim"]) -> Tensor:
        """Return images in [0, 1], shape ``(n, *shape)``, differentiable in the continuous code and the noise.

        Args:
            code: Codes: categories, angles, numbers.
            noise: Noise.
        """
        picked, angles, numbers = code.split(self._parts, dim=1)
        canvases, which = self._canvases(picked.detach(), noise)
        return grid_sample(
            canvases[which], self._places(angles, numbers), align_corners=False, padding_mode="border"
        )

    def _canvases(
        self, picked: Float[Tensor, "n k"], noise: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, "m c h w"], Int[Tensor, " n"]]:
        """Return the canvases, each drawn once however many images show it, and which one each image shows."""
        wanted = torch.cat([picked.new_ones(len(picked), 1), picked], dim=1)
        which = torch.arange(len(wanted), device=wanted.device)
        if self.noise_dim == 0:
            wanted, which = torch.unique(wanted, dim=0, return_inverse=True)
        drawn = self.canvas.logits(wanted, noise[: len(wanted)])
        return torch.sigmoid(drawn + self.centre), which

    def _places(
        self, angles: Float[Tensor, "n two_n_angles"], numbers: Float[Tensor, "n n_numbers"]
    ) -> Float[Tensor, "n h w 2"]:
        """Return where on its canvas each pixel looks, x first, in half widths from the middle."""
        maps = PARAMETER_GAIN * (self.resting + torch.einsum("nu,iju->nij", numbers, self.maps))
        for angle in angles.unflatten(1, (-1, 2)).unbind(1):
            maps = _turns(angle) @ maps
        away = self.pixels - PARAMETER_GAIN * (numbers @ self.shifts.T)[:, :, None]
        return (maps @ away).mT.unflatten(1, self.shape[1:])


def _turns(angle: Float[Tensor, "n 2"]) -> Float[Tensor, "n 2 2"]:
    """Return what maps pixels to a canvas that is turned counter-clockwise by angles given as cosine and sine."""
    cos, sin = angle.unbind(1)
    return torch.stack([cos, -sin, sin, cos], dim=1).unflatten(1, (2, 2))
