"""Where judges are kept between evaluations: a judge is trained once for its recipe and its data."""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

from infot.data.cache import cache_folder
from infot.errors import CacheWarning, CheckpointError, RunFolderError
from infot.models.critics import Trunk
from infot.training.tensorfile import load_weights, read_tensors, write_tensors

__all__ = ["kept", "looking_at"]

Network = TypeVar("Network", bound=nn.Module)

FORMAT = "infot-judge"


def kept(
    key: str, recipe: dict[str, Any], *, of: str, untrained: Network, train: Callable[[], Network]
) -> Network:
    """Return the network kept under a key, or train it and keep it.

    What is missing, damaged or of other data is made again, which gives the same network: a cache saves time and
    decides nothing. See :func:`infot.data.cache.cache_folder`.

    Args:
        key: Hash of the recipe and of the data.
        recipe: How it is trained, in plain values; its ``version`` counts changes of the code that they do not show.
        of: Name of the data, for the warning.
        untrained: A network of its shape, into which what is kept is read.
        train: Trains it.

    Warns:
        CacheWarning: If it cannot be kept.
    """
    path = cache_folder() / "judges" / f"{key[:16]}.safetensors"
    notes = path.with_suffix(".json")
    try:
        stored = read_tensors(path, notes=notes, form=FORMAT, version=recipe["version"])
        load_weights(untrained, stored.tensors)
        if stored.facts.get("key") == key:
            return untrained.requires_grad_(False).eval()
    except CheckpointError:  # nothing kept, or not whole: what comes below puts it right
        pass
    network = train()
    facts: dict[str, Any] = {
        "format": FORMAT,
        "version": recipe["version"],
        "key": key,
        "recipe": recipe,
    }
    try:
        write_tensors(path, network.state_dict(), facts, notes=notes, advice=" by setting INFOT_CACHE")
    except RunFolderError as error:
        warnings.warn(
            f"the classifier of {of} is trained anew for each evaluation: {error}", CacheWarning, stacklevel=3
        )
    return network


def looking_at(images: torch.Tensor, *, width: int) -> Trunk:
    """Return an untrained trunk that standardises images as it does these, shape ``(n, channels, height, width)``."""
    centre = images.mean(dim=0)
    spread = float((images - centre).square().mean().sqrt())
    return Trunk(tuple(images.shape[1:]), width=width, depth=1, centre=centre, spread=spread or 1.0)
