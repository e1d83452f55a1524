"""Generators whose code picks a colour for what another generator draws in grey."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from infot.errors import ConfigError
from infot.models.deformable import PARAMETER_GAIN, DeformableGenerator

__all__ = ["TintedGenerator"]

INITIAL_SPREAD = (
    0.05  # standard deviation of what tells the tints apart at first, where 1 is that of the grey image
)


class TintedGenerator(nn.Module):
    r"""Give a grey image one of several colours: ``G(k, c, e)_{channel} = t_{k, channel} D(c, e)``.

    The first block of the code, one-hot, picks the tint ``k``; the rest of the code and the noise go to a deformable
    generator of one channel, whose template is a single one where the code has no other categorical block. A tint is
    one number for each channel, learned, which starts near 1.

    What every tint would make of a grey image is known in closed form, so a plan that weighs all of them draws none
    (:meth:`distances`).

    Args:
        n_tints: Values of the first block of the code.
        channels: Channels of the images.
        shapes: Draws grey images, ``(n, 1, height, width)``.

    Raises:
        ConfigError: If ``shapes`` draws several channels, or the images have only one.

    Example:
        >>> generator = TintedGenerator(6, 3, DeformableGenerator(2, (1, 8, 8), displacement_grid=0))
        >>> code = torch.cat([torch.eye(6), torch.eye(2).repeat(3, 1)], dim=1)
        >>> generator(code, torch.zeros(6, generator.noise_dim)).shape
        torch.Size([6, 3, 8, 8])
    """

    def __init__(self, n_tints: int, channels: int, shapes: DeformableGenerator) -> None:
        super().__init__()
        if channels < 2 or shapes.shape[0] != 1:
            raise ConfigError(
                f"tints colour grey images: expected several channels made of one, got {channels} channels made of "
                f"{shapes.shape[0]}"
            )
        self.n_tints, self.shapes = n_tints, shapes
        self.shape = (channels, *shapes.shape[1:])
        self.noise_dim = shapes.noise_dim
        self.deviations = nn.Parameter(torch.randn(n_tints, channels) * INITIAL_SPREAD / PARAMETER_GAIN)

    @torch.no_grad()
    def initialise(self, data: Tensor, rng: torch.Generator) -> None:
        """Start every template from the mean of ``data`` over channels and images; see there.

        Args:
            data: Images, shape ``(n, channels, height, width)``.
            rng: Stream that the noise is drawn from, on the CPU.
        """
        self.shapes.initialise(data.mean(1, keepdim=True), rng)
        self.deviations.copy_(
            torch.randn(self.deviations.shape, generator=rng) * INITIAL_SPREAD / PARAMETER_GAIN
        )

    @property
    def tints(self) -> Float[Tensor, "n_tints channels"]:
        """What each tint makes of a grey value of 1."""
        return 1 + PARAMETER_GAIN * self.deviations

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        """Return the coloured images.

        Args:
            code: Codes, shape ``(n, code_dim)``, the tint first.
            noise: Noise of the grey images, shape ``(n, noise_dim)``.

        Returns:
            Images, shape ``(n, *shape)``, not clipped.
        """
        colours = code[:, : self.n_tints] @ self.tints
        return colours[:, :, None, None] * self._grey(code, noise)

    def distances(
        self, code: Float[Tensor, "m code_dim"], noise: Float[Tensor, "m noise_dim"], data: Tensor
    ) -> Float[Tensor, "n n_tints j"]:
        r"""Return how far data are from what each tint makes of grey images, of which ``j = m / n`` belong to a datum.

        .. math:: |t_k D - x|^2 = |t_k|^2 |D|^2 - 2 \sum_{channel} t_{k, channel} \langle D, x_{channel} \rangle + |x|^2

        Args:
            code: Codes of the grey images, one datum's after another's; their own tint is not looked at.
            noise: Noise of the grey images.
            data: Data, shape ``(n, *shape)``.
        """
        grey = self._grey(code, noise).view(len(data), -1, self.shape[1] * self.shape[2])
        alike = torch.einsum("njp,ncp->njc", grey, data.flatten(2))
        sizes = self.tints.square().sum(1)[:, None] * grey.square().sum(2)[:, None]
        return sizes - 2 * torch.einsum("kc,njc->nkj", self.tints, alike) + _square(data)[:, None, None]

    def _grey(self, code: Tensor, noise: Tensor) -> Tensor:
        rest = code[:, self.n_tints :]
        # Where no block picks a template there is one, always picked.
        return self.shapes(pad(rest, (1, 0), value=1.0) if self.shapes.n_templates == 1 else rest, noise)


def _square(data: Tensor) -> Tensor:
    return data.flatten(1).square().sum(1)
