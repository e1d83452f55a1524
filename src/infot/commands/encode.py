"""``infot encode``."""

import numpy as np

from infot.commands.arguments import EncodeArguments
from infot.commands.messages import say
from infot.commands.outputs import check_suffix, write_arrays, write_rows
from infot.data import read_examples
from infot.errors import ConfigError
from infot.model import TrainedModel

__all__ = ["run"]


def run(arguments: EncodeArguments) -> int:
    """Read the codes of the user's data and write them, in the data's order."""
    check_suffix(arguments.out, (".npz", ".csv"))
    model = TrainedModel.load(arguments.run)
    _check_route(model, arguments.route)
    data = model.config.data
    points, _, names = read_examples(
        arguments.data,
        shape=model.data.shape,
        image_size=data.image_size,
        scaling=model.data.scaling,
        labels=data.labels,
        feature_names=model.data.feature_names,
    )
    found = model.encode(points)
    names = names or tuple(map(str, range(len(points))))
    if arguments.out.suffix == ".npz":
        arrays = {"code": found.code.numpy(), "posterior": found.posterior.numpy(), "names": np.array(names)}
        write_arrays(arguments.out, arrays)
    else:
        header = ["name", "code", *(f"p{k}" for k in range(found.posterior.shape[1]))]
        rows = zip(names, found.code.tolist(), found.posterior.tolist(), strict=True)
        write_rows(arguments.out, header, ([name, code, *map("{:.6g}".format, p)] for name, code, p in rows))
    say(f"codes of {len(points)} {model.data.kind} in {arguments.out}")
    return 0


def _check_route(model: TrainedModel, route: str | None) -> None:
    held_by_encoder = "encoder" in model.nets
    if route == "encoder" and not held_by_encoder:
        raise ConfigError(
            "--route encoder: this model has no encoder, its plan is held on samples: use --route plan"
        )
