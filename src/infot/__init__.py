"""Informative GANs through optimal transport.

Sub-modules are imported on first use, so that the command line's help needs no torch: ``infot.ot`` is the transport
core, ``infot.InformativeGAN`` the estimator, ``infot.load`` reads a trained model.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infot import ot
    from infot.estimator import InformativeGAN
    from infot.model import TrainedModel, load
    from infot.models.blocks import Categorical, Circle, Normal, Uniform
    from infot.models.latents import LatentSpace

__all__ = [
    "Categorical",
    "Circle",
    "InformativeGAN",
    "LatentSpace",
    "Normal",
    "TrainedModel",
    "Uniform",
    "load",
    "ot",
]

_HOMES = {
    "InformativeGAN": "infot.estimator",
    "TrainedModel": "infot.model",
    "load": "infot.model",
    "Categorical": "infot.models.blocks",
    "LatentSpace": "infot.models.latents",
    "Circle": "infot.models.blocks",
    "Normal": "infot.models.blocks",
    "Uniform": "infot.models.blocks",
}


def __getattr__(name: str) -> Any:
    if name == "ot":
        return importlib.import_module("infot.ot")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'infot' has no attribute {name!r}")
