"""Time a step of plain Sinkhorn by numpy's calls, the package's loop in numba, `torch.compile`, and a loop in C.

Float32, one thread, uniform clouds in the plane, epsilon .1 of the mean cost. A step is two products with the kernel,
two divisions and the L1 error, in each way from the same start to the same row masses; the package's takes the
logarithms of both potentials and the value besides, and is timed too with the extrapolation that it solves with. Runs
of 30 steps are timed in turn; microseconds a step are least ones, ratios to numpy medians over the rounds. First calls
compile into empty caches. What needs a compiler that is not there is left out, with a line that says so.

    pip install 'infot[fast]'
    OMP_NUM_THREADS=1 python benchmarks/ot_compile_options.py
"""

import argparse
import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ot_speed import clouds, interleaved

from infot import ot
from infot.numerics import largest_exponent
from infot.ot.solvers.approach import ACCELERATED
from infot.ot.solvers.compiled.seam import compiled_for
from infot.ot.solvers.flat_kernel import FlatKernel, GivenCost
from infot.ot.solvers.kernel import Leg

STEPS, EPSILON, AGREEMENT = 30, 0.1, 1e-3
MEMORY = ACCELERATED.memory
TINY = float(np.finfo(np.float32).tiny)
AHEAD = ("numba, extrapolated",)  # nearer to the optimum after as many steps
Run = Callable[[], np.ndarray]

SOURCE = """
#include <math.h>
float iterate(const float *restrict kernel, const float *restrict a, const float *restrict b, float *restrict scaling,
              float *restrict loads, float *restrict mass, int n, int m, int steps, float tiny) {
    float error = 0;
    while (steps--) {
        for (int j = 0; j < m; j++) loads[j] = tiny;
        for (int i = 0; i < n; i++) {
            const float weight = a[i] * scaling[i];
            for (int j = 0; j < m; j++) loads[j] += weight * kernel[i * m + j];
        }
        for (int j = 0; j < m; j++) loads[j] = b[j] / loads[j];
        error = 0;
        for (int i = 0; i < n; i++) {
            float total = 0;
            for (int j = 0; j < m; j++) total += kernel[i * m + j] * loads[j];
            mass[i] = total * scaling[i] + tiny;
            error += fabsf(mass[i] - 1) * a[i];
            scaling[i] /= mass[i];
        }
    }
    return error;
}
"""


class Problem:
    """A kernel near the potential that the package begins at, and weights.

    Args:
        n: Points of each cloud.
    """

    def __init__(self, n: int) -> None:
        x, y = clouds(n, 2)
        cost = ot.squared_euclidean(x, y).unsqueeze(0)
        weights = np.full((1, n), 1 / n, dtype=np.float32)
        buffer = np.empty((1, n, n), dtype=np.float32)
        epsilon = EPSILON * float(cost.mean())
        self.flat = FlatKernel(GivenCost(cost), weights, weights, epsilon=epsilon, buffer=buffer)
        self.f = self.flat.anchor(None)
        self.kernel, self.a, self.b = buffer[0].copy(), weights[0], weights[0]
        self.scaling = np.ones_like(self.a)


def in_numpy(problem: Problem) -> Run:
    """Return the steps as numpy's calls."""
    kernel, a, b = problem.kernel, problem.a, problem.b

    def run() -> np.ndarray:
        scaling = mass = problem.scaling
        for _ in range(STEPS):
            totals = (a * scaling) @ kernel
            totals += TINY
            mass = kernel @ (b / totals)
            mass *= scaling
            mass += TINY
            (abs(mass - 1) * a).sum()
            scaling = scaling / mass
        return mass

    return run


def in_numba(problem: Problem) -> Run | None:
    """Return the steps in one call of a loop over the package's compiled evaluation, which needs numba."""
    module = compiled_for(problem.f, "flat")
    if module is None:
        return None
    import numba

    evaluate, f, number = module._evaluate, problem.f[0], np.float32
    kernel, weights = problem.kernel, (problem.a, problem.b)
    epsilon, farthest = problem.flat.epsilon, largest_exponent(torch.float32)
    numbers = tuple(map(number, (epsilon, 1 / epsilon, farthest, TINY)))
    absorbed = f / number(epsilon), np.zeros_like(problem.b)

    @numba.njit(error_model="numpy")
    def steps(kernel, weights, f, absorbed, numbers, count):  # noqa: ANN001, ANN202 - numba compiles plain functions
        mass = f
        for _ in range(count):
            _, _, _, _, mass, move, _, _ = evaluate(kernel, weights, f, absorbed, numbers, False)
            f = f + move
        return mass

    return lambda: steps(kernel, weights, f, absorbed, numbers, STEPS)


