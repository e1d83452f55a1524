"""Measure a trained model by the protocol of its data, and write the result into its run folder."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infot.atomic import write_bytes, write_text
from infot.data import Dataset, GaussianMixture
from infot.data.factors import FactorImages
from infot.errors import ConfigError, RunFolderError
from infot.evaluation.continuous_codes import measure_continuous_codes
from infot.evaluation.exhibits import Codes, Model, Samples, exhibits, generate
from infot.evaluation.factor_codes import measure_factors, number_names
from infot.evaluation.generated_factors import measure_generator
from infot.evaluation.picture_quality import has_pictures_to_judge, picture_quality
from infot.metrics import (
    DEFAULT,
    Disentanglement,
    Metric,
    axes_metrics,
    class_share_metric,
    clustering_metrics,
    code_frequencies,
    code_metrics,
    contingency,
    coverage_metrics,
    nearest_modes,
    noise_nmi_metric,
    plan_information_metric,
    read_axes,
    reconstruction_metric,
    to_json,
    usage_metrics,
    w2_data_metric,
    w2_metric,
)
from infot.models.blocks import Categorical
from infot.random import Streams

__all__ = ["Evaluation", "evaluate", "write"]

COVERAGE_SAMPLES = 2500
"""Independent samples for modes, quality and balance: PacGAN's protocol."""
W2_SAMPLES = 2000
"""Points on either side of the exact W2."""
NOISE_SAMPLES = 10_000
"""Draws from which the noise's information on the mode is estimated, and the axes of a linear response."""
PROFILE = DEFAULT
"""How the codes of images with known factors are measured."""
HELD_OUT_LIMIT = 10_000
"""Held-out data whose codes are read; a larger held-out part is thinned."""
HELD_OUT_VALUES = 50_000_000
"""Values (pixels, channels) in the held-out data whose codes are read: 200 MB, some copies of which are held."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured, how, and on what.

    Attributes:
        protocol: How: seed, sample counts, and what codes and plan come from, in plain values.
        data: On what: name, kind, sizes and source of the data.
        metrics: The measurements by name.
        arrays: What a report shows, see :func:`infot.evaluation.exhibits.exhibits`.
    """

    protocol: dict[str, Any]
    data: dict[str, Any]
    metrics: dict[str, Metric]
    arrays: dict[str, np.ndarray]

    def to_json(self) -> dict[str, Any]:
        """Return ``{protocol, data, metrics}`` in plain values."""
        return {"protocol": self.protocol, "data": self.data, "metrics": to_json(self.metrics)}


def evaluate(
    model: Model, dataset: Dataset, *, seed: int, tell: Callable[[str], None] = lambda stage: None
) -> Evaluation:
    """Measure a model on its data.

    - Known Gaussian mixtures: coverage and quality of 2500 independent samples, exact W2 of 2000 with
      stratified codes, what the code of these samples says about their mode, what the noise of 10,000 says
      about it.
    - Gaussians with known axes: how the continuous code and the noise lie to them.
    - Other vectors: exact W2 to held-out data, in the units of training (standardised for tables).
    - Images with known factors: how well single dimensions of the code stand for single factors; and, whether or not
      codes of data can be read, how well they decide the factors of what is generated
      (:mod:`infot.evaluation.generated_factors`).
    - Labelled data: the likeliest code of held-out data, by the plan or the recognition network, against the label.
    - Labelled images: quality and variety of samples, see :mod:`infot.evaluation.picture_quality`.
    - Wherever codes of data range over the values of the code: how often the rarest is used, the entropy of their use,
      and with labels how far the classes are from being drawn as often as they occur.
    - Wherever a plan holds laws of continuous codes: what each code carries, how it follows its prior, and for images
      what it does, see :func:`infot.evaluation.continuous_codes.measure_continuous_codes`.
    - Wherever the model holds a plan: I(c;x) under it on held-out data; for images also the reconstruction error.

    Args:
        model: The trained model.
        dataset: The data it was trained on; its held-out part is used.
        seed: Seed of every draw; the same seed gives the same evaluation.
        tell: Told what comes next, where it may take long.

    Raises:
        NumericalError: If the generator gives values that are not finite.
    """
    streams = Streams(seed)
    tell("the codes of held-out data")
    samples = _independent(model, COVERAGE_SAMPLES, streams) if dataset.kind == "vectors" else None
    codes = _read_codes(model, dataset, streams)
    metrics, table = _generation(model, dataset, samples, streams)
    if codes is not None and codes.labels is not None and table is None:
        table = _label_table(codes.shown, codes.labels, dataset)
        metrics |= clustering_metrics(table)
    if codes is not None and codes.categories is not None:
        metrics |= _usage(model, dataset, codes)
    if codes is not None and model.holds_plan:
        information = plan_information_metric(codes.posterior)
        metrics[information.name] = information
        if dataset.kind == "images":
            error = reconstruction_metric(codes.data.flatten(1), model.reconstruct(codes.data).flatten(1))
            metrics[error.name] = error
    protocol = _protocol(model, dataset, codes, seed)
    if has_pictures_to_judge(dataset):
        tell("samples, seen through a classifier, which learns these data the first time")
        pictures = picture_quality(model, dataset, streams)
        metrics |= pictures.metrics
        protocol |= pictures.protocol
    arrays = exhibits(model, dataset, samples=samples, codes=codes, streams=streams)
    if codes is not None:
        knobs = measure_continuous_codes(model, codes.data, arrays.get("category_traversals"))
        metrics |= knobs.metrics
        arrays |= knobs.arrays
    if codes is not None and dataset.factors is not None:
        tell(f"the codes of {PROFILE.train + PROFILE.test} rendered images")
        found = measure_factors(model, dataset.factors, streams("evaluation/factors"), profile=PROFILE)
        metrics |= found.metrics
        arrays |= _factor_tables(model, dataset.factors, found)
    if dataset.factors is not None:
        tell("the factors of what is generated, read by a classifier, which learns these data the first time")
        drawn = measure_generator(model, dataset.factors, streams, name=dataset.name, profile=PROFILE)
        metrics |= drawn.metrics
        protocol |= drawn.protocol
    return Evaluation(
        protocol,
        _describe(dataset),
        metrics,
        arrays | _prior(model) | _code_tables(codes, table, dataset.class_names),
    )


