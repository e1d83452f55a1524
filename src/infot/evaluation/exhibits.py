"""What a report shows of a model, as plain arrays: samples, templates, traversals, plan, some codes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from infot.data import Dataset
from infot.errors import NumericalError
from infot.model import Encoding
from infot.models.blocks import Categorical, Empty, Normal
from infot.models.encoders import GaussianNoise
from infot.models.latents import LatentSpace
from infot.objectives.base import Partners
from infot.random import Streams

__all__ = ["Codes", "Model", "Samples", "exhibits", "generate"]

MAX_ROWS = 100
"""Code values shown."""
SAMPLES_PER_CODE = 12
"""Noise draws for each code value shown (images)."""
MAX_TRAVERSALS = 12
"""Noise coordinates swept, the first ones."""
TRAVERSAL_STEPS = 9
"""Values on each sweep."""
FILM_STEPS = 27
"""Values on each sweep of images, which a report shows moving."""
LOOP_STEPS, LOOP_CODES = 24, 12
"""Noises on a loop that a report shows moving, and codes, the first ones, that take it."""
CODED_IMAGES = 40
"""Held-out images shown with their code posterior."""
PLAN_POINTS = 240
"""Held-out points whose couplings are shown (vectors)."""
PARTNERS = 3
"""Generated points shown for each of them: those that hold most of its mass."""
MAX_VALUES = 1_000_000
"""Values in an array of points: keeps the file small for data of high dimension."""


class Model(Protocol):
    """What evaluation needs of a model; :class:`infot.model.TrainedModel` is one."""

    @property
    def latents(self) -> LatentSpace:
        """The latent space."""
        ...

    @property
    def holds_plan(self) -> bool:
        """Whether the model couples data with what it generates."""
        ...

    @property
    def route(self) -> str:
        """What codes of data are read by, in words that end a sentence."""
        ...

    @property
    def code_names(self) -> tuple[str, ...]:
        """A name for each coordinate of the code."""
        ...

    @property
    def noise_names(self) -> tuple[str, ...]:
        """A name for each coordinate of the noise."""
        ...

    def generate(self, code: Tensor, noise: Tensor) -> Tensor:
        """Return generated data (n, *shape), on the CPU."""
        ...

    def posterior(self, x: Tensor) -> Tensor:
        """Return r(c|x), (n, K); raise ConfigError where the model cannot read codes of data."""
        ...

    def by_category(self, posterior: Tensor) -> Tensor | None:
        """Return a posterior summed over each category, (n, n_categories); None without categorical blocks."""
        ...

    def code_laws(self, x: Tensor) -> GaussianNoise | None:
        """Return the normal laws of the code's coordinates within their charts, or None."""
        ...

    def encode(self, x: Tensor) -> Encoding:
        """Return the code of each datum with its mean, (n, code_dim); raise as :meth:`posterior`."""
        ...

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return what the plan couples with each datum, (n, *shape)."""
        ...

    def partners(self, x: Tensor, count: int) -> Partners:
        """Return the heaviest couplings of each datum under the plan."""
        ...


@dataclass(frozen=True, eq=False)
class Samples:
    """Generated points.

    Attributes:
        points: Shape (n, *shape).
        code: Their codes, shape (n, code_dim).
        noise: Their noises, shape (n, noise_dim).
    """

    points: Tensor
    code: Tensor
    noise: Tensor

    def code_index(self, latents: LatentSpace) -> Tensor:
        """Return the category of each point's code, int64, shape (n,)."""
        return latents.category_index(self.code)


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes of held-out data.

    Attributes:
        data: Shape (m, *shape).
        labels: Their labels, shape (m,), or None.
        posterior: r(c|x), shape (m, K).
        categories: The posterior of the category, shape (m, n_categories), or None where there are none.
    """

    data: Tensor
    labels: Tensor | None
    posterior: Tensor
    categories: Tensor | None

    @property
    def shown(self) -> Tensor:
        """The posterior of the category where there is one, else of the code."""
        return self.posterior if self.categories is None else self.categories


def generate(model: Model, code: Tensor, noise: Tensor) -> Tensor:
    """Generate, and refuse what no metric can judge.

    Raises:
        NumericalError: If the generator gives NaN or infinities.
    """
    points = model.generate(code, noise)
    if not bool(torch.isfinite(points).all()):
        raise NumericalError("the generator gives NaN or infinite values: evaluate an earlier checkpoint")
    return points


def exhibits(
    model: Model, dataset: Dataset, *, samples: Samples | None, codes: Codes | None, streams: Streams
) -> dict[str, np.ndarray]:
    """Return the arrays of ``evaluation.npz`` that show the model: float32 and int64, no objects.

    Images: ``samples`` (K, S, *shape), the same S noises for every code; ``templates`` (K, *shape), noise at
    its mean; ``traversals`` (J, T, *shape) of the first code with ``traversal_values`` (T,); ``code_traversals``
    (J, T, *shape) along each continuous coordinate of the code, where there is a categorical block too also for each
    of its first values, ``category_traversals`` (J, K, T, *shape); ``code_loops`` (K, T, *shape) of the first codes
    that can be listed while a normal noise goes once around; the names of what is swept, ``traversal_names`` and
    ``code_traversal_names``;
    ``posterior_data`` (m, *shape), ``posterior`` (m, K), ``posterior_labels`` (m,), ``reconstructions`` (m,
    *shape).

    Vectors, tables in the user's units: ``samples`` (n, d) with ``sample_codes`` (n,), ``data`` (n, d) held
    out; ``traversals`` (J, T, K, d); the plan as ``plan_latent_points`` (p, d), ``plan_latent_codes`` (p,),
    ``plan_data_points`` (q, d), ``plan_pairs`` (r, 2), ``plan_mass`` (r,): the three heaviest couplings of
    some held-out points under the trained plan.

    With a continuous code the K rows sweep its coordinates, one after the other, and ``sample_codes`` and
    ``plan_latent_codes`` counts the draws.

    Args:
        model: The model.
        dataset: Its data; the held-out part is shown.
        samples: Independent draws of the model, for vectors; None for images, which are drawn code by code.
        codes: Codes of held-out data, or None where the model cannot read them.
        streams: Source of randomness.
    """
    if samples is not None:
        arrays = _vector_samples(model, dataset, samples)
        if model.holds_plan:
            arrays |= _plan(model, dataset, streams)
    else:
        arrays = _image_samples(model, streams) | _code_traversals(model) | _code_loops(model, streams)
        if codes is not None:
            arrays |= _coded_images(model, codes, streams)
    arrays |= _traversals(model, dataset)
    return {name: _plain(array) for name, array in arrays.items()} | _names(model, arrays)


def _names(model: Model, arrays: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Return the names of what is swept."""
    names = {}
    if "traversals" in arrays:
        names["traversal_names"] = np.array(model.noise_names[: len(arrays["traversals"])])
    if "code_traversals" in arrays:
        blocks = [block for block in model.latents.code for _ in range(block.n_coordinates)]
        named = zip(blocks, model.code_names, strict=True)
        names["code_traversal_names"] = np.array([n for b, n in named if not isinstance(b, Categorical)])
    return names


