"""The judge of factors: a classifier that reads the factors of an image, trained on rendered ones by a fixed recipe."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from infot.data.factors import FactorImages
from infot.evaluation.judges.keeping import kept, looking_at
from infot.evaluation.judges.teaching import teach
from infot.models.classifiers import FactorClassifier
from infot.random import Streams

__all__ = ["FACTOR_RECIPE", "FactorJudge", "FactorRecipe", "find_factor_judge", "train_factor_judge"]

CHUNK = 1024  # pictures read at once
WITNESSES = 256  # rendered images that stand for a renderer in the hash


@dataclass(frozen=True)
class FactorRecipe:
    """How a judge of factors is made: change a value, and every number measured with it changes.

    The mean of the cross-entropies of all factors over freshly rendered images, with Adam under a one-cycle learning
    rate (Smith and Topin, arXiv 1708.07120). Large images are averaged down to ``side`` pixels at most, which
    anti-aliased places and sizes survive.

    Attributes:
        version: Counts changes of the code that this record does not show.
        width: Half the number of features.
        side: Most pixels a side that it looks at.
        batch: Images a step.
        steps: Number of steps.
        learning_rate: The highest.
        seed: Seed of weights and images; it has nothing to do with that of a run.
    """

    version: int = 1
    width: int = 64
    side: int = 32
    batch: int = 64
    steps: int = 3000
    learning_rate: float = 3e-3
    seed: int = 0


FACTOR_RECIPE = FactorRecipe()
"""The recipe of every judge of factors; its numbers go with those measured by it."""


@dataclass(frozen=True, eq=False)
class FactorJudge:
    """A trained classifier of factors.

    Attributes:
        network: The classifier.
        key: SHA-256 of the recipe, the names and sizes of the factors, and some rendered images.
    """

    network: FactorClassifier
    key: str

    @torch.no_grad()
    def read(self, images: Tensor) -> Int[Tensor, "n K"]:
        """Return the likeliest value of each factor; ``images`` (n, channels, height, width)."""
        parts = [
            torch.stack([o.argmax(dim=1) for o in self.network(part)], 1) for part in images.split(CHUNK)
        ]
        return torch.cat(parts)


def find_factor_judge(
    images: FactorImages, recipe: FactorRecipe = FACTOR_RECIPE, *, name: str = "these images"
) -> FactorJudge:
    """Return the judge of images: the one kept in the cache folder, or one trained now and kept.

    Args:
        images: Renders the images.
        recipe: How to train.
        name: What the data are called in a warning.

    Warns:
        CacheWarning: If it cannot be kept.
    """
    key = _key(images, recipe)
    network = kept(
        key,
        asdict(recipe),
        of=name,
        untrained=_untrained(images, recipe),
        train=lambda: train_factor_judge(images, recipe).network,
    )
    return FactorJudge(network, key)


def train_factor_judge(images: FactorImages, recipe: FactorRecipe = FACTOR_RECIPE) -> FactorJudge:
    """Train a judge; arguments as in :func:`find_factor_judge`."""
    network = _untrained(images, recipe)
    losses = (_loss(network(images.render(factors)), factors) for factors in _draws(images, recipe))
    teach(network, losses, steps=recipe.steps, learning_rate=recipe.learning_rate)
    return FactorJudge(network, _key(images, recipe))


def _loss(logits: Sequence[Tensor], factors: Tensor) -> Tensor:
    """Return the mean of the cross-entropies of all factors."""
    return torch.stack(
        [functional.cross_entropy(part, factors[:, k]) for k, part in enumerate(logits)]
    ).mean()


def _draws(images: FactorImages, recipe: FactorRecipe) -> Iterator[Tensor]:
    rng = Streams(recipe.seed)("judge/factors")
    for _ in range(recipe.steps):
        yield images.sample(recipe.batch, rng)


def _witnesses(images: FactorImages, recipe: FactorRecipe) -> Tensor:
    return images.render(images.sample(WITNESSES, Streams(recipe.seed)("judge/witnesses")))


def _key(images: FactorImages, recipe: FactorRecipe) -> str:
    facts = {"recipe": asdict(recipe), "names": images.factors.names, "sizes": images.factors.sizes}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(_witnesses(images, recipe).contiguous().numpy().data)
    return digest.hexdigest()


def _untrained(images: FactorImages, recipe: FactorRecipe) -> FactorClassifier:
    """Return the network before the first step; torch's own generator, which draws its weights, is put back."""
    pool = -(-max(images.shape[1:]) // recipe.side)
    seen = functional.avg_pool2d(_witnesses(images, recipe), pool)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return FactorClassifier(looking_at(seen, width=recipe.width), sizes=images.factors.sizes, pool=pool)
