"""The contract between objectives and the training loop."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor, nn

from infot import ot
from infot.models.encoders import GaussianNoise
from infot.random import Streams

__all__ = ["Batch", "Coder", "Objective", "Partners", "PlanCoder", "Reading"]


@dataclass(frozen=True)
class Batch:
    """One turn's material.

    Attributes:
        data: Data points, shape ``(n, *shape)``, on the device of the networks.
        progress: Position of the schedules, from 0 at the first step to 1 at the last.
    """

    data: Tensor
    progress: float


class Partners(NamedTuple):
    """What the plan couples with each of ``n`` data, the ``count`` heaviest couplings of each.

    Attributes:
        points: Generated points, shape ``(n, count, *shape)``.
        codes: Index of the code value that each was generated from.
        mass: Share of the datum's mass that goes there; a row sums to 1 where ``count`` covers all couplings.
    """

    points: Tensor
    codes: Int[Tensor, "n count"]
    mass: Float[Tensor, "n count"]


class Reading(NamedTuple):
    """What a coder reads of ``n`` data.

    Attributes:
        posterior: Probabilities over the code values.
        mean: Mean of the code.
    """

    posterior: Float[Tensor, "n k"]
    mean: Float[Tensor, "n code_dim"]


class Coder(nn.Module, ABC):
    """Reads codes of data after training; all state is in parameters and buffers, so a state_dict stores it.

    Attributes:
        code_values: The code values that the posterior ranges over, shape ``(k, code_dim)``.
        route: What the codes are read by, in words that end a sentence.
    """

    code_values: Tensor
    route: str

    @abstractmethod
    def posterior(self, x: Tensor) -> Float[Tensor, "n k"]:
        """Return the conditional of the code given each datum.

        Args:
            x: Data, shape ``(n, *shape)``.

        Returns:
            Probabilities over the code values; rows sum to 1.
        """

    @property
    def routes(self) -> Mapping[str, "Coder"]:
        """The coders to choose among, by what holds them: ``"plan"``, ``"encoder"``; one of them is this one."""
        return {"encoder": self}

    def read(self, x: Tensor) -> "Reading":
        """Return the posterior and the conditional mean of the code, which for continuous codes is the code itself."""
        posterior = self.posterior(x)
        return Reading(posterior, posterior @ self.code_values)

    def laws(self, x: Tensor) -> GaussianNoise | None:
        """Return the normal laws of the code's coordinates within the likeliest chart of each datum.

        Uniform and normal coordinates have one chart; see :class:`~infot.models.charts.Charts`.

        Returns:
            Arrays ``(n, n_normals)``, or None where the coder holds no such laws.
        """
        return None


class PlanCoder(Coder):
    """Reads codes off a transport plan, which also couples data with generated points."""

    route = "the plan"

    @property
    def routes(self) -> Mapping[str, Coder]:
        """See :attr:`Coder.routes`."""
        return {"plan": self}

    @abstractmethod
    def partners(self, x: Tensor, count: int) -> Partners:
        """Return the heaviest couplings of each datum under the plan.

        Args:
            x: Data, shape ``(n, *shape)``.
            count: How many for each datum, heaviest first.
        """

    @abstractmethod
    def plan(self, x: Tensor) -> ot.Plan:
        """Return the plan between latents (rows, code by code) and data, by the potentials of training.

        Its columns are the conditionals of the plan that training ended with, summed over the noise the posterior; its
        rows are weighed as ``x`` uses them. See :func:`infot.ot.carried_plan`.

        Args:
            x: Data, shape ``(n, *shape)``, each of weight ``1 / n``.
        """

    @abstractmethod
    def reconstruct(self, x: Tensor) -> Tensor:
        """Return what the plan couples with each datum: the generated point of its likeliest code, shape of ``x``."""


class Objective(ABC):
    """A training objective: the networks it trains, in turns, and a pure loss.

    Only the training loop steps optimisers. ``loss`` has no side effect but its draws from ``streams``, so that a run
    repeats bit for bit.

    Attributes:
        players: Names of the players; each has its own optimiser.
        rates: Learning rate of a player relative to that of the run; 1 where it is not named.
        betas: Adam's moment decays of a player; those of the run where it is not named.
    """

    players: tuple[str, ...] = ("generator",)
    rates: Mapping[str, float] = MappingProxyType({})
    betas: Mapping[str, tuple[float, float]] = MappingProxyType({})

    def turns(self, step: int) -> tuple[str, ...]:
        """Return who plays after ``step`` finished steps, in order; by default every player once.

        Every turn gets a batch of its own. A player may have several turns in a step, or none.
        """
        return self.players

    def parameters_of(self, player: str, nets: nn.ModuleDict) -> Iterable[nn.Parameter]:
        """Return the parameters that ``player``'s optimiser steps; by default those of the network of that name."""
        return nets[player].parameters()

    @abstractmethod
    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the loss that ``player`` minimises and what is worth logging (0-dimensional, detached).

        Every objective logs ``loss``. One that holds a plan between code and data also logs ``transport_cost``,
        ``plan_information`` (I(c;x), nats), ``noise_information`` (I(e;x|c), nats), ``marginal_error`` (L1),
        ``solver_steps``, ``epsilon`` and ``epsilon_code`` (units of cost); one with several players the loss of each
        under its name, as in ``critic_loss``. What :meth:`follow` needs may have dimensions; it is not logged.
        """

    def constrain(self, player: str, nets: nn.ModuleDict) -> None:
        """Bring the player's parameters back to where they may be, after its optimiser's step; by default anywhere."""

    def follow(self, player: str, nets: nn.ModuleDict, found: Mapping[str, Tensor]) -> None:
        """Move what no optimiser steps, after the player's step, by what ``loss`` found; by default nothing.

        Such a state is a buffer of ``nets``, so that checkpoints and models hold it.
        """

    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Coder | None:
        """Return what reads codes of data off the trained networks, or None where the method has nothing that does.

        Where there is a plan, it is solved between the trained generator and ``data``.
        """
        return None
