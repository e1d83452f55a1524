"""Time Newton's finish against the fixed point alone, at small prices and equal marginal error.

Protocol: float64, n points against n points in d dimensions, squared Euclidean cost, epsilon relative to the mean cost,
one thread, CPU seconds of one solve each, at most 5000 steps. With ``--ratios`` the rows have 8 codes, drawn at random,
at that price relative to epsilon, and the structured solvers are compared.

    python benchmarks/ot_newton.py --out ot_newton.json
    python benchmarks/ot_newton.py --ratios 0.3 0.1 0.02 --epsilons 0.1 0.01 0.002 --out ot_nested_newton.json
"""

import argparse
import itertools
import json
import time
from pathlib import Path

import torch

from infot import ot

PLAIN: dict[str, ot.Solver] = {"sinkhorn": ot.Sinkhorn(), "newton": ot.Newton()}
STRUCTURED: dict[str, ot.Solver] = {"nested": ot.Nested(), "nested newton": ot.NestedNewton()}
CODES = 8


def case(n: int, d: int, relative: float, ratio: float | None, tolerance: float) -> dict[str, object]:
    """Solve one problem with both; a ratio gives the rows codes."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(n, d, generator=rng, dtype=torch.float64)
    y = 0.8 * torch.randn(n, d, generator=rng, dtype=torch.float64) + 0.5
    regulariser: ot.Regulariser = ot.Entropic(relative)
    if ratio is not None:
        regulariser = ot.Structured(regulariser, ot.Blocks((CODES, n // CODES)), ratio * relative)
    problem = ot.OTProblem.from_points(x, y, regulariser=ot.Relative(regulariser))
    row: dict[str, object] = {"n": n, "d": d, "epsilon": relative, "ratio": ratio, "tolerance": tolerance}
    for name, solver in (PLAIN if ratio is None else STRUCTURED).items():
        start = time.process_time()
        plan = ot.solve(problem, solver=solver, tolerance=tolerance, max_steps=5000, on_failure="return")
        row[name] = {
            "seconds": round(time.process_time() - start, 3),
            "steps": int(plan.n_steps),
            "status": plan.status.name,
            "error": float(plan.marginal_error),
        }
    return row


def main() -> None:
    """Run the grid."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1e-2, 1e-3, 1e-4])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 16])
    parser.add_argument("--ratios", type=float, nargs="+", default=[None])
    parser.add_argument("--tolerances", type=float, nargs="+", default=[1e-4, 1e-6])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for n, d, relative, ratio, tolerance in itertools.product(
        arguments.sizes, arguments.dimensions, arguments.epsilons, arguments.ratios, arguments.tolerances
    ):
        rows.append(case(n, d, relative, ratio, tolerance))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