def write(evaluation: Evaluation, run_dir: Path) -> None:
    """Write ``evaluation.npz`` and ``evaluation.json`` into a run folder, each whole or not at all.

    Args:
        evaluation: What to write.
        run_dir: The run folder.

    Raises:
        RunFolderError: If there is no such folder, or the disk refuses.
    """
    if not run_dir.is_dir():
        raise RunFolderError(f"cannot write the evaluation: {run_dir} is no folder; give a run folder")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **evaluation.arrays)  # pyright: ignore[reportArgumentType]
    write_bytes(run_dir / "evaluation.npz", buffer.getvalue())
    write_text(
        run_dir / "evaluation.json", json.dumps(evaluation.to_json(), indent=2, allow_nan=False) + "\n"
    )


def _independent(model: Model, n: int, streams: Streams) -> Samples:
    latent = model.latents.sample(n, streams("evaluation/samples"))
    return _sampled(model, latent.code, latent.noise)


def _stratified(model: Model, n: int, streams: Streams) -> Samples:
    """Draw a batch of latents with codes in their exact shares."""
    latent = model.latents.stratified(n, streams("evaluation/stratified"))
    return _sampled(model, latent.code, latent.noise)


def _sampled(model: Model, code: Tensor, noise: Tensor) -> Samples:
    return Samples(generate(model, code, noise), code, noise)