def extrapolated(problem: Problem) -> Run | None:
    """Return as many steps of the loop that the package solves by, with extrapolation from the last ones."""
    if compiled_for(problem.f, "flat") is None:
        return None
    endless = (0.0, STEPS, 10, 10**9)

    def run() -> np.ndarray:
        leg = Leg(problem.flat.a, problem.f.copy(), cold=True, memory=MEMORY, used=0, limits=endless)
        stage = problem.flat.iterated(leg)
        assert stage is not None
        return stage.last.row_mass[0]

    return run


def in_torch(problem: Problem) -> Run | None:
    """Return the steps as one compiled graph each, which needs a C++ compiler."""
    if not any(map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++"))):
        return None
    kernel, a, b, first = map(torch.from_numpy, (problem.kernel, problem.a, problem.b, problem.scaling))

    @torch.compile(dynamic=False)
    def step(kernel, a, b, scaling):  # noqa: ANN001, ANN202 - the compiler traces plain functions
        mass = kernel @ (b / ((a * scaling) @ kernel + TINY)) * scaling + TINY
        return scaling / mass, mass, ((mass - 1).abs() * a).sum()

    def run() -> np.ndarray:
        scaling = mass = first
        for _ in range(STEPS):
            scaling, mass, _ = step(kernel, a, b, scaling)
        return mass.numpy()

    return run


def in_c(problem: Problem, folder: Path) -> Run | None:
    """Return the steps in one call of a loop in C, built by the system's compiler at the first call."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CC", ""), "cc", "gcc", "clang"))), None)
    if compiler is None:
        return None
    library = folder / "iterate.so"

    def built() -> ctypes.CDLL:
        if not library.exists():
            source = folder / "iterate.c"
            source.write_text(SOURCE)
            options = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
            subprocess.run([compiler, *options, str(source), "-o", str(library), "-lm"], check=True)
        found = ctypes.CDLL(str(library))
        found.iterate.restype = ctypes.c_float
        return found

    held: list[ctypes.CDLL] = []
    loads, mass = np.empty_like(problem.b), np.empty_like(problem.a)
    n, m = problem.kernel.shape

    def run() -> np.ndarray:
        if not held:
            held.append(built())
        arrays = (problem.kernel, problem.a, problem.b, problem.scaling.copy(), loads, mass)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
        held[0].iterate(*pointers, n, m, STEPS, ctypes.c_float(TINY))
        return mass.copy()

    return run


def first_calls(runs: dict[str, Run]) -> dict[str, float]:
    """Return the seconds of each first call, once all have come to the same row masses."""
    seconds, expected = {}, runs["numpy"]()
    for name, run in runs.items():
        start = time.perf_counter()
        found = run()
        seconds[name] = time.perf_counter() - start
        if name not in AHEAD and not np.allclose(found, expected, rtol=AGREEMENT):
            raise RuntimeError(f"{name} came to other row masses: off by {abs(found - expected).max():.3g}")
    return seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| points | by | us a step | / numpy | first call, s |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        for n in arguments.sizes:
            problem = Problem(n)
            made = {
                "numpy": in_numpy(problem),
                "numba": in_numba(problem),
                "numba, extrapolated": extrapolated(problem),
                "torch.compile": in_torch(problem),
                "C": in_c(problem, Path(folder)),
            }
            runs = {name: run for name, run in made.items() if run is not None}
            first = first_calls(runs)
            report = interleaved(runs, arguments.rounds, "numpy")
            for name in made:
                if name not in runs:
                    print(f"| {n} | {name} | left out: no compiler | | |")
                    continue
                microseconds = 1e3 * report["milliseconds"][name] / STEPS
                ratio = report["ratio"][name]
                print(f"| {n} | {name} | {microseconds:.1f} | {ratio:.2f} | {first[name]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
