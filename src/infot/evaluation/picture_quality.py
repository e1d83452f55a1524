"""How good generated pictures are: quality, variety, and whether a code keeps to one class. For labelled images."""

import torch
from torch import Tensor

from infot.data import Dataset, Points
from infot.evaluation.exhibits import Model, Samples, generate
from infot.evaluation.judges import RECIPE, Judge, Reading, find_judge
from infot.evaluation.measured import Measured
from infot.metrics import (
    NEIGHBOURS,
    Metric,
    classifier_score_metric,
    code_agreement_metric,
    frechet_metric,
    neighbourhood_metrics,
)
from infot.random import Streams

__all__ = ["has_pictures_to_judge", "picture_quality"]

PICTURES = 5000
"""Generated, held-out and training images compared, or as many as there are of the scarcest real ones."""
CODED_PICTURES = 2000
"""Pictures, with codes in their exact shares, that show whether a code keeps to one class."""


def has_pictures_to_judge(dataset: Dataset) -> bool:
    """Return whether there are labelled images to train a classifier on, and labelled ones held out."""
    labelled = dataset.train_labels is not None and dataset.test_labels is not None
    return dataset.kind == "images" and labelled and min(len(dataset.train), len(dataset.test)) > NEIGHBOURS


def picture_quality(model: Model, dataset: Dataset, streams: Streams) -> Measured:
    """Measure independent samples against held-out images, through the eyes of a classifier trained on the data.

    ``frechet``, ``precision``, ``recall``, ``density``, ``coverage`` on its features, ``classifier_score`` on its
    probabilities, and for a code without a continuous block ``code_agreement``. The values of true data come from
    training images, measured in the same number against the same held-out ones.

    Args:
        model: What generates.
        dataset: Data for which :func:`has_pictures_to_judge` holds.
        streams: Random streams of the evaluation.

    Raises:
        NumericalError: If the generator gives values that are not finite.
    """
    judge = find_judge(dataset)
    n = min(PICTURES, len(dataset.train), len(dataset.test))
    latent = model.latents.sample(n, streams("evaluation/pictures"))
    samples = judge.read(generate(model, latent.code, latent.noise))
    truth = judge.read(dataset.test)
    chosen = _chosen(dataset.test, n, streams)
    held_out = Reading(*(part[chosen] for part in truth))
    train = judge.read(dataset.train[_chosen(dataset.train, n, streams)])
    metrics = {
        "frechet": frechet_metric(samples.features, held_out.features, train.features),
        "classifier_score": classifier_score_metric(samples.probabilities, held_out.probabilities),
        **neighbourhood_metrics(samples.features, held_out.features, train.features),
    }
    if model.latents.categorical:
        metrics["code_agreement"] = _agreement(model, dataset, judge, truth, streams)
    return Measured(metrics, _protocol(dataset, judge, truth, n))


def _chosen(images: Points, n: int, streams: Streams) -> Tensor:
    return torch.randperm(len(images), generator=streams("evaluation/real pictures"))[:n]


def _agreement(model: Model, dataset: Dataset, judge: Judge, truth: Reading, streams: Streams) -> Metric:
    latent = model.latents.stratified(CODED_PICTURES, streams("evaluation/coded pictures"))
    samples = Samples(generate(model, latent.code, latent.noise), latent.code, latent.noise)
    assert dataset.test_labels is not None
    return code_agreement_metric(
        samples.code_index(model.latents),
        judge.read(samples.points).classes,
        labels=dataset.test_labels,
        classes_of_data=truth.classes,
    )


def _protocol(dataset: Dataset, judge: Judge, truth: Reading, n: int) -> dict[str, str]:
    accuracy = float((truth.classes == dataset.test_labels).double().mean())
    steps, n_train = RECIPE.steps_for(len(dataset.train)), len(dataset.train)
    return {
        "pictures": (
            f"{n} independent samples against {n} held-out images; values of true data from {n} training images"
        ),
        "classifier": (
            f"trained on {n_train} labelled training images for {steps} steps, "
            f"recipe {RECIPE.version}, hash of recipe and data {judge.key[:16]}; accuracy {accuracy:.4f} on "
            f"{len(dataset.test)} held-out images"
        ),
        "features": f"the {truth.features.shape[1]} values before the classifier's last layer, unscaled",
        "precision": f"neighbourhoods to the {NEIGHBOURS}rd nearest neighbour",
    }
