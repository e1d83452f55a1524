"""The judge of pictures: a small classifier, trained by a fixed recipe on the labelled training part of the data."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from infot.data import Dataset
from infot.errors import DataError
from infot.evaluation.judges.keeping import kept, looking_at
from infot.evaluation.judges.teaching import teach
from infot.models.classifiers import Classifier
from infot.random import Streams

__all__ = ["RECIPE", "Judge", "Reading", "Recipe", "find_judge", "train_judge"]

CHUNK = 1024  # pictures read at once


@dataclass(frozen=True)
class Recipe:
    """How a judge is made: change a value, and every number measured with it changes.

    Convolutions of stride 2 down to 8 pixels a side, 64 features, a linear layer; cross-entropy with Adam under a
    one-cycle learning rate (Smith and Topin, arXiv 1708.07120); pictures moved at random by a few pixels.

    Attributes:
        version: Counts changes of the code that this record does not show.
        width: Half the number of features.
        batch: Pictures a step.
        passes: Passes over the data, as far as the number of steps allows.
        steps: Fewest and most steps.
        learning_rate: The highest.
        shift: How far pictures are moved either way, as a share of their longer side.
        seed: Seed of weights, batches and moves; it has nothing to do with that of a run.
    """

    version: int = 1
    width: int = 32
    batch: int = 64
    passes: int = 5
    steps: tuple[int, int] = (800, 5000)
    learning_rate: float = 3e-3
    shift: float = 1 / 14
    seed: int = 0

    def steps_for(self, n: int) -> int:
        """Return the number of steps for ``n`` pictures."""
        return min(max(self.passes * n // self.batch, self.steps[0]), self.steps[1])


RECIPE = Recipe()
"""The recipe of every judge; its numbers go with those measured by it."""


class Reading(NamedTuple):
    """What a judge sees in pictures.

    Attributes:
        features: Values before the last layer, shape ``(n, 64)``.
        probabilities: p(y|x), shape ``(n, n_classes)``.
        classes: The likeliest class, shape ``(n,)``.
    """

    features: Float[Tensor, "n features"]
    probabilities: Float[Tensor, "n classes"]
    classes: Int[Tensor, " n"]


@dataclass(frozen=True, eq=False)
class Judge:
    """A trained classifier.

    Attributes:
        network: The classifier.
        key: SHA-256 of the recipe and of the pictures and labels it was trained on.
    """

    network: Classifier
    key: str

    @torch.no_grad()
    def read(self, images: Tensor) -> Reading:
        """Read pictures, shape ``(n, channels, height, width)``."""
        features = torch.cat([self.network.trunk(part) for part in images.split(CHUNK)])
        probabilities = self.network.head(features).softmax(dim=1)
        return Reading(features, probabilities, probabilities.argmax(dim=1))


def find_judge(dataset: Dataset, recipe: Recipe = RECIPE) -> Judge:
    """Return the judge of a data set: the one kept in the cache folder, or one trained now and kept.

    It is named by the hash of recipe and data; see :func:`infot.evaluation.judges.keeping.kept`.

    Args:
        dataset: Labelled images.
        recipe: How to train.

    Raises:
        DataError: If the training part has no labels.

    Warns:
        CacheWarning: If it cannot be kept.
    """
    key = _key(dataset, recipe)
    network = kept(
        key,
        asdict(recipe),
        of=dataset.name,
        untrained=_untrained(dataset, recipe),
        train=lambda: train_judge(dataset, recipe).network,
    )
    return Judge(network, key)


def train_judge(dataset: Dataset, recipe: Recipe = RECIPE) -> Judge:
    """Train a judge on the training part of a data set; arguments and errors as in :func:`find_judge`."""
    key, network = _key(dataset, recipe), _untrained(dataset, recipe)
    images, labels = _training(dataset)
    steps, streams = recipe.steps_for(len(images)), Streams(recipe.seed)
    reach = round(recipe.shift * max(images.shape[2:]))
    losses = (
        functional.cross_entropy(network(_moved(images[batch], reach, streams("judge/moves"))), labels[batch])
        for batch in _batches(len(images), recipe.batch, steps, streams("judge/batches"))
    )
    teach(network, losses, steps=steps, learning_rate=recipe.learning_rate)
    return Judge(network, key)


def _training(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Return training images and their labels."""
    images, labels = dataset.train, dataset.train_labels
    if labels is None or not isinstance(images, Tensor) or dataset.kind != "images":
        raise DataError(f"{dataset.name}: expected labelled images to train a classifier on, got none")
    return images, labels


def _n_classes(dataset: Dataset, labels: Tensor) -> int:
    return max(len(dataset.class_names), int(labels.max()) + 1, 2)


def _key(dataset: Dataset, recipe: Recipe) -> str:
    arrays = _training(dataset)
    facts = {
        "recipe": asdict(recipe),
        "shape": list(arrays[0].shape),
        "dtype": str(arrays[0].dtype),
        "classes": _n_classes(dataset, arrays[1]),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for array in arrays:
        digest.update(array.contiguous().numpy().data)
    return digest.hexdigest()


def _untrained(dataset: Dataset, recipe: Recipe) -> Classifier:
    """Return the network before the first step; torch's own generator, which draws its weights, is put back."""
    images, labels = _training(dataset)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        trunk = looking_at(images, width=recipe.width)
        return Classifier(trunk, n_classes=_n_classes(dataset, labels))


def _batches(n: int, size: int, steps: int, rng: torch.Generator) -> Iterable[Tensor]:
    """Yield the indices of each step: shuffled passes, what is less than a batch at the end of one left out."""
    left = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(left) < size:
            left = torch.randperm(n, generator=rng)
        yield left[:size]
        left = left[size:]


def _moved(images: Tensor, reach: int, rng: torch.Generator) -> Tensor:
    """Move each picture by up to ``reach`` pixels up or down and left or right, its edge repeated."""
    height, width = images.shape[2:]
    padded = functional.pad(images, (reach,) * 4, mode="replicate")
    down, right = torch.randint(2 * reach + 1, (2, len(images), 1), generator=rng)
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    picked = padded[torch.arange(len(images))[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2).contiguous()
