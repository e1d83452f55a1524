"""The damped fixed point on the latent potential, ``f <- f - epsilon_1 log(row mass)``, accelerated.

With one block it is Sinkhorn's algorithm; with nested blocks it is the contraction of the nested logit model (Berry,
RAND Journal of Economics 25(2), 1994), damped by the smallest price of a nat.
"""

import torch
from torch import Tensor

from infot.numerics import safe_log
from infot.ot.plan import Solution
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic
from infot.ot.solvers.anderson import Anderson
from infot.ot.solvers.base import first_steps, statuses_of
from infot.ot.solvers.kernel import Evaluation, NestedKernel
from infot.ot.structure import Nest, Structured

__all__ = ["fixed_point"]


def fixed_point(
    problem: OTProblem,
    regulariser: Entropic | Structured,
    *,
    memory: int,
    tolerance: float,
    max_steps: int,
    start: Tensor | None,
    solver: str,
) -> Solution:
    """Iterate to the tolerance and finish on the side of the latents.

    Args:
        problem: The problem, with batch axes.
        regulariser: Its regulariser.
        memory: Memory of the acceleration.
        tolerance: L1 error of the row masses to reach.
        max_steps: Limit on the steps.
        start: Potential to start from.
        solver: Name for the record.
    """
    nest = Nest.of(regulariser, problem.row_weights)
    kernel = NestedKernel(problem.cost, problem.column_weights, nest)
    f = kernel.start() if start is None else start
    kernel.anchor(f)
    accelerate = Anderson(memory, problem.row_weights)
    n_steps = torch.zeros(f.shape[0], dtype=torch.long, device=f.device)
    for step in range(1, max_steps + 1):
        now = kernel.evaluate(f)
        error = (problem.row_weights * (now.row_mass - 1).abs()).sum(-1)
        done = error <= tolerance
        n_steps = first_steps(n_steps, step, done)
        if step == max_steps or bool((done | ~error.isfinite()).all()):
            break
        f = accelerate.next(f, -nest.damping * safe_log(now.row_mass), error)
        if kernel.drifted(f):
            kernel.anchor(f)
    n_steps = torch.where(n_steps == 0, step, n_steps)
    return _finish(problem, nest, f, now, (n_steps, statuses_of(error, tolerance), solver))


def _finish(
    problem: OTProblem, nest: Nest, f: Tensor, last: Evaluation, record: tuple[Tensor, tuple, str]
) -> Solution:
    """Make the rows exact with the perturbation held, and value the semi-dual before that."""
    value = (problem.row_weights * f).sum(-1) + (problem.column_weights * last.g).sum(-1)
    perturbation = (
        nest.epsilon * last.log_code_density - last.soft - last.g.unsqueeze(1) if nest.sizes else None
    )
    exact = f - nest.epsilon * safe_log(last.row_mass)
    n_steps, statuses, solver = record
    return Solution(exact, last.g, value, n_steps, statuses, solver, perturbation)
