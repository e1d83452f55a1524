"""Time a debiased Sinkhorn divergence with its gradient against POT and GeomLoss, at equal marginal error.

Protocol: float32, n points against n points, squared Euclidean cost, epsilon relative to the mean cost, value and
gradient in the points. Each method runs until its L1 marginal error is at most the tolerance; methods without such a
stopping test get the number of iterations, found beforehand. Times are the least CPU time of several repeats, methods
interleaved in one process and on one thread, so only the ratios mean something. The limit is what plain alternating
Sinkhorn costs if nothing but arithmetic is paid for: a cost GEMM and an exp pass for each of the three terms, two
float32 matrix-vector products an iteration.

    python benchmarks/ot_speed.py --out ot_speed.json            # peers: pip install POT geomloss
"""

import argparse
import json
import platform
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import geomloss
import numpy as np
import ot as pot
import torch

from infot import ot

STEPS_LIMIT = 20000


def clouds(n: int, d: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two Gaussian clouds, the second shifted and narrower."""
    rng = torch.Generator().manual_seed(0)
    return torch.randn(n, d, generator=rng), 0.8 * torch.randn(n, d, generator=rng) + 0.5


def l1_error(cost: np.ndarray, f: np.ndarray, g: np.ndarray, epsilon: float) -> float:
    """L1 marginal error, the larger side, of the plan of two potentials for uniform weights."""
    plan = np.exp((f[:, None] + g[None, :] - cost) / epsilon) / cost.size
    rows, columns = plan.sum(1) - 1 / cost.shape[0], plan.sum(0) - 1 / cost.shape[1]
    return float(max(np.abs(rows).sum(), np.abs(columns).sum()))


def kernel_terms(x: np.ndarray, y: np.ndarray, epsilon: float, steps: int) -> tuple[np.ndarray, float]:
    """POT's algorithm in numpy's kernel domain with the hand-made envelope gradient: the strongest peer."""
    n, m = len(x), len(y)
    cost = pot.dist(x, y)
    a, b = np.full(n, 1 / n, np.float32), np.full(m, 1 / m, np.float32)
    plan = np.asarray(
        pot.bregman.sinkhorn_knopp(a, b, cost, epsilon, numItermax=steps, stopThr=0, warn=False)
    )
    gradient = 2 * (x * plan.sum(1, keepdims=True) - plan @ y)
    return gradient, float((plan * cost).sum())


def numpy_peer(x: np.ndarray, y: np.ndarray, epsilon: float, steps: tuple[int, int]) -> np.ndarray:
    """Gradient of the divergence by POT's kernel-domain Sinkhorn."""
    cross, _ = kernel_terms(x, y, epsilon, steps[0])
    itself, _ = kernel_terms(x, x, epsilon, steps[1])
    kernel_terms(y, y, epsilon, steps[1])
    return cross - itself


def torch_peer(x: torch.Tensor, y: torch.Tensor, epsilon: float, steps: tuple[int, int]) -> torch.Tensor:
    """Gradient of the divergence by POT in torch, log domain, envelope."""
    x = x.clone().requires_grad_()

    def term(left: torch.Tensor, right: torch.Tensor, n: int) -> torch.Tensor:
        cost = pot.dist(left, right)
        return pot.solve(cost, reg=epsilon, max_iter=n, tol=0, grad="envelope").value

    loss = term(x, y, steps[0]) - term(x, x, steps[1]) / 2 - term(y, y, steps[1]) / 2
    loss.backward()
    assert x.grad is not None
    return x.grad


def geomloss_peer(x: torch.Tensor, y: torch.Tensor, epsilon: float, scaling: float) -> torch.Tensor:
    """Gradient of GeomLoss's divergence; its cost is half the square."""
    x = x.clone().requires_grad_()
    loss = geomloss.SamplesLoss(
        "sinkhorn", p=2, blur=(epsilon / 2) ** 0.5, scaling=scaling, backend="tensorized"
    )
    loss(x, y).backward()
    assert x.grad is not None
    return 2 * x.grad


def ours(x: torch.Tensor, y: torch.Tensor, epsilon: float, tolerance: float) -> torch.Tensor:
    """Gradient of our divergence."""
    x = x.clone().requires_grad_()
    ot.sinkhorn_divergence(x, y, epsilon=epsilon, tolerance=tolerance, max_steps=STEPS_LIMIT).backward()
    assert x.grad is not None
    return x.grad


def plain_steps(x: torch.Tensor, y: torch.Tensor, epsilon: float, tolerance: float) -> int:
    """Iterations of plain alternating Sinkhorn from zero to the tolerance, in float64."""
    cost = ot.squared_euclidean(x.double(), y.double()).numpy()
    kernel = np.exp(-(cost - cost.min()) / epsilon)
    u = np.ones(len(x))
    for step in range(1, STEPS_LIMIT):
        v = 1 / np.maximum(kernel.T @ u / len(x), 1e-300)
        rows = u * (kernel @ v) / len(y)
        if np.abs(rows - 1).mean() <= tolerance:
            return step
        u = u / np.maximum(rows, 1e-300)
    return STEPS_LIMIT


def geomloss_scaling(x: torch.Tensor, y: torch.Tensor, epsilon: float, tolerance: float) -> float:
    """The coarsest schedule of GeomLoss whose cross term meets the tolerance."""
    for scaling in (0.5, 0.7, 0.9, 0.95, 0.99, 0.995):
        loss = geomloss.SamplesLoss(
            "sinkhorn",
            p=2,
            blur=(epsilon / 2) ** 0.5,
            scaling=scaling,
            debias=False,
            potentials=True,
            backend="tensorized",
        )
        f, g = loss(x.double(), y.double())
        cost = ot.squared_euclidean(x.double(), y.double()).numpy()
        error = l1_error(cost, 2 * f.numpy().ravel(), 2 * g.numpy().ravel(), epsilon)
        if error <= tolerance:
            return scaling
    return float("nan")


def limit_run(x: np.ndarray, y: np.ndarray, steps: tuple[int, int]) -> Callable[[], None]:
    """The arithmetic of plain Sinkhorn and nothing else."""
    kernel = np.exp(-np.random.default_rng(0).random((len(x), len(y)), dtype=np.float32))
    tensor = -torch.from_numpy(kernel)
    vector = np.ones(len(x), np.float32)
    out = np.empty(len(x), np.float32)

    def run() -> None:
        for _ in range(3):
            np.matmul(x, y.T)
            tensor.exp()
        for _ in range(2 * (steps[0] + 2 * steps[1])):
            np.dot(vector, kernel, out=out)

    return run


def least(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Least CPU milliseconds of each run, interleaved."""
    best = dict.fromkeys(runs, float("inf"))
    for name, run in runs.items():
        run()
        best[name] = float("inf")
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.process_time()
            run()
            best[name] = min(best[name], 1e3 * (time.process_time() - start))
    return best


def case(n: int, d: int, relative: float, tolerance: float, repeats: int) -> dict[str, object]:
    """Time every method on one problem."""
    x, y = clouds(n, d)
    epsilon = relative * float(ot.squared_euclidean(x, y).mean())
    steps = (plain_steps(x, y, epsilon, tolerance), plain_steps(x, x, epsilon, tolerance))
    scaling = geomloss_scaling(x, y, epsilon, tolerance)
    xn, yn = x.numpy(), y.numpy()
    runs: dict[str, Callable[[], object]] = {
        "limit": limit_run(xn, yn, steps),
        "infot": lambda: ours(x, y, epsilon, tolerance),
        "pot_numpy": lambda: numpy_peer(xn, yn, epsilon, steps),
    }
    if steps[0] <= 1000:
        runs["pot_torch"] = lambda: torch_peer(x, y, epsilon, steps)
    if scaling == scaling:
        runs["geomloss"] = lambda: geomloss_peer(x, y, epsilon, scaling)
    times = least(runs, repeats)
    row: dict[str, object] = {
        "n": n,
        "d": d,
        "epsilon": relative,
        "tolerance": tolerance,
        "plain_steps": steps,
    }
    row["milliseconds"] = {name: round(value, 3) for name, value in times.items()}
    row["ratio_to_infot"] = {name: round(value / times["infot"], 2) for name, value in times.items()}
    return row


def structured_ratio(n: int, repeats: int) -> dict[str, object]:
    """Time of a structured solve over that of the plain one of the same size, at epsilon_code / epsilon = 0.1."""
    x, y = clouds(n, 2)
    cost = ot.squared_euclidean(x, y)
    epsilon = 0.1 * float(cost.mean())
    blocks = ot.Blocks(code=(8, n // 8))
    structured = ot.Structured(ot.Entropic(epsilon), blocks=blocks, epsilon_code=0.1 * epsilon)
    problems = {
        "structured": ot.OTProblem(cost=cost, regulariser=structured),
        "plain": ot.OTProblem(cost=cost, regulariser=ot.Entropic(epsilon)),
    }
    runs: dict[str, Callable[[], object]] = {
        n: partial(ot.solve, p, tolerance=1e-2) for n, p in problems.items()
    }
    times = least(runs, repeats)
    return {"n": n, "milliseconds": times, "ratio": round(times["structured"] / times["plain"], 2)}


def main() -> None:
    """Run the grid and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 64])
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.2, 0.05, 0.01])
    parser.add_argument("--tolerances", type=float, nargs="+", default=[1e-3])
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = []
    for n in arguments.sizes:
        for d in arguments.dimensions:
            for relative in arguments.epsilons:
                for tolerance in arguments.tolerances:
                    rows.append(case(n, d, relative, tolerance, arguments.repeats))
                    print(json.dumps(rows[-1]), flush=True)
    structured = [structured_ratio(n, arguments.repeats) for n in arguments.sizes if n % 8 == 0]
    for row in structured:
        print(json.dumps(row), flush=True)
    versions = {"torch": torch.__version__, "POT": pot.__version__, "geomloss": geomloss.__version__}
    result = {"machine": platform.processor(), "versions": versions, "rows": rows, "structured": structured}
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
