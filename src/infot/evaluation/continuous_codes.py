"""What the uniform and normal codes of a plan carry, how they follow their priors, and what they do to images."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from infot.evaluation.exhibits import Model
from infot.metrics import (
    ATTRIBUTES,
    Metric,
    code_law_metrics,
    correlations,
    picture_attributes,
    prior_distance_metrics,
)
from infot.models.blocks import Normal, Uniform

__all__ = ["ContinuousCodes", "measure_continuous_codes"]

DATA = 1000
"""Held-out data on which the laws are compared with each other, the first ones."""
EDGE = 1e-6
"""How near to the ends of its interval a uniform code counts."""


@dataclass(frozen=True, eq=False)
class ContinuousCodes:
    """What was measured of uniform and normal codes, numbered in their order.

    Attributes:
        metrics: Information, gap to the prior, distance of the codes read of data from it, for each code; the largest
            correlation of two.
        arrays: ``attribute_names`` (a,), ``attribute_codes`` (d,) the names of the codes, ``attribute_correlations``
            (d, a) of held-out data, and ``attribute_effects`` (d, a): what a code does to generated images from end to
            end, mean over categories, in standard deviations of held-out data.
    """

    metrics: dict[str, Metric] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def measure_continuous_codes(model: Model, data: Tensor, sweeps: np.ndarray | None) -> ContinuousCodes:
    """Measure the uniform and normal codes of a model whose plan holds laws of them; nothing of others.

    Args:
        model: The model.
        data: Held-out data.
        sweeps: Images along each continuous coordinate in each category, ``(J, K, T, *shape)``, where there are any.
    """
    laws, x = model.code_laws(data[:DATA]), data[:DATA]
    if laws is None or len(x) < 2:
        return ContinuousCodes()
    held = [block for block in model.latents.code for _ in range(block.n_normals)]
    chosen = [j for j, block in enumerate(held) if isinstance(block, Uniform | Normal)]
    if not chosen:
        return ContinuousCodes()
    metrics = code_law_metrics(laws.mean[:, chosen], laws.log_std[:, chosen].exp())
    names, numbers = _read(model, x)
    metrics |= prior_distance_metrics(numbers)
    if len(names) > 1:
        between = np.abs(correlations(numbers, numbers)) - np.eye(len(names))
        largest = Metric("code_correlation", float(between.max()), 0.0, 1.0, "lower", len(x))
        metrics[largest.name] = largest
    if sweeps is None:
        return ContinuousCodes(metrics)
    attributes = picture_attributes(x)
    arrays = {
        "attribute_names": np.array(ATTRIBUTES),
        "attribute_codes": np.array(names),
        "attribute_correlations": correlations(numbers, attributes).astype(np.float32),
        "attribute_effects": _effects(sweeps[chosen], attributes.std(axis=0)).astype(np.float32),
    }
    return ContinuousCodes(metrics, arrays)


def _read(model: Model, x: Tensor) -> tuple[list[str], np.ndarray]:
    """Return names and values of the uniform and normal codes of data, brought to a standard normal prior."""
    blocks = [block for block in model.latents.code for _ in range(block.n_coordinates)]
    values = model.latents.coordinates(model.encode(x).mean).T
    names, columns = [], []
    for name, block, column in zip(model.code_names, blocks, values, strict=True):
        if isinstance(block, Uniform | Normal):
            names.append(name)
            columns.append(_quantiles(column.double()) if isinstance(block, Uniform) else column.double())
    return names, torch.stack(columns, dim=1).numpy()


def _quantiles(uniform: Tensor) -> Tensor:
    """Map a uniform prior on [-1, 1] to a standard normal one."""
    return torch.special.ndtri((1 + uniform.clamp(EDGE - 1, 1 - EDGE)) / 2)


def _effects(sweeps: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return how far attributes move from the first image of a sweep to the last, (d, a), in units of ``spread``."""
    ends = [picture_attributes(sweeps[:, :, t].reshape(-1, *sweeps.shape[3:]).clip(0, 1)) for t in (0, -1)]
    change = (ends[1] - ends[0]).reshape(*sweeps.shape[:2], -1).mean(axis=1)
    return change / np.maximum(spread, EDGE)
