"""Generators whose code picks a template and whose noise deforms it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, max_pool2d, pad

from infot.errors import ConfigError
from infot.models.pixel_grid import centres, homogeneous_pixels
from infot.numerics import tempered

__all__ = ["DeformableGenerator", "deformation_names", "deformation_onsets"]

# Standard deviations of the deformations when training starts, for noise of variance 1; each code learns its own.
AFFINE_SCALES = {
    "rotation": 0.2,  # radians
    "scale": 0.1,  # logarithm of the zoom
    "stretch": 0.1,  # logarithm of the root of the aspect ratio
    "shear": 0.2,  # horizontal shift for each unit of height
    "translation_x": 0.1,  # half widths of the image, to the right
    "translation_y": 0.1,  # half heights of the image, downwards
}
THICKNESS_SCALE = 0.5  # before tanh; 1 is one full dilation, -1 one full erosion, by a 3 x 3 window
CONTRAST_SCALE = 0.2  # logarithm of the gain
DISPLACEMENT_SCALE = 0.06  # half widths of the image, at each control point
APPEARANCE_SCALE = 1.0  # of the direction, which has pixel values itself

# Adam moves every parameter by about the learning rate a step; pixels and scales need larger steps than weights do.
PARAMETER_GAIN = 3.0
INITIAL_SPREAD = (
    0.05  # standard deviation of the noise that tells the templates apart at first, in pixel values
)
INITIAL_BLEND = 0.1  # standard deviation of each share of a blend at first, in the scale of its deformation
INITIAL_APPEARANCE = 0.02  # standard deviation of the appearance directions at first, in pixel values

N_AFFINE = len(AFFINE_SCALES)
LARGEST_LOG = 5.0  # of a size or a brightness: a factor of 150, which no data ask for
TURN = "rotation"


def deformation_names(channels: int, displacement_grid: int, appearances: int = 0) -> tuple[str, ...]:
    """Name the noise coordinates of a :class:`DeformableGenerator`, in order.

    Args:
        channels: Channels of the images; with more than one, each has a gain of its own beside the common contrast.
        displacement_grid: Control points along each side of the displacement field; 0 for no field.
        appearances: Directions along which each template changes its pixels.

    Returns:
        One name for each coordinate: six of the affine map, thickness, contrast, a gain for each channel of a colour
        image, then the displacements in x and in y of the control points, row by row, then the appearances.

    Example:
        >>> deformation_names(1, 0)[:4], len(deformation_names(3, 4))
        (('rotation', 'scale', 'stretch', 'shear'), 43)
    """
    gains = tuple(f"gain_{channel}" for channel in range(channels)) if channels > 1 else ()
    points = [(row, column) for row in range(displacement_grid) for column in range(displacement_grid)]
    displacements = tuple(f"displacement_{axis}_{row}_{column}" for axis in "xy" for row, column in points)
    changes = tuple(f"appearance_{direction}" for direction in range(appearances))
    return (*AFFINE_SCALES, "thickness", "contrast", *gains, *displacements, *changes)


def deformation_onsets(
    names: Sequence[str], *, affine: float = 0.0, shape: float = 0.3, appearance: float = 0.5
) -> Tensor:
    """Return the progress of training at which each noise coordinate should come into play.

    Affine maps and contrast first, for they cannot turn one digit into another; thickness and displacement, which
    can, once the codes are found; appearance, which could draw anything over a template, once they stand.

    Args:
        names: What each coordinate does (:func:`deformation_names`).
        affine: Onset of affine maps, contrast and gains, in [0, 1].
        shape: Onset of thickness and displacement, in [0, 1].
        appearance: Onset of the changes of appearance, in [0, 1].

    Returns:
        Onsets, shape ``(len(names),)``.

    Example:
        >>> deformation_onsets(("rotation", "thickness", "contrast"), shape=0.5)
        tensor([0.0000, 0.5000, 0.0000])
    """
    later = {"displacement": shape, "thickness": shape, "appearance": appearance}
    return torch.tensor([later.get(name.split("_")[0], affine) for name in names])


class DeformableGenerator(nn.Module):
    r"""Deform the template that the code picks as the noise says: ``G(c, e) = T_e(template_c)``.

    In order: the template is dilated or eroded (thickness), changed along its own directions (appearance: a bar
    through a seven), moved by one smooth map of the plane, and its contrast changed. The map takes a pixel ``p`` of
    the output, in half widths from the centre, to the place

    .. math:: R \begin{pmatrix}1&s\\0&1\end{pmatrix} \operatorname{diag}(e^{-z-w}, e^{-z+w})\, (p - t) + u(p)

    of the template: ``R`` a rotation, ``s`` shear, ``z`` scale, ``w`` stretch, ``t`` translation (of the output, so
    that where a thing is does not depend on how it is turned), ``u`` a cubic B-spline through a grid of control points.
    The code's one-hot blocks pick the template; its other coordinates, if any, drive deformations that are then no
    longer the noise's. The noise is standard normal; coordinate ``i`` deforms by ``scale_{c,i} e_i`` with a scale
    that every code learns for itself, so that samples deform each template as its class does; what the code drives has
    one scale for all templates. A *blend* is a direction in the space of deformations, appearance left out: coordinate
    ``u`` of the code adds ``scale_i b_i u`` to every deformation ``i``, with shares ``b`` that are learned and the same
    for all templates. Where noise and the rest of the code are zero the output is the template. After Monnier, Groueix
    and Aubry, "Deep Transformation-Invariant Clustering", arXiv 2006.11132; the directions are the loadings of a factor
    analyser for each code (Ghahramani and Hinton, "The EM algorithm for mixtures of factor analyzers", 1996), seen
    through the map.

    Args:
        code_dim: Width of the one-hot part of the code: one-hot codes pick a template, soft ones mix them, several
            blocks add up.
        shape: Shape of an image, ``(channels, height, width)``, at least 8 pixels a side.
        displacement_grid: Control points along each side of the displacement field, 0 (no field) or at least 3.
        appearances: Directions of each template's own along which its pixels change.
        driven: Deformations that the rest of the code drives, in the order of its coordinates. The rotation takes two,
            the cosine and the sine of its angle; every other one takes one.
        blends: Coordinates of the code, behind those of ``driven``, that each add a blend of deformations.

    Attributes:
        names: What each noise coordinate does (:func:`deformation_names` without ``driven``).
        noise_dim: Number of noise coordinates.

    Raises:
        ConfigError: If the shape or the grid is impossible.

    Example:
        >>> generator = DeformableGenerator(10, (1, 8, 8), displacement_grid=4)
        >>> generator(torch.eye(10), torch.zeros(10, generator.noise_dim)).shape
        torch.Size([10, 1, 8, 8])
    """

    centre: Tensor
    scales: Tensor
    shared: Tensor
    pixels: Tensor
    splines: Tensor
    blends: nn.Parameter | None

    def __init__(
        self,
        code_dim: int,
        shape: Sequence[int],
        *,
        displacement_grid: int = 6,
        appearances: int = 0,
        driven: Sequence[str] = (),
        blends: int = 0,
    ) -> None:
        super().__init__()
        _check(shape, displacement_grid)
        channels, height, width = shape
        self.shape = (channels, height, width)
        every = deformation_names(channels, displacement_grid, appearances)
        _check_driven(driven, every)
        self.driven = tuple(driven)
        self.names = tuple(name for name in every if name not in driven)
        self.noise_dim = len(self.names)
        self.n_templates = code_dim
        # Where each deformation stands among those that code and noise drive, side by side.
        self._order = [(*self.driven, *self.names).index(name) for name in every]
        self.displacement_grid = displacement_grid
        self._n_gains = channels if channels > 1 else 0
        scales = [*AFFINE_SCALES.values(), THICKNESS_SCALE, *[CONTRAST_SCALE] * (1 + self._n_gains)]
        scales += [DISPLACEMENT_SCALE] * (2 * displacement_grid**2) + [APPEARANCE_SCALE] * appearances
        self.register_buffer("scales", torch.tensor(scales))
        self.register_buffer("shared", torch.tensor([name in driven for name in every]), persistent=False)
        self.register_buffer("centre", torch.zeros(self.shape))
        self.register_buffer("pixels", homogeneous_pixels(height, width))
        self.register_buffer("splines", _spline_surfaces(displacement_grid, height, width))
        self.deviations = nn.Parameter(torch.randn(code_dim, *self.shape) * INITIAL_SPREAD / PARAMETER_GAIN)
        self.log_scales = nn.Parameter(torch.zeros(code_dim, len(every)))
        directions = torch.randn(code_dim, appearances, *self.shape)
        self.directions = nn.Parameter(directions * INITIAL_APPEARANCE / PARAMETER_GAIN)
        self.n_blends = blends
        shares = torch.randn(blends, len(every) - appearances) * INITIAL_BLEND / PARAMETER_GAIN
        # Models without blends hold no such weights, as those that were saved before there were any.
        self.register_parameter("blends", nn.Parameter(shares) if blends else None)

    @torch.no_grad()
    def initialise(self, data: Tensor, rng: torch.Generator) -> None:
        """Start every template from the mean of ``data`` plus a little noise.

        Args:
            data: Images, shape ``(n, channels, height, width)``.
            rng: Stream that the noise is drawn from, on the CPU.
        """
        self.centre.copy_(data.mean(0))
        noise = torch.randn(self.deviations.shape, generator=rng)
        self.deviations.copy_(noise * INITIAL_SPREAD / PARAMETER_GAIN)

    def templates(self, code: Tensor) -> Tensor:
        """Return the undeformed images of ``code`` (n, code_dim), shape ``(n, *shape)``."""
        picked = code[:, : self.n_templates]
        return self.centre + PARAMETER_GAIN * torch.tensordot(picked, self.deviations, dims=1)

    def deformations(self, code: Tensor, noise: Tensor) -> Tensor:
        """Return the size of every deformation, ``scale_c * e`` and blends, in the order of :func:`deformation_names`.

        A rotation that the code drives is its angle, at no scale.
        """
        n_driving = code.shape[1] - self.n_templates - self.n_blends
        picked, driving, blending = code.split([self.n_templates, n_driving, self.n_blends], dim=1)
        amounts = self._single(picked, driving, noise)
        return amounts if self.blends is None else amounts + self._blended(blending)

    def blended(self) -> Tensor:
        """Return what each blend adds to the deformations where its coordinate is 1, shape ``(blends, n)``.

        In the units of each deformation and the order of :func:`deformation_names`.
        """
        return self._blended(torch.eye(self.n_blends).to(self.scales))

    def _blended(self, blending: Tensor) -> Tensor:
        if self.blends is None:
            return self.scales.new_zeros(len(blending), len(self.scales))
        shares = PARAMETER_GAIN * blending @ self.blends
        return self.scales * pad(shares, (0, self.directions.shape[1]))

    def _single(self, picked: Tensor, driving: Tensor, noise: Tensor) -> Tensor:
        """Return what coordinates that each have a deformation of their own do."""
        logs = picked @ self.log_scales
        if self.driven:  # what the code drives means the same whatever the template
            logs = torch.where(self.shared, self.log_scales.mean(0), logs)
        scales = self.scales * torch.exp(PARAMETER_GAIN * logs)
        if not self.driven:
            return noise * scales
        amounts = torch.cat([self._told(driving), noise], dim=1)[:, self._order]
        if TURN not in self.driven:
            return amounts * scales
        return torch.cat([amounts[:, :1], amounts[:, 1:] * scales[:, 1:]], dim=1)  # the rotation is the first

    def _told(self, driving: Tensor) -> Tensor:
        """Return one number for each driven deformation, from the part of the code that drives them."""
        columns, start = [], 0
        for name in self.driven:
            width = 2 if name == TURN else 1
            part = driving[:, start : start + width]
            columns.append(torch.atan2(part[:, 1], part[:, 0])[:, None] if name == TURN else part)
            start += width
        return torch.cat(columns, dim=1)

    def forward(self, code: Tensor, noise: Tensor) -> Tensor:
        """Return the deformed templates.

        Args:
            code: Codes, shape ``(n, code_dim)``, with what drives deformations behind.
            noise: Standard normal noise, shape ``(n, noise_dim)``.

        Returns:
            Images, shape ``(n, *shape)``, not clipped.
        """
        amounts = self.deformations(code, noise)
        code = code[:, : self.n_templates]
        images = self._thicken(code, amounts[:, N_AFFINE]) + self._changes(code, amounts)
        images = grid_sample(images, self._places(amounts), align_corners=False, padding_mode="border")
        gains = tempered(amounts[:, N_AFFINE + 1], LARGEST_LOG).exp()[:, None]
        if self._n_gains:
            channels = amounts[:, N_AFFINE + 2 : N_AFFINE + 2 + self._n_gains]
            gains = gains * tempered(channels, LARGEST_LOG).exp()
        return images * gains[:, :, None, None]

    def _thicken(self, code: Tensor, amount: Tensor) -> Tensor:
        """Dilate (amount > 0) or erode (< 0) the templates, shape ``(n, *shape)``."""
        templates = PARAMETER_GAIN * self.deviations + self.centre
        growth = max_pool2d(templates, 3, stride=1, padding=1) - templates
        loss = -max_pool2d(-templates, 3, stride=1, padding=1) - templates
        amount = torch.tanh(amount)[:, None]
        # One product picks, for each image, the template and its change.
        weights = torch.cat([code, code * amount.relu(), code * (-amount).relu()], dim=1)
        bank = torch.cat([PARAMETER_GAIN * self.deviations, growth, loss]).flatten(1)
        return (weights @ bank + self.centre.flatten()).view(-1, *self.shape)

    def _changes(self, code: Tensor, amounts: Tensor) -> Tensor:
        """Return what each template's own directions add to it, shape ``(n, *shape)``."""
        n_changes = self.directions.shape[1]
        along = code[:, :, None] * amounts[:, None, amounts.shape[1] - n_changes :]
        return PARAMETER_GAIN * torch.tensordot(along, self.directions, dims=2)

    def _places(self, amounts: Tensor) -> Tensor:
        """Return where in the template each output pixel looks, shape ``(n, height, width, 2)``, x first."""
        _, height, width = self.shape
        places = _affine_matrices(amounts[:, :N_AFFINE]) @ self.pixels
        if self.displacement_grid:
            first, count = N_AFFINE + 2 + self._n_gains, 2 * self.displacement_grid**2
            displacements = amounts[:, first : first + count].reshape(len(amounts) * 2, -1)
            places = places + (displacements @ self.splines).view(len(amounts), 2, -1)
        return places.view(-1, 2, height, width).permute(0, 2, 3, 1)