def _image_samples(model: Model, streams: Streams) -> dict[str, Tensor]:
    rows = _row_codes(model.latents)
    n = SAMPLES_PER_CODE if model.latents.noise_dim else 1  # without noise a code has one image
    noise = model.latents.sample_noise(n, streams("evaluation/noise"))
    images = generate(model, rows.repeat_interleave(len(noise), dim=0), noise.repeat(len(rows), 1))
    templates = generate(model, rows, _mean_noise(model.latents, len(rows)))
    return {"samples": images.unflatten(0, (len(rows), len(noise))), "templates": templates}


def _code_traversals(model: Model) -> dict[str, Tensor]:
    """Return images along each continuous coordinate of the code, the noise at its mean."""
    blocks = list(zip(model.latents.code, _code_sweeps(model.latents, FILM_STEPS), strict=True))
    continuous = [sweeps for block, sweeps in blocks if not isinstance(block, Categorical)]
    if not continuous:
        return {}
    codes = torch.cat(continuous)
    arrays = {"code_traversals": _without_noise(model, codes)}
    categorical = [k for k, (block, _) in enumerate(blocks) if isinstance(block, Categorical)]
    if categorical:
        arrays["category_traversals"] = _without_noise(
            model, _in_every_category(model.latents, codes, categorical[0])
        )
    return arrays


def _in_every_category(latents: LatentSpace, codes: Tensor, at: int) -> Tensor:
    """Return codes (J, T, code_dim) with each of the first values of block ``at``, (J, K, T, code_dim)."""
    start = sum(block.dim for block in latents.code[:at])
    values = torch.eye(latents.code[at].dim)[:LOOP_CODES]
    repeated = codes.unsqueeze(1).repeat(1, len(values), 1, 1)
    repeated[..., start : start + values.shape[1]] = values.unsqueeze(1)
    return repeated


def _without_noise(model: Model, codes: Tensor) -> Tensor:
    """Return the images of codes (..., code_dim), the noise at its mean."""
    flat = codes.flatten(0, -2)
    return generate(model, flat, _mean_noise(model.latents, len(flat))).unflatten(0, codes.shape[:-1])


def _code_loops(model: Model, streams: Streams) -> dict[str, Tensor]:
    r"""Return images of the first codes while the noise runs along :math:`u \cos t + v \sin t`, once around.

    With independent normal :math:`u, v` every noise on the way has the law of noise, so no image is an unusual one.
    """
    latents = model.latents
    if latents.n_codes is None or not isinstance(latents.noise, Normal):
        return {}
    codes = latents.code_values()[:LOOP_CODES]
    ends = latents.sample_noise(2, streams("evaluation/loop"))
    angle = 2 * torch.pi * torch.arange(LOOP_STEPS) / LOOP_STEPS
    noise = torch.stack([angle.cos(), angle.sin()], dim=1) @ ends
    images = generate(model, codes.repeat_interleave(LOOP_STEPS, dim=0), noise.repeat(len(codes), 1))
    return {"code_loops": images.unflatten(0, (len(codes), LOOP_STEPS))}


