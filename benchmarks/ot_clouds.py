"""Solve transport between large clouds and take its gradient; report passes, CPU seconds and peak memory.

Protocol: float32, n Gaussian points against n points of a shifted, narrower Gaussian, squared Euclidean cost, epsilon
relative to the mean cost, one thread; value to an L1 marginal error, then the envelope gradient in the points. A batch
holds that many pairs, each drawn anew. The peak is that of the whole process, its libraries included, whose own share
is reported beside it.

    python benchmarks/ot_clouds.py --sizes 50000 --epsilons 0.05 --out ot_clouds.json
    python benchmarks/ot_clouds.py --sizes 10000 --batches 1 4 16
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch

from infot import ot


def peak() -> float:
    """Peak memory of this process in GB (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def case(n: int, d: int, relative: float, tolerance: float, batch: int) -> dict[str, object]:
    """Solve one problem, or a batch of them, and differentiate the values."""
    rng = torch.Generator().manual_seed(0)
    shape = (n, d) if batch == 1 else (batch, n, d)
    x = torch.randn(shape, generator=rng).requires_grad_()
    y = 0.8 * torch.randn(shape, generator=rng) + 0.5
    before, start = peak(), time.process_time()
    problem = ot.CloudProblem(x, y, regulariser=ot.Relative(ot.Entropic(relative)))
    plan = ot.solve_clouds(problem, tolerance=tolerance, on_failure="return")
    solved = time.process_time()
    ot.cloud_value(plan).sum().backward()
    return {
        "pairs": batch,
        "n": n,
        "d": d,
        "epsilon": relative,
        "passes": int(plan.n_steps.max()),
        "status": plan.status.name,
        "error": float(plan.marginal_error.max()),
        "value": float(plan.value.mean()),
        "solve_seconds": round(solved - start, 1),
        "gradient_seconds": round(time.process_time() - solved, 1),
        "peak_gb": round(peak(), 3),
        "libraries_gb": round(before, 3),
    }


def main() -> None:
    """Run the grid."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10000, 50000])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2])
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.05])
    parser.add_argument("--batches", type=int, nargs="+", default=[1])
    parser.add_argument("--tolerance", type=float, default=1e-3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for n in arguments.sizes:
        for d in arguments.dimensions:
            for relative in arguments.epsilons:
                for batch in arguments.batches:
                    rows.append(case(n, d, relative, arguments.tolerance, batch))
                    print(json.dumps(rows[-1]), flush=True)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
