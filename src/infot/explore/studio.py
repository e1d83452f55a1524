"""What a model answers when a visitor moves a slider or shows it a datum."""

import base64
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from infot.errors import ConfigError, NumericalError
from infot.explore.controls import Control, code_controls, code_of, code_words, noise_controls, noise_of
from infot.explore.held_out import HeldOut, picture_of
from infot.explore.plane import ModelPlane
from infot.model import TrainedModel
from infot.models.blocks import Categorical
from infot.models.latents import LatentSpace
from infot.objectives.base import Partners
from infot.random import Streams
from infot.report.images import posterior_bars
from infot.training.callbacks import grid_png

__all__ = ["COLUMNS", "MAX_SAMPLES", "Studio"]

MAX_SAMPLES = 64
"""Samples drawn at once."""
COLUMNS = 8
"""Samples in a row of the picture."""
PARTNERS = 6
"""Heaviest couplings of a datum that are shown."""
BACKGROUND = 800
"""Samples of all codes behind those of the chosen one (vectors)."""
BAR_LIMIT = 100
"""Values of a categorical block above which their shares are not drawn."""


@dataclass(frozen=True, eq=False)
class Studio:
    """A model, and data to hold against it; one visitor's question at a time.

    Attributes:
        model: The model.
        held_out: Data to look at, or None.
        absent: Why there is none, in a sentence.
    """

    model: TrainedModel
    held_out: HeldOut | None
    absent: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def draws_pictures(self) -> bool:
        """Whether the model makes images."""
        return self.model.data.kind == "images"

    @cached_property
    def code_controls(self) -> tuple[Control, ...]:
        """How the code is set."""
        return code_controls(self.model.latents, self.model.config.model)

    @cached_property
    def noise_controls(self) -> tuple[Control, ...]:
        """How the noise is set."""
        return noise_controls(self.model.latents, self.model.config.model, self.model.data.shape)

    def noise(self, seed: int, n: int) -> Tensor:
        """Draw noise, shape ``(n, noise_dim)``: the samples of :meth:`samples` with this seed have it."""
        if not 1 <= n <= MAX_SAMPLES:
            raise ConfigError(f"n: expected 1 to {MAX_SAMPLES}, got {n}")
        return self.model.latents.sample_noise(n, Streams(seed)("explore"))

    def samples(self, code: Sequence[float], seed: int, n: int) -> bytes:
        """Return samples at one code as a PNG, ``COLUMNS`` in a row."""
        noise = self.noise(seed, n)
        return grid_png(self._generate(self._code(code).expand(n, -1), noise), columns=COLUMNS)

    def picture(self, code: Sequence[float], noise: Sequence[float]) -> bytes:
        """Return the image of one code and one noise as a PNG."""
        image = self._generate(self._code(code).unsqueeze(0), self._noise(noise).unsqueeze(0))
        return grid_png(image, columns=1)

    def choices(self, code: Sequence[float], noise: Sequence[float], at: int) -> bytes:
        """Return the images of every value of one categorical block, the rest kept, side by side in a PNG.

        Args:
            code: Numbers of the controls of the code.
            noise: The noise.
            at: Position among the controls of the code of the block's.
        """
        if not 0 <= at < len(self.code_controls) or self.code_controls[at].kind != "choice":
            raise ConfigError(f"at: control {at} of the code is no choice among values")
        if len(code) != len(self.code_controls):
            raise ConfigError(f"code: expected {len(self.code_controls)} numbers, got {len(code)}")
        n = int(self.code_controls[at].high) + 1
        codes = torch.stack([self._code([*code[:at], value, *code[at + 1 :]]) for value in range(n)])
        return grid_png(self._generate(codes, self._noise(noise).expand(n, -1)), columns=n, gap=0)

    def plane(self, code: Sequence[float], noise: Sequence[float], seed: int, n: int) -> str:
        """Return the samples at one code over data and samples of all codes, as SVG (vectors)."""
        many = self._code(code).expand(n, -1)
        points = self._generate(
            torch.cat([many, many[:1]]), torch.cat([self.noise(seed, n), self._noise(noise)[None]])
        )
        return self._plane.samples_at(
            self.model.unscale(points[:-1]).numpy(), self.model.unscale(points[-1:]).numpy()
        )

    def reading(self, index: int) -> dict[str, Any]:
        """Tell what the model reads of a held-out datum, in plain values; see :meth:`reading_of`.

        Raises:
            ConfigError: If there is no such datum.
        """
        if self.held_out is None:
            raise ConfigError(self.absent)
        n = len(self.held_out.points)
        if not 0 <= index < n:
            raise ConfigError(f"index: expected 0 to {n - 1}, got {index}")
        told = {"index": index, "label": self.held_out.label(index)}
        return told | self.reading_of(self.held_out.points[index : index + 1])

    def own_reading(self, content: bytes, *, invert: bool) -> dict[str, Any]:
        """Tell what the model reads of an image file of the user's own; see :meth:`reading_of`.

        Args:
            content: The file.
            invert: Whether dark and light change places first: ink on paper becomes light on dark.
        """
        if not self.draws_pictures:
            raise ConfigError(f"the model was trained on {self.model.data.kind}: it has no use for a picture")
        picture = picture_of(content, self.model.data.shape)
        return {"index": None, "label": None} | self.reading_of(1 - picture if invert else picture)

    def reading_of(self, x: Tensor) -> dict[str, Any]:
        """Tell what the model reads of a datum, shape ``(1, *shape)``.

        Returns:
            ``shares`` of the values of each categorical block with their ``bars`` (SVG), ``code`` as numbers of the
            controls and in ``words``; under a plan also what it is ``rebuilt`` as and its ``partners`` with their mass.
            Images are data addresses; of vectors there is a drawing, ``plane``.
        """
        told: dict[str, Any] = {"datum": self._address(x), "rebuilt": None, "partners": [], "plane": None}
        if self.model.coder is None:
            return told | {"code": None, "words": "", "blocks": []}
        with self._lock:
            encoding = self.model.encode(x)
            rebuilt = self.model.reconstruct(x) if self.model.holds_plan else None
            partners = self.model.partners(x, PARTNERS) if self.model.holds_plan else None
        latents = self.model.latents
        told |= {
            "code": latents.coordinates(encoding.mean)[0].tolist(),
            "words": " · ".join(code_words(latents, encoding.mean[0])),
            "blocks": self._blocks(encoding.posterior[0]),
        }
        if rebuilt is not None and partners is not None:
            told |= {"rebuilt": self._address(rebuilt), "partners": self._partners(partners)}
        if not self.draws_pictures:
            told["plane"] = self._reading_plane(x, rebuilt, partners)
        return told

    def _blocks(self, posterior: Tensor) -> list[dict[str, Any]]:
        """Return the shares of the values of each categorical block."""
        coder, found, at = self.model.coder, [], 0
        assert coder is not None  # the caller has a posterior
        widths = [block.dim for block in self.model.latents.code]
        parts = (posterior @ coder.code_values.cpu()).split(widths)
        for block, part in zip(self.model.latents.code, parts, strict=True):
            if isinstance(block, Categorical):
                bars = str(posterior_bars(part.numpy())) if block.n <= BAR_LIMIT else ""
                found.append({"name": self.code_controls[at].name, "shares": part.tolist(), "bars": bars})
            at += block.n_coordinates
        return found

    def _partners(self, partners: Partners) -> list[dict[str, Any]]:
        coder = self.model.coder
        assert coder is not None  # the caller has partners
        names = _told_apart(self.model.latents, coder.code_values.cpu())
        found = zip(partners.points[0], partners.codes[0].tolist(), partners.mass[0].tolist(), strict=True)
        return [
            {
                "words": names[code],
                "mass": mass,
                "picture": self._address(point.unsqueeze(0)),
            }
            for point, code, mass in found
        ]

    def _reading_plane(self, x: Tensor, rebuilt: Tensor | None, partners: Partners | None) -> str:
        datum = self.model.unscale(x).numpy()
        if rebuilt is None or partners is None:
            return self._plane.datum(datum)
        points = self.model.unscale(partners.points[0]).numpy()
        return self._plane.coupled(
            datum, points, partners.mass[0].numpy(), self.model.unscale(rebuilt).numpy()
        )

    @cached_property
    def _plane(self) -> ModelPlane:
        """The plane in which vectors are drawn, with data and samples of all codes."""
        latent = self.model.latents.sample(BACKGROUND, Streams(0)("explore/background"))
        samples = self.model.unscale(self._generate(*latent)).numpy()
        n_codes = self.model.latents.n_codes
        codes = latent.code[:, 0] if n_codes is None else self._index(latent.code)
        data = None if self.held_out is None else self.model.unscale(self.held_out.points).numpy()
        return ModelPlane.of(samples, codes.numpy(), data)

    def _index(self, codes: Tensor) -> Tensor:
        return (codes @ self.model.latents.code_values().T).argmax(dim=1)

    def _code(self, numbers: Sequence[float]) -> Tensor:
        return code_of(self.model.latents, self.code_controls, numbers)

    def _noise(self, numbers: Sequence[float]) -> Tensor:
        return noise_of(self.model.latents, numbers)

    def _generate(self, code: Tensor, noise: Tensor) -> Tensor:
        with self._lock:
            points = self.model.generate(code, noise)
        if not bool(torch.isfinite(points).all()):
            raise NumericalError("the generator gives NaN or infinite values here")
        return points

    def _address(self, image: Tensor) -> str | None:
        """Return one image as a data address; vectors have none."""
        if not self.draws_pictures:
            return None
        return f"data:image/png;base64,{base64.b64encode(grid_png(image, columns=1)).decode('ascii')}"


def _told_apart(latents: LatentSpace, values: Tensor) -> list[str]:
    """Name code values by the numbers that differ among them: the charts of a continuous code share the others."""
    numbers = latents.coordinates(values)
    differ = (numbers != numbers[:1]).any(dim=0)
    words = [code_words(latents, value) for value in values]
    return [" · ".join(word for word, kept in zip(one, differ, strict=True) if kept) for one in words]
