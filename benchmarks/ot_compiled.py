"""Time solves and divergences with compiled loops and without, in turn in one process.

Float32, one thread, the clouds of `ot_speed.py`; structured problems have 8 codes at `epsilon_code / epsilon` .1 and,
like the plain ones beside them, epsilon .1 of the mean cost and an L1 error of 1e-2; divergences, with their gradient,
have 1e-3.

    pip install 'infot[fast,peers]'
    OMP_NUM_THREADS=1 python benchmarks/ot_compiled.py
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from ot_speed import clouds, interleaved, ours

from infot import ot
from infot.ot.solvers.compiled import seam


def without(run: Callable[[], object]) -> object:
    """Run something as if numba were not there."""
    found, seam._module = seam._module, lambda name: None
    try:
        return run()
    finally:
        seam._module = found


def runs(n: int) -> dict[str, Callable[[], object]]:
    """What is timed between clouds of ``n`` points."""
    x, y = clouds(n, 2)
    cost = ot.squared_euclidean(x, y)
    epsilon = 0.1 * float(cost.mean())
    entropic, blocks = ot.Entropic(epsilon), ot.Blocks(code=(8, n // 8))
    structured = ot.Structured(entropic, blocks, epsilon_code=0.1 * epsilon)
    found: dict[str, Callable[[], object]] = {
        name: partial(ot.solve, ot.OTProblem(cost=cost, regulariser=regulariser), tolerance=1e-2)
        for name, regulariser in (("plain", entropic), ("structured", structured))
    }
    for d in (2, 64):
        x, y = clouds(n, d)
        mean = float(ot.squared_euclidean(x, y).mean())
        for relative in (0.2, 0.05, 0.01):
            found[f"divergence, d = {d}, epsilon {relative}"] = partial(ours, x, y, relative * mean, 1e-3)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| what | points | ms with | ms without | without / with |\n|---|---|---|---|---|")
    for n in arguments.sizes:
        for name, run in runs(n).items():
            report = interleaved({"with": run, "without": partial(without, run)}, arguments.rounds, "with")
            times, ratio = report["milliseconds"], report["ratio"]["without"]
            print(
                f"| {name} | {n} | {times['with']:.2f} | {times['without']:.2f} | {ratio:.2f} |", flush=True
            )


if __name__ == "__main__":
    main()
