"""Divergences between clouds by regularised transport, differentiable in points and weights."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.ot.costs import Cost, SquaredEuclidean
from infot.ot.differentiation import ENVELOPE, Envelope, Gradient
from infot.ot.entry import SMALL_EPSILON, solve
from infot.ot.euclidean import cost_matrix, euclidean_value
from infot.ot.euclidean_divergence import Clouds, Wishes
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic, Regulariser
from infot.ot.solvers.base import Solver
from infot.ot.solvers.sinkhorn import SymmetricSinkhorn
from infot.ot.structure import Structured
from infot.ot.weights import filled_weights

__all__ = [
    "SelfTerm",
    "SinkhornDivergenceTo",
    "sinkhorn_divergence",
    "structured_divergence",
    "unbalanced_divergence",
]


@dataclass(frozen=True)
class _Measure:
    """A weighted cloud."""

    points: Tensor
    weights: Tensor | None

    @property
    def mass(self) -> Tensor:
        """The sum of the weights, one where they are left out."""
        return filled_weights(self.weights, "a cloud", self.points.shape[-2], self.points).sum(-1)


@dataclass(frozen=True)
class _Terms:
    """How the terms of a divergence are solved and differentiated: all in one way."""

    cost: Cost | None
    tolerance: float
    max_steps: int
    on_failure: str
    gradient: Gradient = ENVELOPE
    rho: float | None = None

    def value(
        self, x: _Measure, y: _Measure, regulariser: Regulariser, solver: Solver | None = None
    ) -> Tensor:
        """Return the optimal value between two clouds."""
        ground = SquaredEuclidean() if self.cost is None else self.cost
        closed = self.closed(x.points, y.points)
        matrix = cost_matrix(x.points, y.points) if closed else ground(x.points, y.points)
        problem = OTProblem(cost=matrix, regulariser=regulariser, a=x.weights, b=y.weights, rho=self.rho)
        plan = solve(
            problem,
            solver=solver,
            tolerance=self.tolerance,
            max_steps=self.max_steps,
            on_failure=self.on_failure,
            gradient=None if closed else self.gradient,
        )
        return euclidean_value(plan, x.points, y.points) if closed else plan.value

    def closed(self, x: Tensor, y: Tensor) -> bool:
        """Say whether gradients have a closed form that takes one product with the plan."""
        euclidean = self.cost is None or isinstance(self.cost, SquaredEuclidean)
        kept = self.rho is None
        return euclidean and kept and isinstance(self.gradient, Envelope) and x.ndim == y.ndim

    def itself(self, x: _Measure, epsilon: float) -> Tensor:
        """Return the entropic value of a cloud against itself, by averaged updates."""
        return self.value(x, x, Entropic(epsilon), SymmetricSinkhorn())

    def divergence(self, x: _Measure, y: _Measure, epsilon: float, own: Tensor | None = None) -> Tensor:
        """Return the debiased divergence; ``own`` is ``W(y, y)`` where it is known."""
        if self.closed(x.points, y.points):
            clouds = Clouds(x.points, y.points, x.weights, y.weights)
            if epsilon > SMALL_EPSILON * clouds.mean_cost:
                return clouds.divergence(
                    Wishes(epsilon, self.tolerance, self.max_steps, self.on_failure), own
                )
        between = self.value(x, y, Entropic(epsilon))
        own = self.itself(y, epsilon) if own is None else own
        return between - self.itself(x, epsilon) / 2 - own / 2


def sinkhorn_divergence(
    x: Float[Tensor, "*batch n d"],
    y: Float[Tensor, "*batch m d"],
    a: Float[Tensor, "*batch n"] | None = None,
    b: Float[Tensor, "*batch m"] | None = None,
    *,
    epsilon: float,
    cost: Cost | None = None,
    tolerance: float = 1e-4,
    max_steps: int = 2000,
    on_failure: str = "warn",
    gradient: Gradient = ENVELOPE,
) -> Float[Tensor, "*batch"]:
    """Return the debiased Sinkhorn divergence ``W(x, y) - W(x, x) / 2 - W(y, y) / 2``.

    It is zero for equal measures and positive otherwise (Feydy et al., arXiv 1810.08278); it is never clamped, so a
    solve that is too loose shows as a small negative number. Gradients in points and in (centred) weights.

    Args:
        x: Points.
        y: Points; where these stay the same from call to call, :class:`SinkhornDivergenceTo` solves their term once.
        a: Weights of ``x``, uniform if left out.
        b: Weights of ``y``, uniform if left out.
        epsilon: Smoothing, in units of cost, the same in all three terms.
        cost: Ground cost, squared Euclidean unless given.
        tolerance: L1 marginal error of each term.
        max_steps: Limit on the steps of each solve.
        on_failure: See :func:`infot.ot.solve`.
        gradient: The envelope theorem, which is fastest; :class:`infot.ot.Implicit` can be differentiated again.

    Example:
        >>> import torch
        >>> x = torch.rand(5, 2, dtype=torch.float64)
        >>> abs(float(sinkhorn_divergence(x, x.clone(), epsilon=0.1, tolerance=1e-9))) < 1e-8
        True
    """
    terms = _Terms(cost, tolerance, max_steps, on_failure, gradient)
    return terms.divergence(_Measure(x, a), _Measure(y, b), epsilon)


def unbalanced_divergence(
    x: Float[Tensor, "*batch n d"],
    y: Float[Tensor, "*batch m d"],
    a: Float[Tensor, "*batch n"] | None = None,
    b: Float[Tensor, "*batch m"] | None = None,
    *,
    epsilon: float,
    rho: float,
    cost: Cost | None = None,
    tolerance: float = 1e-4,
    max_steps: int = 2000,
    on_failure: str = "warn",
) -> Float[Tensor, "*batch"]:
    r"""Return the debiased divergence between measures of any masses, whose plans leave the weights at a price.

    .. math:: W(x, y) - \tfrac12 W(x, x) - \tfrac12 W(y, y) + \tfrac{\varepsilon}{2} (m_x - m_y)^2

    with :math:`m` the sums of the weights and :math:`W` the optimal values of problems with ``rho``. It is zero for
    equal measures and positive otherwise (Sejourne, Feydy, Vialard, Trouve, Peyre, "Sinkhorn Divergences for Unbalanced
    Optimal Transport", arXiv 1910.12958), and never clamped. Gradients in points and weights by the envelope theorem;
    those in weights are of free numbers.

    Args:
        x: Points.
        y: Points.
        a: Weights of ``x``, of any positive sum, uniform with sum one if left out.
        b: Weights of ``y``, likewise.
        epsilon: Smoothing, in units of cost, the same in all three terms.
        rho: Price of a nat by which the plan's marginals leave the weights, in units of cost, the same for both.
        cost: Ground cost, squared Euclidean unless given.
        tolerance: L1 error of the optimality of the marginals of each term.
        max_steps: Limit on the steps of each solve.
        on_failure: See :func:`infot.ot.solve`.

    Raises:
        ProblemError: if the price is not one positive, finite number.

    Example:
        >>> import torch
        >>> x, a = torch.rand(5, 2, dtype=torch.float64), torch.full((5,), 0.1, dtype=torch.float64)
        >>> bool(unbalanced_divergence(x, x, a, 3 * a, epsilon=0.1, rho=1.0) > 0)
        True
    """
    if not 0 < rho < math.inf:
        raise ProblemError(
            f"expected one positive, finite rho for both sides of a divergence, got {rho}; "
            "sinkhorn_divergence keeps the marginals"
        )
    terms = _Terms(cost, tolerance, max_steps, on_failure, rho=rho)
    left, right, entropic = _Measure(x, a), _Measure(y, b), Entropic(epsilon)
    own = terms.value(left, left, entropic) + terms.value(right, right, entropic)
    return terms.value(left, right, entropic) - own / 2 + epsilon / 2 * (left.mass - right.mass).square()


class SinkhornDivergenceTo:
    """The Sinkhorn divergence to a measure that stays the same: its term ``W(y, y)`` is solved once.

    Gradients flow to what it is called with, not to the fixed measure.

    Args:
        y: Points of the fixed measure.
        b: Their weights, uniform if left out.
        epsilon: Smoothing, in units of cost, the same in all three terms.
        cost: Ground cost, squared Euclidean unless given.
        tolerance: L1 marginal error of each term.
        max_steps: Limit on the steps of each solve.
        on_failure: See :func:`infot.ot.solve`.
        gradient: See :func:`sinkhorn_divergence`.

    Example:
        >>> import torch
        >>> y = torch.rand(6, 2, dtype=torch.float64)
        >>> to_y = SinkhornDivergenceTo(y, epsilon=0.1)
        >>> x = torch.rand(5, 2, dtype=torch.float64)
        >>> bool(torch.isclose(to_y(x), sinkhorn_divergence(x, y, epsilon=0.1)))
        True
    """

    def __init__(
        self,
        y: Float[Tensor, "*batch m d"],
        b: Float[Tensor, "*batch m"] | None = None,
        *,
        epsilon: float,
        cost: Cost | None = None,
        tolerance: float = 1e-4,
        max_steps: int = 2000,
        on_failure: str = "warn",
        gradient: Gradient = ENVELOPE,
    ) -> None:
        self.epsilon = epsilon
        self._terms = _Terms(cost, tolerance, max_steps, on_failure, gradient)
        self._fixed = _Measure(y.detach().clone(), None if b is None else b.detach().clone())
        with torch.no_grad():
            self._own = self._terms.itself(self._fixed, epsilon)

    def __call__(
        self, x: Float[Tensor, "*batch n d"], a: Float[Tensor, "*batch n"] | None = None
    ) -> Float[Tensor, "*batch"]:
        """Return the divergence of a measure to the fixed one.

        Args:
            x: Points.
            a: Their weights, uniform if left out.
        """
        return self._terms.divergence(_Measure(x, a), self._fixed, self.epsilon, self._own)


@dataclass(frozen=True, eq=False)
class SelfTerm:
    """How the self term of a structured divergence is taken; it decides both pressure and bias (method, section 5).

    Args:
        structure: Share ``tau`` of the rebates in the self term. 0, the plain self term, puts the code under pressure
            to inform, at the price of a bias that spreads samples along the code. 1 is unbiased, but then the data's
            law is stationary for any assignment of codes.
        points: A second, independent sample of the law of ``x``, ``(..., k, d)``; ``x`` itself if left out, which
            counts every point against itself.
        weights: Weights of ``points``, uniform if left out.

    Raises:
        ProblemError: if the share is outside [0, 1].
    """

    structure: float = 0.0
    points: Tensor | None = None
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        if not 0 <= self.structure <= 1:
            raise ProblemError(f"expected a share of the structure in [0, 1], got {self.structure}")


def structured_divergence(
    x: Float[Tensor, "*batch n d"],
    y: Float[Tensor, "*batch m d"],
    structured: Structured,
    a: Float[Tensor, "*batch n"] | None = None,
    b: Float[Tensor, "*batch m"] | None = None,
    *,
    self_term: SelfTerm = SelfTerm(),
    cost: Cost | None = None,
    tolerance: float = 1e-4,
    max_steps: int = 2000,
    on_failure: str = "warn",
) -> Float[Tensor, "*batch"]:
    r"""Return what an informative generator minimises: the Sinkhorn divergence less an information gain.

    .. math:: L = W_{\varepsilon, \lambda}(x, y) - \tfrac12 W_{\varepsilon, \tau\lambda}(x, x')
              - \tfrac12 W_\varepsilon(y, y)

    with :math:`\lambda = \varepsilon - \varepsilon_c` the rebate of a nat through the code and :math:`\tau` the share
    of it in the self term. At :math:`\tau = 0` this is :math:`S_\varepsilon(x, y) - [W_\varepsilon - W]`, and
    :math:`\lambda I_{\pi_\varepsilon}(c; x) \le W_\varepsilon - W \le \lambda I_\pi(c; x)`; so it may be negative.
    Gradients in points and in (centred) weights by the envelope theorem.

    Args:
        x: Generated points, laid out as the blocks of ``structured`` say.
        y: Data.
        structured: Prices of a nat through noise and code.
        a: Weights of ``x``, uniform if left out.
        b: Weights of ``y``, uniform if left out.
        self_term: How the self term is taken.
        cost: Ground cost, squared Euclidean unless given.
        tolerance: L1 marginal error of each term.
        max_steps: Limit on the steps of each solve.
        on_failure: See :func:`infot.ot.solve`.

    Example:
        >>> import torch
        >>> from infot import ot
        >>> x, y = torch.rand(6, 2, dtype=torch.float64), torch.rand(5, 2, dtype=torch.float64)
        >>> structured = ot.Structured(ot.Entropic(0.2), blocks=ot.Blocks(code=(2, 3)), epsilon_code=0.02)
        >>> bool(structured_divergence(x, y, structured) < ot.sinkhorn_divergence(x, y, epsilon=0.2))
        True
    """
    if not isinstance(structured, Structured):
        raise ProblemError(
            f"expected a Structured regulariser, in units of cost, got {type(structured).__name__}"
        )
    terms = _Terms(cost, tolerance, max_steps, on_failure)
    generated, data, epsilon = _Measure(x, a), _Measure(y, b), structured.base.epsilon
    between = terms.value(generated, data, structured)
    return (
        between - _self_value(terms, generated, structured, self_term) / 2 - terms.itself(data, epsilon) / 2
    )


def _self_value(terms: _Terms, generated: _Measure, structured: Structured, how: SelfTerm) -> Tensor:
    """Return ``W_(epsilon, tau lambda)(x, x')``."""
    if how.points is None and how.structure == 0:
        return terms.itself(generated, structured.base.epsilon)
    other = generated if how.points is None else _Measure(how.points, how.weights)
    return terms.value(generated, other, structured.with_share(how.structure))
