"""Solve transport between large clouds and take its gradient; report passes, CPU seconds and peak memory.

Protocol: float32, n Gaussian points against n points of a shifted, narrower Gaussian, squared Euclidean cost, epsilon
relative to the mean cost, one thread; value to an L1 marginal error, then the envelope gradient in the points. A batch
holds that many pairs, each drawn anew. With codes the points are laid out by code, as many each, at random or along the
first coordinate, and a nat through the code costs a share of epsilon. The peak is that of the whole process, its
libraries included, whose own share is reported beside it; with several cases, the largest up to then.

    python benchmarks/ot_clouds.py --sizes 50000 --epsilons 0.05 --out ot_clouds.json
    python benchmarks/ot_clouds.py --sizes 10000 --batches 1 4 16
    python benchmarks/ot_clouds.py --sizes 10000 --codes 10 --ratios 0.1 --layouts random sorted
"""

import argparse
import json
import resource
import time
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch

from infot import ot


def peak() -> float:
    """Peak memory of this process in GB (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


@dataclass(frozen=True)
class Case:
    """One problem, or a batch of them.

    Args:
        n: Points of each cloud.
        d: Their dimension.
        epsilon: Price of a nat, relative to the mean cost.
        batch: Number of pairs.
        codes: Number of codes; none if zero.
        ratio: Price of a nat through the code, relative to epsilon.
        layout: Whether points get their codes at random or along the first coordinate.
    """

    n: int
    d: int
    epsilon: float
    batch: int
    codes: int
    ratio: float
    layout: str

    def regulariser(self) -> ot.Regulariser:
        """Return the smoothing."""
        entropic = ot.Entropic(self.epsilon)
        if self.codes == 0:
            return ot.Relative(entropic)
        blocks = ot.Blocks((self.codes, self.n // self.codes))
        return ot.Relative(ot.Structured(entropic, blocks, self.ratio * self.epsilon))

    def clouds(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw the points."""
        rng = torch.Generator().manual_seed(0)
        shape = (self.n, self.d) if self.batch == 1 else (self.batch, self.n, self.d)
        x = torch.randn(shape, generator=rng)
        y = 0.8 * torch.randn(shape, generator=rng) + 0.5
        if self.codes and self.layout == "sorted":
            x = x.take_along_dim(x[..., :1].argsort(-2), -2)
        return x.requires_grad_(), y


def measured(case: Case, tolerance: float) -> dict[str, Any]:
    """Solve, differentiate the values, and tell time and memory."""
    x, y = case.clouds()
    before, start = peak(), time.process_time()
    plan = ot.solve_clouds(
        ot.CloudProblem(x, y, regulariser=case.regulariser()), tolerance=tolerance, on_failure="return"
    )
    solved = time.process_time()
    ot.cloud_value(plan).sum().backward()
    row = asdict(case) | {
        "passes": int(plan.n_steps.max()),
        "status": plan.status.name,
        "error": float(plan.marginal_error.max()),
        "value": float(plan.value.mean()),
        "solve_seconds": round(solved - start, 1),
        "gradient_seconds": round(time.process_time() - solved, 1),
        "peak_gb": round(peak(), 3),
        "libraries_gb": round(before, 3),
    }
    return row | ({"code_information": float(plan.mutual_information().mean())} if case.codes else {})


def main() -> None:
    """Run the grid."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10000, 50000])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2])
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.05])
    parser.add_argument("--batches", type=int, nargs="+", default=[1])
    parser.add_argument("--codes", type=int, default=0, help="number of codes; none if zero")
    parser.add_argument(
        "--ratios", type=float, nargs="+", default=[0.1], help="price of the code over epsilon"
    )
    parser.add_argument("--layouts", nargs="+", default=["random"], choices=["random", "sorted"])
    parser.add_argument("--tolerance", type=float, default=1e-3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    grid = (arguments.sizes, arguments.dimensions, arguments.epsilons, arguments.batches, [arguments.codes])
    of_codes = (arguments.ratios, arguments.layouts) if arguments.codes else ([1.0], ["random"])
    for settings in product(*grid, *of_codes):
        rows.append(measured(Case(*settings), arguments.tolerance))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