def _check(shape: Sequence[int], displacement_grid: int) -> None:
    if len(shape) != 3 or min(shape[1:]) < 8 or shape[0] < 1:
        raise ConfigError(
            f"a deformable generator makes images (channels, height, width) of at least 8 pixels a side, got shape "
            f"{tuple(shape)}; use the mlp generator for vectors"
        )
    if displacement_grid != 0 and displacement_grid < 3:
        raise ConfigError(f"displacement_grid must be 0 (no field) or at least 3, got {displacement_grid}")


def _check_driven(driven: Sequence[str], every: Sequence[str]) -> None:
    for name in driven:
        if name not in every:
            raise ConfigError(f"the code cannot drive {name!r}: expected deformations of {', '.join(every)}")
    if len(set(driven)) < len(driven):
        raise ConfigError(f"the code can drive each deformation once, got {', '.join(driven)}")


def _spline_surfaces(grid: int, height: int, width: int) -> Tensor:
    """Return the cubic B-spline surface of every control point, shape ``(grid**2, height * width)``."""
    if grid == 0:
        return torch.zeros(0, height * width)
    rows, columns = _cubic_splines(grid, height), _cubic_splines(grid, width)
    return torch.einsum("ha,wb->abhw", rows, columns).reshape(grid**2, height * width)


def _cubic_splines(grid: int, size: int) -> Tensor:
    """Return the cubic B-splines around ``grid`` equally spaced knots on [-1, 1] at the pixels, ``(size, grid)``."""
    distance = (centres(size)[:, None] - torch.linspace(-1, 1, grid)).abs() * (grid - 1) / 2
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp_min(0) ** 3 / 6
    return torch.where(distance < 1, near, far)


def _affine_matrices(amounts: Tensor) -> Tensor:
    """Return the maps from output to template, shape ``(n, 2, 3)``, from the six affine amounts."""
    rotation, scale, stretch, shear, x, y = amounts.unbind(1)
    cos, sin = torch.cos(rotation), torch.sin(rotation)
    along_x, along_y = (tempered(log, LARGEST_LOG).exp() for log in (-scale - stretch, -scale + stretch))
    first = torch.stack([cos * along_x, (cos * shear - sin) * along_y], dim=1)
    second = torch.stack([sin * along_x, (sin * shear + cos) * along_y], dim=1)
    linear = torch.stack([first, second], dim=1)
    return torch.cat([linear, -linear @ torch.stack([x, y], dim=1).unsqueeze(2)], dim=2)
