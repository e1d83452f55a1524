"""The informative OT GAN on a sample plan: exact structured transport between a latent batch and a data batch."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.priors import follow_codes
from infot.objectives.base import Batch, Coder, Objective
from infot.objectives.plan_loss import excess_cost, plan_info, used_codes
from infot.objectives.plan_problems import PlanProblems
from infot.random import Streams

__all__ = ["SamplePlan", "solved_potential"]

CODER_TOLERANCE = 1e-3  # L1 marginal error of the solve between the coder's bank and data
CODER_STEPS = 2000


class SamplePlan(Objective):
    r"""Minimise the structured divergence between generated and real samples.

    With :math:`W` the structured transport value of :math:`(z, x)` (method, equation P), :math:`z'` a second,
    independent latent batch drawn one by one like data, and :math:`W_\tau` the value whose structure is only the share
    :math:`\tau` of it, the generator descends

    .. math:: \nabla_\theta \left[ \langle \pi, C(G_\theta(z), x) \rangle
              - \langle \pi', C(G_\theta(z), \bar G(z')) \rangle \right]

    with both plans held (envelope theorem). At :math:`\tau = 0` the code is under pressure to inform; at
    :math:`\tau = 1` both terms have one law where :math:`G_\#\zeta = \nu`, so the data's law is stationary without
    bias.
    With ``epsilon_code_ratio`` 1 this is the plain Sinkhorn divergence.

    Args:
        problems: Draws the transport problems: latents, prices, ground cost.
    """

    def __init__(self, problems: PlanProblems) -> None:
        self.problems = problems

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the excess of the transport cost to the data over that to the generator's own samples."""
        turn = self.problems.of_turn(nets, batch, streams)
        to_data, to_own = (self.problems.settings.solve(side.problem) for side in (turn.to_data, turn.to_own))
        loss = excess_cost(turn, to_data, to_own)
        return loss, plan_info(loss, turn.to_data, to_data) | used_codes(nets, turn.to_data)

    def follow(self, player: str, nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
        """Move a learned prior towards the code frequencies of the batch."""
        follow_codes(nets, found)

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Coder:
        """Solve between a large bank of latents and ``data`` at the final prices."""
        bank = self.problems.bank(nets, data, streams)
        return bank.coder(solved_potential(bank.side.problem))


def solved_potential(problem: ot.OTProblem) -> Float[Tensor, " n"]:
    """Return the potential of a coder's bank before data."""
    plan = ot.solve(problem, tolerance=CODER_TOLERANCE, max_steps=CODER_STEPS, on_failure="return")
    return plan.f