def _read_codes(model: Model, dataset: Dataset, streams: Streams) -> Codes | None:
    n = len(dataset.test)
    order = torch.arange(n)
    limit = max(1, min(HELD_OUT_LIMIT, HELD_OUT_VALUES // dataset.dim))
    if n > limit:
        order = torch.randperm(n, generator=streams("evaluation/held out"))[:limit].sort().values
    data = dataset.test[order]
    try:
        posterior = model.posterior(data)
    except ConfigError:  # a method that cannot read codes of data
        return None
    categories = model.by_category(posterior)
    labels = (
        dataset.test_labels[order] if categories is not None and dataset.test_labels is not None else None
    )
    return Codes(data, labels, posterior, categories)


def _generation(
    model: Model, dataset: Dataset, samples: Samples | None, streams: Streams
) -> tuple[dict[str, Metric], np.ndarray | None]:
    """Return the metrics of what is generated, and the table of codes × modes where there is one."""
    if samples is None:
        return {}, None
    if dataset.mixture is not None:
        return _mixture(model, dataset.mixture, samples, streams)
    metrics = _axes(model, dataset, streams) if dataset.info.axes else {}
    held_out, others = _two_samples(dataset, streams)
    points = _stratified(model, len(held_out), streams).points
    metrics["w2"] = w2_data_metric(points, held_out, others)
    return metrics, None


def _two_samples(dataset: Dataset, streams: Streams) -> tuple[Tensor, Tensor]:
    """Return held-out data, and as much of other data as independent of it as can be had: the metric's floor."""
    test, train = dataset.test, dataset.train
    if len(train) == 0:
        test, train = test[::2], test[1::2]
    n = min(W2_SAMPLES, len(test), len(train))
    chosen = torch.randperm(len(train), generator=streams("evaluation/train"))[:n]
    return test[:n], train[chosen]


def _mixture(
    model: Model, mixture: GaussianMixture, samples: Samples, streams: Streams
) -> tuple[dict[str, Metric], np.ndarray | None]:
    metrics = coverage_metrics(samples.points, mixture)
    metrics["w2"] = w2_metric(_stratified(model, W2_SAMPLES, streams).points, mixture)
    table, n_codes = None, model.latents.n_codes
    if n_codes is not None:
        modes, _ = nearest_modes(samples.points, mixture.centres)
        codes = samples.code_index(model.latents)
        table = contingency(codes, modes, n_codes=n_codes, n_labels=len(mixture.centres))
        metrics |= code_metrics(table)
    if model.latents.noise_dim == 0:
        return metrics, table
    many = _stratified(model, NOISE_SAMPLES, streams)
    modes, _ = nearest_modes(many.points, mixture.centres)
    metrics["noise_nmi"] = noise_nmi_metric(many.noise, modes)
    return metrics, table


def _axes(model: Model, dataset: Dataset, streams: Streams) -> dict[str, Metric]:
    if any(isinstance(block, Categorical) for block in model.latents.code):
        return {}
    samples = _stratified(model, NOISE_SAMPLES, streams)
    axes, variances = np.array(dataset.info.axes), np.array(dataset.info.variances)
    still = torch.zeros(NOISE_SAMPLES, 1)
    noise = samples.noise if model.latents.noise_dim else still
    found = read_axes(samples.code, noise, samples.points, axes=axes, variances=variances)
    return axes_metrics(found, NOISE_SAMPLES)


def _usage(model: Model, dataset: Dataset, codes: Codes) -> dict[str, Metric]:
    """Return how often the categories are used, and how far the classes drawn are from those of the data."""
    metrics = usage_metrics(codes.shown)
    if codes.labels is not None:
        table = _label_table(codes.shown, codes.labels, dataset)
        distance = class_share_metric(table, model.latents.category_weights())
        metrics[distance.name] = distance
    return metrics


def _label_table(posterior: Tensor, labels: Tensor, dataset: Dataset) -> np.ndarray:
    n_labels = max(len(dataset.class_names), int(labels.max()) + 1)
    return contingency(posterior.argmax(dim=1), labels, n_codes=posterior.shape[1], n_labels=n_labels)


def _code_tables(
    codes: Codes | None, table: np.ndarray | None, class_names: Sequence[str]
) -> dict[str, np.ndarray]:
    tables = {}
    if table is not None:
        tables["code_label_counts"] = table.astype(np.int64)
        if len(class_names) == table.shape[1]:
            tables["class_names"] = np.array(class_names)
    if codes is not None:
        tables["code_frequencies"] = code_frequencies(codes.shown).astype(np.float32)
    elif table is not None:
        tables["code_frequencies"] = (table.sum(axis=1) / table.sum()).astype(np.float32)
    return tables


def _prior(model: Model) -> dict[str, np.ndarray]:
    """Return how often each category is drawn, where there are any."""
    if not model.latents.categorical:
        return {}
    return {"code_prior": model.latents.category_weights().numpy().astype(np.float32)}


def _factor_tables(model: Model, images: FactorImages, found: Disentanglement) -> dict[str, np.ndarray]:
    return {
        "factor_information": found.information.astype(np.float32),
        "factor_names": np.array(images.factors.names),
        "code_names": np.array(number_names(model.latents, model.code_names)),
    }


def _protocol(model: Model, dataset: Dataset, codes: Codes | None, seed: int) -> dict[str, Any]:
    protocol: dict[str, Any] = {"seed": seed}
    if dataset.mixture is not None:
        protocol |= {
            "name": "gaussians",
            "samples": COVERAGE_SAMPLES,
            "high_quality": "within the radius that holds 98.89 % of a true mode (3 sigma in two dimensions)",
            "w2": f"exact, {W2_SAMPLES} samples with stratified codes against stratified modes",
        }
        if model.latents.noise_dim:
            protocol["noise_nmi"] = f"{NOISE_SAMPLES} samples, corrected for chance"
    else:
        protocol["name"] = "axes" if dataset.info.axes else dataset.kind
        if dataset.factors is not None and codes is not None:
            protocol |= _factor_protocol(model)
    if codes is not None:
        protocol["codes"] = f"likeliest code of {len(codes.data)} held-out data, by {model.route}"
    if dataset.kind == "vectors" and model.holds_plan:
        protocol["plan"] = (
            "the trained plan: the heaviest couplings of held-out points with a bank of latents"
        )
    return protocol


def _factor_protocol(model: Model) -> dict[str, Any]:
    return {
        "name": "factors",
        "disentanglement": (
            f"codes by {model.route} of images rendered from independent factors, {PROFILE.train} to learn from and "
            f"{PROFILE.test} to score on; profile {PROFILE.name}, {PROFILE.bins} bins; a categorical block is one "
            f"dimension, a circle two (cosine, sine); dimensions whose deviation is below {PROFILE.dead_below} of "
            "their prior's are left out"
        ),
    }


def _describe(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "kind": dataset.kind,
        "shape": list(dataset.shape),
        "train": len(dataset.train),
        "held_out": len(dataset.test),
        "source": dataset.info.source,
    }
