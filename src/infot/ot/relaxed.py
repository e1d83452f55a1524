"""Frequencies of codes in a batch: the assignment problem with a relaxed marginal over codes."""

from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError
from infot.numerics import from_loop, namespace, to_loop

__all__ = ["relaxed_frequencies"]

_ARMIJO = 1e-4  # share of the predicted gain that a Newton step must reach
_SMALLEST_STEP = 2.0**-12


def relaxed_frequencies(
    scores: Float[Tensor, "K M"],
    a: Float[Tensor, " K"] | None = None,
    b: Float[Tensor, " M"] | None = None,
    *,
    epsilon: float,
    rho: float,
    tolerance: float = 1e-4,
    max_steps: int = 50,
) -> Float[Tensor, " K"]:
    r"""Return how often each code occurs in a batch, drawn towards the prior at the price ``rho`` a nat.

    .. math:: \min_{r \ge 0,\; \sum_c r = b} \langle A, r \rangle + \varepsilon KL(r | a \otimes b)
              + \rho KL(r_c | a)

    and the frequencies are the code marginal :math:`r_c = a_c \exp(-f_c / \rho)`. A batch never holds every class
    exactly as often as the prior says; asking for it anyway makes the plan carry the surplus to far codes. The dual
    has one variable a code and is maximised by Newton's method with a line search.

    Args:
        scores: Cost of explaining each datum by each code.
        a: Prior over codes, positive; uniform if left out.
        b: Weights of the data; uniform if left out.
        epsilon: Price of a nat between code and datum, in units of cost.
        rho: Price of a nat by which the frequencies leave the prior, in units of cost; large keeps the prior.
        tolerance: L1 norm of the dual gradient at which to stop.
        max_steps: Limit on Newton's steps.

    Returns:
        Positive frequencies with sum 1.

    Raises:
        ProblemError: If a price is not positive or a score not finite.

    Example:
        >>> import torch
        >>> scores = torch.tensor([[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]])
        >>> [round(float(p), 3) for p in relaxed_frequencies(scores, epsilon=0.01, rho=0.01)]
        [0.75, 0.25]
    """
    if not (epsilon > 0 and rho > 0):
        raise ProblemError(f"expected positive prices, got epsilon={epsilon} and rho={rho}")
    if not bool(scores.isfinite().all()):
        raise ProblemError("expected finite costs, got NaN or infinity among the scores of the codes")
    n_codes, n_data = scores.shape
    # float64: the Hessian divides by epsilon, and K is small.
    rows = to_loop(scores.double())
    prior = to_loop(scores.new_full((n_codes,), 1 / n_codes).double() if a is None else a.double())
    weights = to_loop(scores.new_full((n_data,), 1 / n_data).double() if b is None else b.double())
    dual = _RelaxedDual(rows, prior, weights, epsilon, rho)
    now = dual.at(0 * prior)
    for _ in range(max_steps):
        if float(abs(now.gradient).sum()) <= tolerance:
            break
        now = dual.climb(now)
    frequencies = from_loop(prior * dual.xp.exp(-now.f / rho))
    return (frequencies / frequencies.sum()).float()


class _Point(NamedTuple):
    """The dual at code potentials f, with what its derivatives need."""

    f: Any
    value: float
    gradient: Any
    posterior: Any
    curvature: Any


class _RelaxedDual:
    """``D(f) = rho sum_c a_c (1 - exp(-f_c / rho)) + sum_x b_x g_f(x)``, concave in the code potentials f.

    Arrays are those of inner loops.
    """

    def __init__(self, scores: Any, a: Any, b: Any, epsilon: float, rho: float) -> None:
        self.xp = namespace(scores)
        self.a, self.b, self.epsilon, self.rho = a, b, epsilon, rho
        self._logits = self.xp.log(a)[:, None] - scores * (1 / epsilon)

    def at(self, f: Any) -> _Point:
        """Return value and gradient."""
        exponents = self._logits + (f * (1 / self.epsilon))[:, None]
        top = self.xp.amax(exponents, 0)
        exponents -= top
        posterior = self.xp.exp(exponents)
        total = posterior.sum(0)
        posterior /= total
        prior, marginal = self.a * self.xp.exp(-f / self.rho), posterior @ self.b
        value = self.rho * (self.a - prior).sum() - self.epsilon * (top + self.xp.log(total)) @ self.b
        curvature = prior * (1 / self.rho) + marginal * (1 / self.epsilon)
        return _Point(f, float(value), prior - marginal, posterior, curvature)

    def climb(self, now: _Point) -> _Point:
        """Go along Newton's direction, at most ``rho`` in each coordinate, as far as the dual rises enough."""
        hessian = (now.posterior * self.b) @ (now.posterior.T * (-1 / self.epsilon))
        direction = self.xp.linalg.solve(hessian + self.xp.diag(now.curvature), now.gradient)
        direction *= self.rho / max(self.rho, float(abs(direction).max()))
        slope, step = float(now.gradient @ direction), 1.0
        while True:
            trial = self.at(now.f + step * direction)
            if step <= _SMALLEST_STEP or trial.value >= now.value + _ARMIJO * step * slope:
                return trial
            step /= 2
