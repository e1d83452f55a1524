"""``infot sample``."""

from pathlib import Path

import numpy as np
import torch

from infot.commands.arguments import SampleArguments
from infot.commands.messages import say
from infot.commands.outputs import check_suffix, write_arrays
from infot.errors import ConfigError
from infot.model import TrainedModel
from infot.random import Streams
from infot.training.callbacks import write_grid

__all__ = ["run"]

COLUMNS = 8  # images in a row of a picture


def run(arguments: SampleArguments) -> int:
    """Draw samples and write them, in the user's units."""
    check_suffix(arguments.out, (".png", ".npz"))
    if arguments.n < 1:
        raise ConfigError(f"--n: expected at least 1, got {arguments.n}")
    model = TrainedModel.load(arguments.run)
    if arguments.out.suffix == ".png" and model.data.kind != "images":
        raise ConfigError(
            f"{arguments.out}: the model makes {model.data.kind}, which are no picture: use --out FILE.npz"
        )
    latent = model.latents.sample(arguments.n, Streams(arguments.seed)("sample"))
    code = latent.code
    if arguments.code is not None:
        code = model.code_vector(arguments.code).expand(arguments.n, -1)
    samples = model.unscale(model.generate(code, latent.noise))
    _write(arguments.out, samples, code, latent.noise)
    say(f"{arguments.n} samples in {arguments.out}")
    return 0


def _write(out: Path, samples: torch.Tensor, code: torch.Tensor, noise: torch.Tensor) -> None:
    if out.suffix == ".png":
        write_grid(out, samples, columns=COLUMNS)
        return
    write_arrays(out, {"samples": np.asarray(samples), "code": np.asarray(code), "noise": np.asarray(noise)})
