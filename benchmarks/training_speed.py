"""How fast does each method train on digits, and what share of a step of ours is spent in optimal transport?

Every row of the suite `mnist5k` that is asked for trains with its own settings; `infogan-deformable` has our generator.
Schedules run from start to end within the steps; as many as the preset has are its training. All rows run in turn,
round by round, in one process; a value is the median over the rounds. CPU seconds of one thread, which other work on
the machine moves less than wall time. Spent in transport is what passes within the functions of `infot.ot`; to build
costs and to differentiate them is not.

    OMP_NUM_THREADS=1 python benchmarks/training_speed.py --preset mnist5k --steps 20 --rounds 3
    OMP_NUM_THREADS=1 python benchmarks/training_speed.py --preset ring8 --rows structured --steps 2500 --rounds 1
"""

import argparse
import contextlib
import functools
import inspect
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import torch

from infot import ot
from infot.config import RunConfig
from infot.data import Dataset, load
from infot.session import session_on
from infot.suites import find_suite

__all__ = ["Step", "main", "time_steps"]

ROWS = ("structured", "infogan", "infogan-deformable")


@dataclass
class Clock:
    """CPU seconds within the outermost call of what is timed."""

    seconds: float = 0.0
    depth: int = 0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.depth += 1
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.depth -= 1
                if not self.depth:
                    self.seconds += time.process_time() - start

        return timed


@contextlib.contextmanager
def transport_timed() -> Iterator[Clock]:
    """Time every public function of the transport core."""
    clock = Clock()
    functions = {name: getattr(ot, name) for name in ot.__all__ if inspect.isfunction(getattr(ot, name))}
    with contextlib.ExitStack() as patches:
        for name, function in functions.items():
            patches.enter_context(mock.patch.object(ot, name, clock.around(function)))
        yield clock


@dataclass(frozen=True)
class Step:
    """A training step: CPU seconds, and the share of them in optimal transport."""

    seconds: float
    transport: float


def time_steps(config: RunConfig, dataset: Dataset, steps: int) -> Step:
    """Return what a step costs on average over ``steps``."""
    session = session_on(dataset, replace(config, training=replace(config.training, steps=steps)))
    with transport_timed() as clock:
        start = time.process_time()
        session.fit()
        seconds = time.process_time() - start
    return Step(seconds / steps, clock.seconds / seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="mnist5k")
    parser.add_argument("--rows", nargs="+", default=ROWS)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args(arguments)
    torch.set_num_threads(1)
    suite = find_suite("mnist5k").restricted(wanted.rows)
    configs = {row.name: row.config(wanted.preset) for row in suite.contestants if row.name in wanted.rows}
    dataset = load(next(iter(configs.values())).data.name)
    found: dict[str, list[Step]] = {name: [] for name in configs}
    for _ in range(wanted.rounds):
        for name, config in configs.items():
            found[name].append(time_steps(config, dataset, wanted.steps))
    print("| method | batch | CPU ms a step | images/s | in optimal transport |\n|---|---|---|---|---|")
    for name, config in configs.items():
        seconds = statistics.median(step.seconds for step in found[name])
        share = statistics.median(step.transport for step in found[name])
        size = config.training.batch_size
        print(f"| `{name}` | {size} | {1e3 * seconds:.1f} | {size / seconds:,.0f} | {share:.1%} |")


if __name__ == "__main__":
    main()
