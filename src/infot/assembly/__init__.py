"""The composition root: from a configuration to objects. The only place where a name picks a class."""

from infot.assembly.coder import build_coder
from infot.assembly.dataset import build_dataset
from infot.assembly.latents import build_latents, noise_deformations
from infot.assembly.nets import build_nets
from infot.assembly.objective import build_objective

__all__ = [
    "build_coder",
    "build_dataset",
    "build_latents",
    "build_nets",
    "build_objective",
    "noise_deformations",
]