def _coded_images(model: Model, codes: Codes, streams: Streams) -> dict[str, Tensor]:
    chosen = torch.randperm(len(codes.data), generator=streams("evaluation/coded"))[:CODED_IMAGES]
    arrays = {"posterior_data": codes.data[chosen], "posterior": codes.shown[chosen]}
    if model.holds_plan:
        arrays["reconstructions"] = model.reconstruct(codes.data[chosen])
    if codes.labels is not None:
        arrays["posterior_labels"] = codes.labels[chosen]
    return arrays


def _vector_samples(model: Model, dataset: Dataset, samples: Samples) -> dict[str, Tensor]:
    n = max(1, min(len(samples.points), MAX_VALUES // dataset.dim))
    return {
        "samples": _users_units(dataset, samples.points[:n]),
        "sample_codes": _shown_code(model.latents, samples)[:n],
        "data": _users_units(dataset, dataset.test[:n]),
        **_column_scales(dataset),
    }


def _plan(model: Model, dataset: Dataset, streams: Streams) -> dict[str, Tensor]:
    chosen = torch.randperm(len(dataset.test), generator=streams("evaluation/plan data"))[:PLAN_POINTS]
    data = dataset.test[chosen]
    partners = model.partners(data, PARTNERS)
    points, codes = partners.points.flatten(0, 1), partners.codes.flatten()
    # a generated point that several data share is one row of the plan
    rows, index = torch.unique(
        torch.cat([codes.unsqueeze(1).to(points), points.flatten(1)], dim=1), dim=0, return_inverse=True
    )
    columns = torch.arange(len(data)).repeat_interleave(partners.mass.shape[1])
    return {
        "plan_latent_points": _users_units(dataset, rows[:, 1:]),
        "plan_latent_codes": rows[:, 0].long(),
        "plan_data_points": _users_units(dataset, data),
        "plan_pairs": torch.stack([index, columns], dim=1),
        "plan_mass": partners.mass.flatten() / len(data),
    }


def _traversals(model: Model, dataset: Dataset) -> dict[str, Tensor]:
    latents = model.latents
    if isinstance(latents.noise, Categorical | Empty):
        return {}
    images = dataset.kind == "images"
    codes = _row_codes(latents)[: 1 if images else MAX_ROWS]
    sweeps = latents.noise.sweeps(FILM_STEPS if images else TRAVERSAL_STEPS)
    values = sweeps[0, :, 0]
    room = max(1, MAX_VALUES // (dataset.dim * TRAVERSAL_STEPS * len(codes)))
    n_axes = min(latents.noise_dim, MAX_TRAVERSALS, room)
    noise = sweeps[:n_axes].unsqueeze(2).expand(-1, -1, len(codes), -1)
    points = generate(model, codes.repeat(n_axes * len(values), 1), noise.flatten(0, 2))
    if images:
        return {"traversals": points.unflatten(0, noise.shape[:2]), "traversal_values": values}
    points = _users_units(dataset, points)
    return {"traversals": points.unflatten(0, noise.shape[:3]), "traversal_values": values}


def _row_codes(latents: LatentSpace) -> Tensor:
    """Return the codes shown: all values, or sweeps of each coordinate with the rest at its centre."""
    if latents.n_codes is not None:
        return latents.code_values()[:MAX_ROWS]
    return torch.cat([sweep for sweeps in _code_sweeps(latents, TRAVERSAL_STEPS) for sweep in sweeps])[
        :MAX_ROWS
    ]


def _code_sweeps(latents: LatentSpace, steps: int) -> list[Tensor]:
    """Return for each block the codes along its coordinates, ``(j, t, code_dim)``, other blocks at their centres."""
    centres = [block.centre() for block in latents.code]
    found = []
    for i, block in enumerate(latents.code):
        values = block.sweeps(steps)
        parts = [
            values if k == i else centre.expand(*values.shape[:2], -1) for k, centre in enumerate(centres)
        ]
        found.append(torch.cat(parts, dim=2))
    return found


def _mean_noise(latents: LatentSpace, n: int) -> Tensor:
    return latents.noise.centre().repeat(n, 1)


def _shown_code(latents: LatentSpace, samples: Samples) -> Tensor:
    return samples.code_index(latents) if latents.n_codes is not None else samples.code[:, 0]


def _column_scales(dataset: Dataset) -> dict[str, Tensor]:
    """Return the spread of a table's columns, in whose units distances are taken."""
    return {} if dataset.scaling is None else {"column_scales": dataset.scaling.std}


def _users_units(dataset: Dataset, points: Tensor) -> Tensor:
    return points if dataset.scaling is None else dataset.scaling.undo(points)


def _plain(array: Tensor) -> np.ndarray:
    kind = torch.float32 if array.is_floating_point() else torch.int64
    return array.detach().cpu().to(kind).numpy()
