"""The informative OT GAN with an amortised perturbation: an encoder of the code bends the ground cost."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.priors import follow_codes
from infot.objectives.amortised_coder import AmortisedCoder
from infot.objectives.base import Batch, Coder, Objective
from infot.objectives.code_information import code_information
from infot.objectives.plan_loss import excess_cost, plan_info, used_codes
from infot.objectives.plan_problems import PlanProblems, Side
from infot.objectives.structured import solved_potential
from infot.random import Streams

__all__ = ["AmortisedPlan"]


class AmortisedPlan(Objective):
    r"""Replace the plan's own conditional of the code by an encoder, so that every solve is a plain one.

    .. math:: \tilde C(c, e, x) = C(c, e, x) - \lambda \log \frac{q(c | x)}{\zeta_c(c)}, \qquad
              \lambda = \varepsilon - \varepsilon_c

    and the plan is the entropic one of this cost. The encoder raises :math:`E_\pi \log q/\zeta_c \le I_\pi(c; x)` on
    real data, under the plan; the bound is met at :math:`q = \pi(c | x)`, where the plan is the structured one
    (method, section 3). The generator descends the transport cost of the ground, plans held; in the self term the
    encoder reads the generator's own samples, at the share :math:`\tau` of the price. Method, section 6, route 3.

    Args:
        problems: Draws the transport problems: latents, prices, ground cost.
    """

    players = ("model",)

    def __init__(self, problems: PlanProblems) -> None:
        self.problems = problems

    def parameters_of(self, player: str, nets: nn.ModuleDict) -> list[nn.Parameter]:
        """Return the parameters of generator and encoder; they share plans, and no gradients."""
        return [*nets["generator"].parameters(), *nets["encoder"].parameters()]

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the excess of the transport cost, less what the encoder tells of the code under the plan, in nats."""
        turn = self.problems.of_turn(nets, batch, streams)
        told = self._told(nets, turn.to_data)
        with torch.no_grad():
            told_of_own = self._told(nets, turn.to_own)
        to_data = self._plan(turn.to_data, told.detach())
        to_own = self._plan(turn.to_own, told_of_own)
        excess = excess_cost(turn, to_data, to_own)
        masses = to_data.matrix().view(told.shape[1], -1, told.shape[2]).sum(1)
        read = (masses * told.sum(0)).sum()
        info = (
            plan_info(excess, turn.to_data, to_data)
            | used_codes(nets, turn.to_data)
            | {"encoder_information": read.detach()}
        )
        return excess - read, info

    def follow(self, player: str, nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
        """Move a learned prior towards the code frequencies of the batch."""
        follow_codes(nets, found)

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Coder:
        """Return the encoder, and beside it the structured plan of the trained generator, solved on ``data``."""
        bank = self.problems.bank(nets, data, streams)
        return AmortisedCoder.of(
            nets["encoder"],
            self.problems.grid_of(nets).latents,
            plan=bank.coder(solved_potential(bank.side.problem)),
        )

    def _told(self, nets: nn.ModuleDict, side: Side) -> Float[Tensor, "blocks k n"]:
        """Return what the encoder tells of each code by each target, in nats."""
        codes = side.latents.latent.code[:: side.latents.blocks.n_noise].to(side.targets)
        return code_information(
            self.problems.grid_of(nets).latents.code, nets["encoder"](side.targets), codes
        )

    def _plan(self, side: Side, told: Float[Tensor, "blocks k n"]) -> ot.Plan:
        """Solve the side's problem at the perturbed cost, without structure."""
        structured = side.problem.regulariser
        assert isinstance(structured, ot.Structured)
        epsilon = structured.base.epsilon
        rebates = torch.tensor([epsilon - price for price in structured.epsilons_code]).to(told)
        lowered = (rebates.view(-1, 1, 1) * told).sum(0)
        problem = ot.OTProblem(
            cost=side.problem.cost.detach() - lowered.repeat_interleave(side.latents.blocks.n_noise, dim=0),
            a=side.problem.row_weights,
            regulariser=structured.base,
            blocks=side.latents.blocks,
        )
        return self.problems.settings.solve(problem)
