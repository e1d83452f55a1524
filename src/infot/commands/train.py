"""``infot train``."""

import time
from dataclasses import replace
from pathlib import Path

from infot.atomic import write_text
from infot.commands.arguments import TrainRequest
from infot.commands.messages import headline, say, tell
from infot.commands.session import conclude, train
from infot.config_file import dump_config
from infot.session import Session, build_session
from infot.training import RunFolder
from infot.training.runfolder import next_run_path

__all__ = ["INTERRUPTED", "run", "train_and_conclude"]

INTERRUPTED = 130
RUNS = Path("runs")


def run(request: TrainRequest) -> int:
    """Train a new run.

    Returns:
        0, or 130 if it was interrupted.
    """
    config = request.config
    folder = RunFolder(request.run or next_run_path(RUNS, config.preset, config.seed))
    folder.check_free()
    session = build_session(config)
    if hint := _hint(session):
        tell(hint)
    if request.dry_run:
        _try_one_step(session)
        return 0
    folder.create()
    try:
        write_text(folder.config, dump_config(config))
        tell(f"{_describe(session)}; run folder {folder.path}")
        return train_and_conclude(session, folder)
    finally:
        folder.release()


def train_and_conclude(session: Session, folder: RunFolder) -> int:
    """Train what is left, write model and evaluation, and say what came out; returns the exit code."""
    if not session.finished:
        train(session, folder)
    state = session.state
    if state.stop == "interrupted":
        tell(
            f"interrupted at step {state.step} of {session.schedule.total}; go on with: infot resume {folder.path}"
        )
        return INTERRUPTED
    if state.stop == "max_minutes" and not session.finished:
        tell(
            f"time is up at step {state.step} of {session.schedule.total}; go on with: infot resume {folder.path}"
        )
    metrics = conclude(session, folder)
    say(f"{session.config.preset}, seed {session.config.seed}: {state.step} steps in {state.elapsed():.1f} s")
    say(headline(metrics))
    say(f"see {folder.path}; make a page of it with: infot report {folder.path}")
    return 0


def _describe(session: Session) -> str:
    dataset = session.dataset
    shape = " x ".join(map(str, dataset.shape))
    return f"{len(dataset.train)} {dataset.kind} of {shape} to train on, {len(dataset.test)} held out"


def _hint(session: Session) -> str | None:
    """Return advice for a run that starts well below what its data allows."""
    config, dataset = session.config, session.dataset
    if config.preset != "custom" or dataset.kind != "images" or config.model.generator != "mlp":
        return None
    given = f"--data.name {dataset.name}" if config.data.path is None else f"--data {config.data.path}"
    return f"hint: these are images; a preset for images fits them better: infot train mnist5k {given}"


def _try_one_step(session: Session) -> None:
    start = time.monotonic()
    replace(session, schedule=replace(session.schedule, steps=1, starts=1)).fit()
    minutes = (time.monotonic() - start) * session.schedule.total / 60
    say(f"{_describe(session)}; configuration and data are fine, one step was done, nothing was written")
    say(f"{session.schedule.total} steps like the first would take about {minutes:.1f} minutes")
