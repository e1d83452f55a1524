"""What does a training step of each method cost on sprites of 64x64?

Every row of the suite `disentanglement` trains its networks with its own settings on images that are rendered already,
in batches of one size. A step is one update of the generator with what the method trains beside it, averaged where a
critic does not play in every step; schedules stand at their end, where everything plays. Warm-up steps are left out.
CPU seconds of one thread, which other work on the machine moves less than wall time.

    OMP_NUM_THREADS=1 python benchmarks/method_steps.py --batch 64 --steps 6
"""

import argparse
import dataclasses
import time
from collections.abc import Sequence

import torch

from infot.assembly import build_nets, build_objective
from infot.config import RunConfig
from infot.data import Dataset, load
from infot.suites import SUITES
from infot.training import Schedule, TrainState, fit

__all__ = ["main", "seconds_a_step"]

IMAGES = 256
WARM_UP = 2


def seconds_a_step(config: RunConfig, dataset: Dataset, *, batch: int, steps: int) -> float:
    """Return the CPU seconds of a step, on average over ``steps``."""
    torch.manual_seed(0)
    nets = build_nets(config, dataset.shape, dataset.training_sample())
    objective = build_objective(config, dataset)
    state = TrainState.create(nets, objective, n_data=len(dataset.train), batch_size=batch, seed=0)
    start = 0.0
    for end in (WARM_UP, WARM_UP + steps):
        start = time.process_time()
        fit(state, objective, dataset.train, schedule=Schedule(steps=end, length=1, learning_rate=1e-4))
    return (time.process_time() - start) / steps


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    rows = {row.name: row for row in SUITES["disentanglement"].contestants}
    parser = argparse.ArgumentParser(description="CPU seconds of a training step on sprites")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--methods", nargs="+", choices=list(rows), default=list(rows))
    wanted = parser.parse_args(arguments)
    torch.set_num_threads(1)
    sprites = load("sprites")
    dataset = dataclasses.replace(sprites, train=sprites.train[torch.arange(IMAGES)])
    print("| method | CPU seconds a step |\n|---|---|")
    for name in wanted.methods:
        seconds = seconds_a_step(
            rows[name].config("sprites"), dataset, batch=wanted.batch, steps=wanted.steps
        )
        print(f"| `{name}` | {seconds:.3f} |", flush=True)


if __name__ == "__main__":
    main()
