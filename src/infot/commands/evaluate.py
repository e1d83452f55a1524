"""``infot evaluate``."""

from dataclasses import replace

from infot.build import build_dataset
from infot.commands.arguments import EvaluateArguments
from infot.commands.messages import headline, say
from infot.commands.session import evaluate_model
from infot.errors import ConfigError
from infot.model import TrainedModel
from infot.training import RunFolder

__all__ = ["run"]


def run(arguments: EvaluateArguments) -> int:
    """Evaluate a run's model on its held-out data."""
    folder = RunFolder(arguments.run)
    folder.check_holds_run()
    model = TrainedModel.load(folder.path)
    config = model.config
    if arguments.data is not None:
        config = replace(config, data=replace(config.data, path=arguments.data))
    dataset = build_dataset(config)
    if dataset.shape != model.data.shape:
        raise ConfigError(
            f"--data: expected data of shape {model.data.shape} as in training, got {dataset.shape}"
        )
    folder.lock()
    try:
        metrics = evaluate_model(model, dataset, folder)
    finally:
        folder.release()
    say(headline(metrics))
    say(f"details in {folder.path / 'evaluation.json'}")
    return 0
