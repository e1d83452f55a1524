"""The contract between objectives and the training loop."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor, nn

from infot.random import Streams

__all__ = ["Batch", "Coder", "Objective", "Partners"]


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


class Coder(nn.Module, ABC):
    """Reads codes off the plan after training; all state is in parameters and buffers, so a state_dict stores it.

    Attributes:
        code_values: The code values that the posterior ranges over, shape ``(k, code_dim)``.
    """

    code_values: Tensor

    @abstractmethod
    def posterior(self, x: Tensor) -> Float[Tensor, "n k"]:
        """Return the plan's conditional of the code given each datum.

        Args:
            x: Data, shape ``(n, *shape)``.

        Returns:
            Probabilities over the code values; rows sum to 1.
        """

    def mean_code(self, x: Tensor) -> Float[Tensor, "n code_dim"]:
        """Return the plan's conditional mean of the code given each datum: for continuous codes, the code itself."""
        return self.posterior(x) @ self.code_values

    @abstractmethod
    def partners(self, x: Tensor, count: int) -> Partners:
        """Return the heaviest couplings of each datum under the plan.

        Args:
            x: Data, shape ``(n, *shape)``.
            count: How many for each datum, heaviest first.
        """

    @abstractmethod
    def reconstruct(self, x: Tensor) -> Tensor:
        """Return what the plan couples with each datum: the generated point of its likeliest code, shape of ``x``."""


class Objective(ABC):
    """A training objective: the networks it trains, in turns, and a pure loss.

    Only the training loop steps optimisers. ``loss`` has no side effect but its draws from ``streams``, so that a run
    repeats bit for bit.

    Attributes:
        players: Names of the players, in turn order; each has its own optimiser.
    """

    players: tuple[str, ...] = ("generator",)

    def parameters_of(self, player: str, nets: nn.ModuleDict) -> Iterable[nn.Parameter]:
        """Return the parameters that ``player``'s optimiser steps; by default those of the network of that name."""
        return nets[player].parameters()

    @abstractmethod
    def loss(
        self, player: str, nets: nn.ModuleDict, batch: Batch, streams: Streams
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Return the loss that ``player`` minimises and what is worth logging (0-dimensional, detached).

        Every objective logs ``loss``, ``transport_cost``, ``plan_information`` (I(c;x), nats), ``noise_information``
        (I(e;x|c), nats), ``marginal_error`` (L1), ``solver_steps``, ``epsilon`` and ``epsilon_code`` (units of cost).
        """

    @abstractmethod
    def coder(self, nets: nn.ModuleDict, data: Tensor, streams: Streams) -> Coder:
        """Solve for the plan between the trained generator and ``data`` and return what reads codes off it."""
