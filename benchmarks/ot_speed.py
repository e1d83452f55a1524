"""Time a debiased Sinkhorn divergence with its gradient against POT, GeomLoss and RegOT, at equal marginal error.

Protocol: float32, n points against n points, squared Euclidean cost, epsilon relative to the mean cost, value and
gradient in the points, one thread. All methods run in turn in one process, round by round; a ratio is the median over
the rounds of a method's CPU time over infot's in the same round, so it holds on a machine that is busy with other
work. A call that is timed follows one of the same method that is not, so that caches hold its own data and not another
library's; calls that take long go without. The limit is what plain alternating Sinkhorn costs if nothing but
arithmetic is paid for: a cost GEMM and an exp pass for each of the three terms, and two float32 matrix-vector products
an iteration.

    pip install 'infot[fast,peers]'
    OMP_NUM_THREADS=1 python benchmarks/ot_speed.py --out docs/results/ot_speed.json --table docs/results/ot_speed.md
"""

import argparse
import json
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ot_peers import STEPS_LIMIT, Runs, batch_peers, plain_steps, single_peers

from infot import ot

ROUNDS = 9
SLOW = 0.5  # seconds; what takes longer runs in two rounds only
WARM = 0.1  # seconds; what takes longer fills its caches on the way
BATCH, BATCH_SIZE = 32, 128
STRUCTURED_TOLERANCE = 1e-2
LIBRARIES = {name: name for name in ("torch", "numpy", "numba", "geomloss", "regot")} | {"POT": "ot"}
"""What is told the version of, where it is installed, by the name of its module."""


def clouds(n: int, d: int, batch: tuple[int, ...] = ()) -> tuple[torch.Tensor, torch.Tensor]:
    """Two Gaussian clouds, the second shifted and narrower."""
    rng = torch.Generator().manual_seed(0)
    x, y = (torch.randn(*batch, n, d, generator=rng) for _ in range(2))
    return x, 0.8 * y + 0.5


def ours(x: torch.Tensor, y: torch.Tensor, epsilon: float, tolerance: float) -> torch.Tensor:
    """Gradient of our divergence."""
    x = x.clone().requires_grad_()
    value = ot.sinkhorn_divergence(x, y, epsilon=epsilon, tolerance=tolerance, max_steps=STEPS_LIMIT)
    value.sum().backward()
    assert x.grad is not None
    return x.grad


def limit(x: torch.Tensor, y: torch.Tensor, steps: tuple[int, int]) -> Callable[[], None]:
    """The arithmetic of plain Sinkhorn and nothing else."""
    kernel = np.exp(-np.random.default_rng(0).random((*x.shape[:-1], y.shape[-2]), dtype=np.float32))
    tensor = -torch.from_numpy(kernel)
    items = kernel.reshape(-1, *kernel.shape[-2:])
    vector, out = np.ones(x.shape[-2], np.float32), np.empty(x.shape[-2], np.float32)
    left, right = x.numpy(), y.mT.numpy()

    def run() -> None:
        for _ in range(3):
            np.matmul(left, right)
            tensor.exp()
        for item in items:
            for _ in range(2 * (steps[0] + 2 * steps[1])):
                np.dot(vector, item, out=out)

    return run


