"""The condition that a plan's latent potential meets, whatever the regulariser: what gradients of plans are made of."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.convexity import check_smoothing
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic, Regulariser
from infot.ot.scaling import without_factor
from infot.ot.slack_stationarity import SlackStationarity, slack_curvature
from infot.ot.stationarity import Stationarity, contraction, curvature, nest_of
from infot.ot.structure import Nest, Structured

__all__ = ["Condition", "condition_at", "curvature_at", "differentiable_problem", "exact_potential", "nested"]

Condition = Stationarity | SlackStationarity


def differentiable_problem(problem: OTProblem) -> tuple[OTProblem, float | Float[Tensor, "B 1"]]:
    """Return the problem with batch axes and its graph, at the cost over its regulariser's factor, and that factor.

    Raises:
        ProblemError: if the regulariser has no conjugate, none that is smooth beside kinks, or a rule that is not
            convex; if a code of a structured plan weighs nothing: how its plan splits over the noise then depends on
            how its weight grows; or if gradients are wanted in weights of zero where rows have no closed form.
    """
    batch, factor = without_factor(problem.on_graph())
    regulariser, weights = batch.regulariser, batch.row_weights.detach()
    check_smoothing(regulariser, "gradients of plans", "the gradient of the value (Envelope) exists for all")
    if isinstance(regulariser, Structured) and not bool(
        (Nest.of(regulariser, weights).code_weights > 0).all()
    ):
        raise ProblemError(
            "expected every code to weigh something for gradients of a structured plan; drop the others"
        )
    if not nested(regulariser) and batch.row_weights.requires_grad and bool((weights == 0).any()):
        raise ProblemError(
            f"expected positive weights a for gradients in them under {type(regulariser).__name__}: a row without "
            "weight has no potential there; drop it, or detach the weights"
        )
    return batch, 1.0 if factor is None else factor


def nested(regulariser: Regulariser) -> bool:
    """Say whether the plan is that of a (nested) soft minimum."""
    return isinstance(regulariser, Entropic | Structured)


def condition_at(problem: OTProblem, f: Float[Tensor, "B n"]) -> Condition:
    """Evaluate the condition of a problem with batch axes at a latent potential."""
    return Stationarity.at(problem, f) if nested(problem.regulariser) else SlackStationarity.at(problem, f)


def curvature_at(
    problem: OTProblem, f: Float[Tensor, "B n"]
) -> Callable[[Float[Tensor, "B n"]], Float[Tensor, "B n"]]:
    """Return ``x -> diag(pi 1) (dr / df) x`` at a potential: the Schur complement of the dual's Hessian."""
    condition = condition_at(problem, f)
    if isinstance(condition, Stationarity):
        return curvature(problem, condition.log_density)
    return slack_curvature(problem, condition.slack)


def exact_potential(
    problem: OTProblem, f: Float[Tensor, "B n"], condition: Condition
) -> Float[Tensor, "B n"]:
    """Return the potential whose rows are exact with ``g`` held, where that has a closed form."""
    if isinstance(condition, SlackStationarity):
        return f
    return f - contraction(problem, nest_of(problem).epsilon, f) * condition.residual
