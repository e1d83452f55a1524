"""The informative OT GAN on a dual plan: a network holds the potential of the latents."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.priors import follow_codes
from infot.objectives.base import Batch, Coder, Objective
from infot.objectives.plan_loss import excess_cost, plan_info, used_codes
from infot.objectives.plan_problems import PlanProblems, Side
from infot.ot.carried import weight_potential
from infot.random import Streams

__all__ = ["SemidualPlan"]


class SemidualPlan(Objective):
    r"""Hold the plan by a network f(z) that ascends the semi-dual on fresh latents and data.

    .. math:: \min_G \max_f \; E_\zeta f(z) + E_\nu g_f(x) - \tfrac12 W_\tau(G_\#\zeta, G_\#\zeta), \qquad
              g_f = \text{the nested soft minimum of } C - f

    The potential has several turns a step. The generator then descends the transport cost of the plan that it tells,
    held (envelope theorem; a potential that is nearly optimal gives nearly the gradient: Sanjabi, Ba, Razaviyayn, Lee,
    arXiv 1802.08249), with its rows brought to the weights of the latents. The self term is solved exactly on the
    batch: it is small, its plan has no use outside the step, and a second potential would add its error to what
    debiasing is there to cancel. Method, section 6, route 2; at ``epsilon_code_ratio`` 1 the regularised OT GAN of that
    paper, debiased.

    Code frequencies of a batch move the potential by their price, as a change of weights does
    (:func:`infot.ot.carried_plan`), so that the network stands for the prior and not for the batches it has seen.

    Args:
        problems: Draws the transport problems: latents, prices, ground cost.
        ascents: Turns of the potential before a turn of the generator.
        rate: Learning rate of the potential relative to the generator's.
    """

    players = ("potential", "generator")

    def __init__(self, problems: PlanProblems, *, ascents: int = 1, rate: float = 1.0) -> None:
        self.problems = problems
        self.ascents = ascents
        self.rates = {"potential": rate}

    def turns(self, step: int) -> tuple[str, ...]:
        """Return the players of a step, in order."""
        return ("potential",) * self.ascents + ("generator",)

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the negative semi-dual for the potential; the excess cost under its plan for the generator."""
        if player == "potential":
            side = self.problems.of_data(nets, batch, streams)
            loss = -ot.semidual_value(side.problem, potential_of(nets, side))
            return loss, {"potential_loss": loss.detach()}
        turn = self.problems.of_even_turn(nets, batch, streams)
        tolerance = self.problems.settings.tolerance
        to_data = ot.plan_of_potential(
            turn.to_data.problem, potential_of(nets, turn.to_data), tolerance=tolerance
        )
        loss = excess_cost(turn, to_data, self.problems.settings.solve(turn.to_own.problem))
        return loss, plan_info(loss, turn.to_data, to_data) | used_codes(nets, turn.to_data) | {
            "generator_loss": loss.detach()
        }

    def follow(self, player: str, nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
        """Move a learned prior towards the code frequencies of the batch, on the generator's turn."""
        if player == "generator":
            follow_codes(nets, found)

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Coder:
        """Read the network at a large bank of latents: no potential is solved for."""
        bank = self.problems.bank(nets, data, streams)
        return bank.coder(potential_of(nets, bank.side).detach())


def potential_of(nets: nn.ModuleDict, side: Side) -> Float[Tensor, " n"]:
    """Return the potential of a side's latents at the row weights of its problem, differentiable in the network."""
    code, latents = side.latents.latent.code.to(side.targets), side.latents
    prior = latents.row_weights(latents.code_weights).to(side.targets)
    regulariser = side.problem.regulariser
    assert isinstance(regulariser, ot.Structured)
    held, wanted = (
        weight_potential(regulariser, weights.unsqueeze(0))[0]
        for weights in (side.problem.row_weights, prior)
    )
    return nets["potential"](code, side.generated.detach()) + wanted - held
