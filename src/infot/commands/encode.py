"""``infot encode``."""

from collections.abc import Iterator, Sequence

import numpy as np

from infot.commands.arguments import EncodeArguments
from infot.commands.examples import examples_for
from infot.commands.messages import say
from infot.commands.outputs import check_suffix, write_arrays, write_rows
from infot.model import Encoding, TrainedModel

__all__ = ["run"]


def run(arguments: EncodeArguments) -> int:
    """Read the codes of the user's data and write them, in the data's order."""
    check_suffix(arguments.out, (".npz", ".csv"))
    model = TrainedModel.load(arguments.run)
    examples = examples_for(model, arguments.data)
    points, names = examples.points, examples.names
    found = model.encode(points, arguments.route)
    if arguments.out.suffix == ".npz":
        arrays = {name: value.numpy() for name, value in found._asdict().items()}
        write_arrays(arguments.out, arrays | {"names": np.array(names)})
    else:
        write_rows(arguments.out, *_table(model, found, names))
    say(f"codes of {len(points)} {model.data.kind} in {arguments.out}")
    return 0


def _table(
    model: TrainedModel, found: Encoding, names: Sequence[str]
) -> tuple[list[str], Iterator[list[object]]]:
    """Return header and rows: the likeliest code with all probabilities, or a named column for each coordinate.

    A categorical coordinate among continuous ones is its index, an angle is in radians.
    """
    if model.latents.n_codes is None:
        values, header = model.latents.coordinates(found.mean), list(model.code_names)
        codes: list[list[int]] = [[] for _ in names]
    else:
        values, header = found.posterior, ["code", *(f"p{k}" for k in range(found.posterior.shape[1]))]
        codes = found.code.unsqueeze(1).tolist()
    rows = zip(names, codes, values.tolist(), strict=True)
    return ["name", *header], ([name, *code, *map("{:.6g}".format, row)] for name, code, row in rows)
