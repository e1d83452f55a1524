"""What a solver may start from: a latent potential, and the plan that it was taken from."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.plan import Plan
from infot.ot.problem import OTProblem

__all__ = ["Start"]


@dataclass(frozen=True, eq=False)
class Start:
    """Where a solve starts, with the batch axis of its problem.

    A potential tells the plan of a convex problem with a conjugate, so most solvers look at nothing else. Those that go
    from plan to plan need the plan itself where several plans may have the same potential.

    Args:
        f: Potential of the latents, in units of cost.
        plan: The plan of a similar problem that it was taken from; left out where only a potential is known.
    """

    f: Float[Tensor, "B n"]
    plan: Plan | None = None

    @classmethod
    def of(cls, start: "Plan | Tensor", problem: OTProblem) -> "Start":
        """Fit a plan or a potential to a problem that has a batch axis.

        Raises:
            ProblemError: if the number of rows or the batch is another one.
        """
        plan = start if isinstance(start, Plan) else None
        potential = start.solution.f if isinstance(start, Plan) else start.detach()
        potential = potential.reshape(-1, potential.shape[-1])
        batch, n_rows = problem.cost.shape[:2]
        if potential.shape[-1] != n_rows or potential.shape[0] not in (1, batch):
            raise ProblemError(
                f"expected a starting potential for {n_rows} rows, got shape {tuple(potential.shape)}"
            )
        return cls(potential.to(problem.cost).expand(batch, -1), plan)

    def density(self, problem: OTProblem) -> Float[Tensor, "B n m"] | None:
        """Return the density of the plan, or None where only a potential is known.

        Raises:
            ProblemError: if the plan has another number of columns.
        """
        if self.plan is None:
            return None
        density = self.plan._density.detach()
        if density.shape[-1] != problem.cost.shape[-1]:
            raise ProblemError(
                f"expected a starting plan with {problem.cost.shape[-1]} columns, got {density.shape[-1]}; "
                "start from its potential alone, start=plan.f"
            )
        return density.to(problem.cost).expand(problem.cost.shape)
