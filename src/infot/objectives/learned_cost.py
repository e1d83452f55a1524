"""A ground cost that is learned beside an objective which holds its plan on samples."""

from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.models.latents import LatentSpace
from infot.models.priors import learned_latents
from infot.objectives.base import Batch, Coder, Objective
from infot.objectives.batch_energy import batch_energy
from infot.random import Streams

__all__ = ["LearnedCost"]


class LearnedCost(Objective):
    r"""Let a critic raise the divergence of samples and data in its features, and an objective lower its own in them.

    .. math:: \max_h \; S_\varepsilon(h_\# G_\#\zeta, h_\# \nu), \qquad C(z, x) = |h(G(z)) - h(x)|^2

    The critic raises the plain divergence, never the information term: it is to tell samples from data, not to make
    codes easy to tell. Its features are bounded, the divergence is taken between independent halves of batches
    (Salimans et al., arXiv 1803.05573), and epsilon is relative to the mean cost of the batch, as are the prices of the
    objective (:class:`~infot.objectives.ground.LearnedGround`). Method, section 6.

    Args:
        objective: Descends under the learned cost.
        latents: The latent space.
        epsilon: Smoothing of the critic's plans, relative to the mean cost of the batch. It stays while the objective's
            falls: what is left to tell apart at the end are grains of one mode, on which batches differ by chance.
        tolerance: L1 marginal error of each solve.
        max_steps: Limit on the steps of each solve.
        every: Steps of the objective for each visit of the critic.
        rate: Learning rate of the critic relative to the generator's.
    """

    def __init__(
        self,
        objective: Objective,
        latents: LatentSpace,
        *,
        epsilon: float,
        tolerance: float = 1e-2,
        max_steps: int = 500,
        every: int = 1,
        rate: float = 1.0,
    ) -> None:
        self.objective = objective
        self.latents = latents
        self.epsilon, self.tolerance, self.max_steps = epsilon, tolerance, max_steps
        self.every = every
        self.players = ("critic", *objective.players)
        self.rates = {**objective.rates, "critic": rate}
        self.betas = objective.betas

    def turns(self, step: int) -> tuple[str, ...]:
        """Return the players of a step: the critic first, where it is its turn."""
        return ("critic",) * (step % self.every == 0) + self.objective.turns(step)

    def parameters_of(self, player: str, nets: nn.ModuleDict) -> Iterable[nn.Parameter]:
        """Return the critic's parameters, or those of a player of the objective."""
        return (
            nets["critic"].parameters() if player == "critic" else self.objective.parameters_of(player, nets)
        )

    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the critic's loss, the negative divergence over the mean cost, or that of the objective."""
        if player != "critic":
            return self.objective.loss(player, nets, batch, streams)
        latent = learned_latents(self.latents, nets).sample(len(batch.data), streams("latent"))
        with torch.no_grad():
            made = nets["generator"](*(part.to(batch.data.device) for part in latent))
        x, y = nets["critic"](made), nets["critic"](batch.data)
        scale = ot.squared_euclidean(x, y).mean().detach().clamp_min(torch.finfo(x.dtype).tiny)
        unit = scale.sqrt()
        divergence = batch_energy(
            x / unit,
            y / unit,
            cost=ot.SquaredEuclidean(),
            epsilon=self.epsilon,
            tolerance=self.tolerance,
            max_steps=self.max_steps,
        ).distance
        return -divergence, {"critic_loss": -divergence.detach(), "mean_cost": scale}

    def constrain(self, player: str, nets: nn.ModuleDict) -> None:
        """Constrain what the objective does."""
        self.objective.constrain(player, nets)

    def follow(self, player: str, nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
        """Follow what the objective does."""
        if player != "critic":
            self.objective.follow(player, nets, found)

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Coder | None:
        """Return the objective's coder, which sees data through the critic."""
        return self.objective.coder(nets, data, streams)
