"""Which directions of the data the code and the noise move, for Gaussians whose principal axes are known."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num

from infot.errors import ProblemError
from infot.metrics.base import Array, Metric, as_array

__all__ = ["Axes", "axes_metrics", "linear_response", "read_axes"]

NEGLIGIBLE = 1e-3
"""Noise that moves samples by less than this share of the data's spread has no direction worth judging."""


@dataclass(frozen=True)
class Axes:
    """How latents lie to the principal axes of the data.

    Attributes:
        code_cosines: |cos| between what code j moves and principal axis j, shape (q,), q the number of codes
            that have an axis.
        noise_cosine: Largest share of the noise's movement along an axis that belongs to a code; None if
            every axis belongs to a code, since noise then has nowhere else to go.
        scale_ratios: Standard deviation of the samples along each axis over that of the data, shape (d,).
    """

    code_cosines: Float[np.ndarray, " q"]
    noise_cosine: float | None
    scale_ratios: Float[np.ndarray, " d"]


def linear_response(latents: Num[Array, "n p"], samples: Num[Array, "m d"]) -> Float[np.ndarray, "d p"]:
    """Return the matrix A of the least-squares fit x ≈ A·(z/std(z)) + b.

    Column j is what one standard deviation of latent j moves.

    For a linear generator this is the generator itself, whatever the draw; for a curved one its best linear
    part.

    Raises:
        ProblemError: If the lengths differ or there are too few samples to fit.
    """
    z, x = as_array(latents, "latents", ndim=2), as_array(samples, "samples", ndim=2)
    if len(z) != len(x):
        raise ProblemError(f"latents and samples must have one length, got {len(z)} and {len(x)}")
    if len(z) <= z.shape[1] + 1:
        raise ProblemError(
            f"a fit of {z.shape[1]} latents needs more than {z.shape[1] + 1} samples, got {len(z)}"
        )
    centred = z - z.mean(axis=0)
    centred /= np.maximum(centred.std(axis=0), np.finfo(float).tiny)
    return np.linalg.lstsq(centred, x - x.mean(axis=0), rcond=None)[0].T


def read_axes(
    code: Num[Array, "n k"],
    noise: Num[Array, "n e"],
    samples: Num[Array, "n d"],
    *,
    axes: Num[Array, "q q"],
    variances: Num[Array, " q"],
) -> Axes:
    """Compare what code and noise move with the principal axes of the data.

    With A = [A_c, A_e] the :func:`linear_response`, u_j the axes and v_j their variances: code j is compared
    with axis j, |cos(A_c,j, u_j)|; the noise with every axis that has a code, max_j |A_eᵀ u_j| / |A_e|, for a
    single noise |cos(A_e, u_j)|; the scale along axis j is std(⟨u_j, x⟩) / √v_j.

    Args:
        code: Continuous code coordinates of each sample, the most informative first.
        noise: Noise of each sample.
        samples: Generated points.
        axes: Principal axes of the data as unit rows, as many as dimensions, largest variance first.
        variances: Variance of the data along each axis.

    Raises:
        ProblemError: If axes and samples differ in dimension.
    """
    x, u = as_array(samples, "samples", ndim=2), as_array(axes, "axes", ndim=2)
    scales = np.sqrt(as_array(variances, "variances", ndim=1))
    c, e = as_array(code, "code", ndim=2), as_array(noise, "noise", ndim=2)
    if u.shape != (x.shape[1], x.shape[1]) or len(scales) != len(u):
        raise ProblemError(
            f"samples of {x.shape[1]} dimensions need as many axes and variances, got {u.shape}"
        )
    response = u @ linear_response(np.concatenate([c, e], axis=1), x)  # row j: movement along axis j
    q = min(c.shape[1], len(u))
    lengths = np.maximum(np.linalg.norm(response, axis=0), np.finfo(float).tiny)
    cosines = np.abs(np.diagonal(response)[:q]) / lengths[:q]
    moved_by_noise = response[:, c.shape[1] :]
    return Axes(cosines, _noise_cosine(moved_by_noise, q, scales), (x @ u.T).std(axis=0) / scales)


def axes_metrics(axes: Axes, n: int) -> dict[str, Metric]:
    """Return ``code_axis_cosine`` (the worst one's), ``noise_axis_cosine``, ``scale_ratio_min``, ``_max``.

    With several codes each one's own cosine follows as ``code_axis_cosine_1``, ``_2``, …

    Args:
        axes: What :func:`read_axes` found.
        n: Number of samples it rests on.
    """
    metrics = [Metric("code_axis_cosine", float(axes.code_cosines.min()), 0.0, 1.0, "higher", n)]
    if len(axes.code_cosines) > 1:
        metrics += [
            Metric(f"code_axis_cosine_{j}", float(value), 0.0, 1.0, "higher", n)
            for j, value in enumerate(axes.code_cosines, start=1)
        ]
    if axes.noise_cosine is not None:
        metrics.append(Metric("noise_axis_cosine", axes.noise_cosine, 0.0, 1.0, "lower", n))
    metrics.append(Metric("scale_ratio_min", float(axes.scale_ratios.min()), 0.0, 1.0, "higher", n))
    metrics.append(Metric("scale_ratio_max", float(axes.scale_ratios.max()), 1.0, None, "lower", n))
    return {metric.name: metric for metric in metrics}


def _noise_cosine(moved: np.ndarray, n_code_axes: int, scales: np.ndarray) -> float | None:
    if n_code_axes == len(moved):
        return None
    total = np.linalg.norm(moved)
    if total < NEGLIGIBLE * np.linalg.norm(scales):
        return 0.0
    return float(np.linalg.norm(moved[:n_code_axes], axis=1).max() / total)