def interleaved(runs: Runs, rounds: int, against: str) -> dict[str, dict[str, float]]:
    """Least CPU milliseconds of each run, and the median ratio to one of them in the same round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(rounds):
        for name, run in runs.items():
            if index >= 2 and times[name][-1] > SLOW:
                continue
            if not times[name] or times[name][-1] <= WARM:
                run()
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    base = times[against]
    return {
        "milliseconds": {name: round(1e3 * min(taken), 3) for name, taken in times.items()},
        "ratio": {
            name: round(statistics.median(t / b for t, b in zip(taken, base, strict=False)), 2)
            for name, taken in times.items()
        },
    }


def single(n: int, d: int, relative: float, tolerance: float, rounds: int) -> dict[str, Any]:
    """Time every method on one pair of clouds."""
    x, y = clouds(n, d)
    epsilon = relative * float(ot.squared_euclidean(x, y).mean())
    steps = (plain_steps(x, y, epsilon, tolerance), plain_steps(x, x, epsilon, tolerance))
    runs: Runs = {"infot": partial(ours, x, y, epsilon, tolerance), "limit": limit(x, y, steps)}
    runs |= single_peers(x, y, epsilon, tolerance, steps)
    row = {"n": n, "d": d, "epsilon": relative, "tolerance": tolerance, "plain_steps": steps}
    return row | interleaved(runs, rounds, "infot")


def batched(d: int, relative: float, tolerance: float, rounds: int) -> dict[str, Any]:
    """Time every method on a batch; iterations are those that the slowest item needs."""
    x, y = clouds(BATCH_SIZE, d, (BATCH,))
    epsilon = relative * float(ot.squared_euclidean(x, y).mean())
    pairs = [
        (plain_steps(a, b, epsilon, tolerance), plain_steps(a, a, epsilon, tolerance))
        for a, b in zip(x, y, strict=True)
    ]
    steps = (max(cross for cross, _ in pairs), max(itself for _, itself in pairs))
    runs: Runs = {"infot": partial(ours, x, y, epsilon, tolerance), "limit": limit(x, y, steps)}
    runs |= batch_peers(x, y, epsilon, tolerance, steps)
    row = {"batch": BATCH, "n": BATCH_SIZE, "d": d, "epsilon": relative, "tolerance": tolerance}
    return row | {"plain_steps": steps} | interleaved(runs, rounds, "infot")


def structured(n: int, rounds: int) -> dict[str, Any]:
    """Time a structured solve against the plain one of the same size, at epsilon_code / epsilon = 0.1."""
    x, y = clouds(n, 2)
    cost = ot.squared_euclidean(x, y)
    epsilon = 0.1 * float(cost.mean())
    blocks = ot.Blocks(code=(8, n // 8))
    regulariser = ot.Structured(ot.Entropic(epsilon), blocks=blocks, epsilon_code=0.1 * epsilon)
    problems = {
        "structured": ot.OTProblem(cost=cost, regulariser=regulariser),
        "plain": ot.OTProblem(cost=cost, regulariser=ot.Entropic(epsilon)),
    }
    solves = {name: partial(ot.solve, p, tolerance=STRUCTURED_TOLERANCE) for name, p in problems.items()}
    row = {"n": n, "steps": {name: int(solve().n_steps) for name, solve in solves.items()}}
    return row | interleaved(dict(solves), rounds, "plain")


def table(report: dict[str, Any]) -> str:
    """The report as Markdown: times of the others in units of infot's, and infot's in units of the limit."""
    lines = [
        "# Speed of the Sinkhorn divergence",
        "",
        f"`{report['command']}`",
        "",
        "Value and gradient of the debiased divergence, float32, one thread; "
        + ", ".join(f"{name} {number}" for name, number in report["versions"].items())
        + ". Columns of peers are CPU time over infot's (above one: infot is faster), medians over interleaved rounds; "
        "`infot / limit` is infot's over the arithmetic of plain Sinkhorn (`benchmarks/ot_speed.py` defines it). "
        "A dash: left out for its time, or its gradient is not that of the divergence.",
    ]
    for title, rows in (
        ("One pair of clouds", report["single"]),
        ("32 pairs of 128 points", report["batch"]),
    ):
        names = dict.fromkeys(name for row in rows for name in row["ratio"])
        peers = [name for name in names if name not in ("infot", "limit")]
        lines += [
            "",
            f"## {title}",
            "",
            f"| n | d | epsilon | L1 error | infot / limit | {' | '.join(peers)} |",
        ]
        lines += ["|" + "---|" * (5 + len(peers))]
        for row in rows:
            cells = [row["n"], row["d"], row["epsilon"], row["tolerance"], f"{1 / row['ratio']['limit']:.2f}"]
            cells += [row["ratio"].get(name, "–") for name in peers]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "## Structured against plain, 8 codes, epsilon_code / epsilon = 0.1, L1 error 1e-2", ""]
    lines += ["| n | steps, structured / plain | time, structured / plain |", "|---|---|---|"]
    for row in report["structured"]:
        steps = row["steps"]
        lines.append(
            f"| {row['n']} | {steps['structured']} / {steps['plain']} | {row['ratio']['structured']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the grid and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    parser.add_argument("--table", type=Path, help="where to write the table")
    parser.add_argument("--sizes", type=int, nargs="*", default=[128, 256, 512, 1024, 4096])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 64])
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.2, 0.05, 0.01])
    parser.add_argument("--tolerances", type=float, nargs="+", default=[1e-3, 1e-5])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    report: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/ot_speed.py", *sys.argv[1:]]),
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in LIBRARIES if find_spec(LIBRARIES[name])},
        "single": [],
        "batch": [],
        "structured": [],
    }

    def keep(part: str, row: dict[str, Any]) -> None:
        report[part].append(row)
        print(json.dumps(row), flush=True)
        if arguments.out is not None:
            arguments.out.write_text(json.dumps(report, indent=1) + "\n")
        if arguments.table is not None:
            arguments.table.write_text(table(report))

    grid = [(d, e, t) for d in arguments.dimensions for e in arguments.epsilons for t in arguments.tolerances]
    for d, relative, tolerance in grid:
        keep("batch", batched(d, relative, tolerance, arguments.rounds))
    for n in arguments.sizes:
        keep("structured", structured(n, arguments.rounds))
        for d, relative, tolerance in grid:
            keep("single", single(n, d, relative, tolerance, arguments.rounds))


if __name__ == "__main__":
    main()
