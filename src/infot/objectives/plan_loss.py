"""What the generator descends, given the plan to the data and the plan to its own samples; and what is logged of it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.objectives.plan_problems import Side, TurnProblems

__all__ = ["excess_cost", "plan_info", "used_codes"]


def excess_cost(turn: TurnProblems, to_data: ot.Plan, to_own: ot.Plan) -> Float[Tensor, ""]:
    """Return the transport cost to the data less that to the own samples, differentiable in the costs, plans held.

    Where the two hold a code more or less often, its rows count in both with the smaller of the two frequencies: pull
    and push stay in balance code by code.

    Args:
        turn: The problems, with the ground costs.
        to_data: Plan to the data.
        to_own: Plan to the own samples.
    """
    weights = torch.minimum(to_data.problem.row_weights, to_own.problem.row_weights)
    return _cost_of(turn.to_data, to_data, weights) - _cost_of(turn.to_own, to_own, weights)


def _cost_of(side: Side, plan: ot.Plan, weights: Tensor) -> Tensor:
    """Return the ground cost of a plan whose rows are brought to ``weights``."""
    rows = weights / plan.problem.row_weights
    return ((plan.matrix() * rows.unsqueeze(1)) * side.problem.cost).sum()


def plan_info(loss: Tensor, side: Side, plan: ot.Plan) -> dict[str, Tensor]:
    """Return what an objective that holds a plan logs; see :meth:`infot.objectives.base.Objective.loss`."""
    return {
        "loss": loss.detach(),
        "transport_cost": (plan.matrix() * side.problem.cost.detach()).sum(),
        "plan_information": plan.mutual_information("code"),
        "noise_information": plan.conditional_information("code"),
        "marginal_error": plan.marginal_error,
        "solver_steps": plan.n_steps.float(),
        "epsilon": torch.tensor(side.prices.epsilon),
        "epsilon_code": torch.tensor(side.prices.code[0]),
    }


def used_codes(nets: nn.ModuleDict, side: Side) -> dict[str, Tensor]:
    """Return the ``code_frequencies`` of a batch where the networks hold a prior that follows them."""
    return {"code_frequencies": side.code_masses} if "prior" in nets else {}
