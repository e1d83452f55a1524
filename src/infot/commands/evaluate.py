"""``infot evaluate``."""

from pathlib import Path

from infot.assembly import build_dataset
from infot.commands.arguments import EvaluateArguments
from infot.commands.examples import examples_for
from infot.commands.messages import headline, say
from infot.commands.session import evaluate_model
from infot.data import Dataset, DatasetInfo
from infot.errors import DataError
from infot.model import TrainedModel
from infot.training import RunFolder

__all__ = ["run"]


def run(arguments: EvaluateArguments) -> int:
    """Evaluate a run's model on its held-out data, or on data of the user's own."""
    folder = RunFolder(arguments.run)
    folder.check_holds_run()
    model = TrainedModel.load(folder.path)
    dataset = build_dataset(model.config) if arguments.data is None else _held_out(model, arguments.data)
    folder.lock()
    try:
        metrics = evaluate_model(model, dataset, folder)
    finally:
        folder.release()
    say(headline(metrics))
    say(f"details in {folder.path / 'evaluation.json'}")
    return 0


def _held_out(model: TrainedModel, path: Path) -> Dataset:
    """Return a data set whose held-out part is all that lies at ``path``, and that has nothing to train on."""
    examples = examples_for(model, path)
    if len(examples.points) < 2:
        raise DataError(f"{path}: expected at least 2 examples to evaluate on, got {len(examples.points)}")
    kind = "images" if model.data.kind == "images" else "vectors"
    info = DatasetInfo(
        name="file",
        kind=kind,
        description=f"Data of the user's own, {path.name}, none of it trained on.",
        size=f"{len(examples.points):,} {kind}",
        source=path.name,
        licence="the user's own data",
        class_names=examples.class_names,
    )
    return Dataset(
        info.name,
        kind,
        examples.points[:0],
        examples.points,
        None,
        examples.labels,
        info=info,
        feature_names=model.data.feature_names,
        scaling=model.data.scaling,
    )
