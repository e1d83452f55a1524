"""What a fixed-point iteration evaluates, and where it starts and ends: a regularised problem in the kernel domain.

Potentials are absorbed into the kernel: around an anchor ``f_0`` the kernel is ``exp((f_0 - C - S_0) / epsilon)`` with
``S_0`` the largest ``f_0 - C`` of a column, computed once in the log domain. Its entries neither overflow nor all
underflow, and an evaluation near the anchor costs two passes over the matrix instead of two log-sum-exps.
After Schmitzer, "Stabilized sparse scaling algorithms for entropy regularized transport problems", arXiv 1610.06519.

Arrays are those of inner loops (:func:`infot.numerics.to_loop`).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from infot.ot.status import Status

__all__ = ["Evaluation", "Kernel", "Leg", "Stage"]


class Evaluation(NamedTuple):
    """The semi-dual at a latent potential.

    Args:
        f: The potential, ``(B, n)``; kernels with codes shift whole codes first.
        g: Potential of the data, ``(B, m)``.
        row_mass: Mass of each row of the density under ``b``, ``(B, n)``; one where the plan meets ``a``.
        factors: Row factor ``(B, K, m)`` and column factor ``(B, K, M)``; the kernel between them gives ``b`` times the
            density.
        soft: Soft maximum of ``f - C`` over the noise, ``S = -A``, ``(B, K, m)``, where there are codes.
        posterior: ``p(c | x)``, ``(B, K, m)``, where there are codes.
        code_mass: Mass of each code, ``(B, K)``, where there are codes.
    """

    f: Any
    g: Any
    row_mass: Any
    factors: tuple[Any, Any]
    soft: Any = None
    posterior: Any = None
    code_mass: Any = None


@dataclass(frozen=True)
class Leg:
    """What an iteration at fixed prices starts from.

    Args:
        a: Weights of the rows, ``(B, n)``.
        f: Potential, at the anchor.
        cold: Whether it is where a kernel begins by itself.
        memory: Memory of the extrapolation.
        used: Steps taken before.
        limits: L1 error to reach, most steps, steps between two looks at whether anything still betters, and how many
            of these without that are borne.
    """

    a: Any
    f: Any
    cold: bool
    memory: int
    used: int
    limits: tuple[float, int, int, int]


class Kernel(ABC):
    """A problem at fixed prices."""

    matrix: Any
    """The kernel, ``(B, K, m, M)``."""

    b: Any
    """Weights of the columns, ``(B, m)``."""

    openings: ClassVar[int] = 0
    """Steps of :meth:`opening`."""

    @abstractmethod
    def anchor(self, f: Any) -> Any:
        """Absorb a potential into the kernel, in the log domain, and return it.

        Args:
            f: The potential, ``(B, n)``; None takes ``min_x C``, at which every row has a partner at slack zero.
        """

    @abstractmethod
    def evaluate(self, f: Any, error: Any) -> Evaluation:
        """Evaluate the semi-dual at a potential, which becomes the anchor if it is too far from it.

        Args:
            f: Potential of the latents.
            error: L1 marginal error of the last evaluation, ``(B,)``: how exact it is worth being.
        """

    @abstractmethod
    def steps(self, now: Evaluation) -> tuple[Any, Any]:
        """Return the step of a contraction that never lowers the semi-dual, and a bold one that may, if there is one.

        The bold step is mostly longer and converges in fewer steps; None where there is none.
        """

    def opening(self, f: Any, error: Any) -> Any:
        """Return where a start that is far off had better go before it takes steps at the problem's own prices.

        Args:
            f: The start.
            error: Its L1 marginal error, ``(B,)``.
        """
        return f

    def iterated(self, leg: Leg) -> "Stage | None":
        """Return where an extrapolated iteration ends, if there is a compiled loop for it.

        It takes the steps that it would take without one, and its numbers are the same up to rounding.

        Args:
            leg: What it starts from.
        """
        return None


@dataclass(frozen=True)
class Stage:
    """Where an iteration ended, at one set of prices."""

    last: Evaluation
    kernel: Kernel
    error: Any
    n_steps: Any
    otherwise: Status
