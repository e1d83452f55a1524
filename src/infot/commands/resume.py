"""``infot resume``."""

from dataclasses import replace

from infot.atomic import write_text
from infot.commands.arguments import ResumeArguments
from infot.commands.messages import say, tell
from infot.commands.session import with_steps
from infot.commands.train import train_and_conclude
from infot.config_file import dump_config, load_config
from infot.errors import ConfigError
from infot.session import build_session
from infot.training import CheckpointFolder, RunFolder
from infot.training.callbacks import truncate_metrics

__all__ = ["run"]


def run(arguments: ResumeArguments) -> int:
    """Go on with a run from its latest checkpoint, or from the beginning if it was killed before the first one.

    Returns:
        0, or 130 if it was interrupted.
    """
    folder = RunFolder(arguments.run)
    folder.open()
    try:
        return _resume(folder, arguments)
    finally:
        folder.release()


def _resume(folder: RunFolder, arguments: ResumeArguments) -> int:
    config = load_config(folder.config)
    if arguments.steps is not None:
        config = with_steps(config, arguments.steps)
    minutes = config.training.max_minutes
    if arguments.max_minutes is not None:
        minutes = arguments.max_minutes  # for this process only
    session = build_session(replace(config, training=replace(config.training, max_minutes=minutes)))
    state = session.state
    checkpoints = CheckpointFolder(folder.checkpoints, keep=config.training.keep_checkpoints)
    if arguments.checkpoint or checkpoints.latest():
        checkpoints.load(state, arguments.checkpoint)
    done = session.schedule.position_at(state.step)
    if arguments.steps is not None and arguments.steps < done:
        raise ConfigError(f"--steps: expected at least the {done} steps done already, got {arguments.steps}")
    if session.finished and folder.read_summary().get("metrics") and folder.model.is_dir():
        say(
            f"{folder.path} is finished at step {state.step}; train on with: infot resume {folder.path} --steps N"
        )
        return 0
    checkpoints.forget_after(state.step)
    truncate_metrics(folder.metrics, state.step)
    if arguments.steps is not None:
        write_text(folder.config, dump_config(config))
    tell(f"going on from step {state.step} of {session.schedule.total}")
    return train_and_conclude(session, folder)
