"""``infot compare``."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infot.atomic import write_text
from infot.commands.arguments import CompareArguments
from infot.commands.jobs import Job, Launch, launch_here, run_jobs
from infot.commands.messages import say
from infot.commands.slurm import slurm_launcher
from infot.config import RunConfig
from infot.config_checks import PATH_DATA, check_config
from infot.errors import ConfigError
from infot.leaderboard import Outcome, leaderboard, markdown, read_outcome
from infot.report import leaderboard_page
from infot.report.comparison import run_name
from infot.suites import Contestant, Suite, find_suite

__all__ = ["run"]

RUNS = Path("runs")


@dataclass(frozen=True)
class Entry:
    """A run of a comparison."""

    preset: str
    contestant: Contestant
    seed: int
    job: Job

    def outcome(self) -> Outcome:
        """Return how it ended."""
        row = self.contestant
        return read_outcome(
            self.job.folder.path,
            preset=self.preset,
            name=row.name,
            method=row.method,
            seed=self.seed,
            knobs=row.knobs,
        )


def run(arguments: CompareArguments) -> int:
    """Run what is left of a comparison and write its leaderboard, also when interrupted."""
    suite = find_suite(arguments.suite).restricted(_split(arguments.methods), _split(arguments.presets))
    _check_counts(arguments)
    out = arguments.out or RUNS / f"compare-{suite.name}"
    entries, launch = _entries(suite, arguments, out), _launcher(arguments, out)
    try:
        run_jobs(
            [entry.job for entry in entries], at_once=arguments.jobs, threads=arguments.threads, launch=launch
        )
    finally:
        _write(suite, entries, out, command_line(arguments))
    say(f"leaderboard in {out / 'leaderboard.html'}, .md and .json; the runs are in {out / 'runs'}")
    return 0


def _launcher(arguments: CompareArguments, out: Path) -> Launch:
    """Return what starts the runs: this machine, or a cluster."""
    if arguments.slurm is None:
        return launch_here
    return slurm_launcher(arguments.slurm, out.absolute() / "slurm", threads=arguments.threads)


def _split(names: str | None) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()] if names else []


def _check_counts(arguments: CompareArguments) -> None:
    for name in ("seeds", "jobs", "threads"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name}: expected at least 1, got {value}")


def _entries(suite: Suite, arguments: CompareArguments, out: Path) -> list[Entry]:
    """List the runs, seed by seed so that a comparison that is cut short is a fair one of fewer seeds."""
    entries: list[Entry] = []
    for seed in range(arguments.seeds or suite.seeds):
        for preset in suite.presets:
            for contestant in suite.contestants:
                config = _config(contestant, preset, seed, arguments)
                name = run_name(preset, contestant.name, seed)
                entries.append(Entry(preset, contestant, seed, Job(name, config, out / "runs")))
    return entries


def _config(contestant: Contestant, preset: str, seed: int, arguments: CompareArguments) -> RunConfig:
    config = replace(contestant.config(preset), seed=seed)
    changes = {name: getattr(arguments, name) for name in ("steps", "max_minutes", "device")}
    training = replace(
        config.training, **{name: value for name, value in changes.items() if value is not None}
    )
    config = replace(config, training=training)
    if arguments.data is not None and config.data.name in PATH_DATA:
        config = replace(config, data=replace(config.data, path=arguments.data))
    check_config(config)
    return config


def command_line(arguments: CompareArguments) -> str:
    """Return what was typed, but for where the results go and how many runs go at a time.

    >>> command_line(CompareArguments("mnist5k", methods="structured,infogan", seeds=3, jobs=2))
    'infot compare mnist5k --methods structured,infogan --seeds 3'
    """
    words = ["infot", "compare", arguments.suite]
    for name in ("methods", "presets", "seeds", "steps", "max_minutes", "data", "device"):
        value = getattr(arguments, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", value.name if isinstance(value, Path) else str(value)]
    return shlex.join(words)


def _write(suite: Suite, entries: Sequence[Entry], out: Path, command: str) -> None:
    board = leaderboard(suite, [entry.outcome() for entry in entries]) | {"command": command}
    write_text(out / "leaderboard.json", json.dumps(board, indent=1, allow_nan=False) + "\n")
    write_text(out / "leaderboard.md", markdown(board))
    write_text(out / "leaderboard.html", leaderboard_page(board))
