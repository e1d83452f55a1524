"""Frequencies of codes in a batch: the assignment problem with a relaxed marginal over codes."""

import torch
from jaxtyping import Float
from torch import Tensor

from infot.errors import ProblemError

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
        ProblemError: If a price is not positive.

    Example:
        >>> scores = torch.tensor([[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]])
        >>> [round(float(p), 3) for p in relaxed_frequencies(scores, epsilon=0.01, rho=0.01)]
        [0.75, 0.25]
    """
    if not (epsilon > 0 and rho > 0):
        raise ProblemError(f"expected positive prices, got epsilon={epsilon} and rho={rho}")
    n_codes, n_data = scores.shape
    # float64: the Hessian divides by epsilon, and K is small.
    scores = scores.detach().double()
    a = torch.full_like(scores[:, 0], 1 / n_codes) if a is None else a.detach().double()
    b = torch.full_like(scores[0], 1 / n_data) if b is None else b.detach().double()
    dual = _RelaxedDual(scores, a, b, epsilon, rho)
    f = torch.zeros_like(a)
    for _ in range(max_steps):
        gradient, hessian = dual.derivatives(f)
        if bool(gradient.abs().sum() <= tolerance):
            break
        f = dual.climb(f, torch.linalg.solve(hessian, gradient), gradient)
    frequencies = a * torch.exp(-f / rho)
    return (frequencies / frequencies.sum()).float()


class _RelaxedDual:
    """``D(f) = rho sum_c a_c (1 - exp(-f_c / rho)) + sum_x b_x g_f(x)``, concave in the code potentials f."""

    def __init__(self, scores: Tensor, a: Tensor, b: Tensor, epsilon: float, rho: float) -> None:
        self.scores, self.a, self.b, self.epsilon, self.rho = scores, a, b, epsilon, rho
        self.log_a = a.log().unsqueeze(1)

    def value(self, f: Tensor) -> Tensor:
        logits = (f.unsqueeze(1) - self.scores) / self.epsilon + self.log_a
        g = -self.epsilon * torch.logsumexp(logits, dim=0)
        return -self.rho * (self.a * torch.expm1(-f / self.rho)).sum() + (self.b * g).sum()

    def derivatives(self, f: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient and minus the Hessian, which is positive definite."""
        r = torch.softmax((f.unsqueeze(1) - self.scores) / self.epsilon + self.log_a, dim=0)
        prior, marginal = self.a * torch.exp(-f / self.rho), r @ self.b
        hessian = torch.diag(prior / self.rho + marginal / self.epsilon) - (r * self.b) @ r.T / self.epsilon
        return prior - marginal, hessian

    def climb(self, f: Tensor, direction: Tensor, gradient: Tensor) -> Tensor:
        """Go along a Newton direction, at most ``rho`` in each coordinate, as far as the dual rises enough."""
        direction = direction * (self.rho / direction.abs().max()).clamp_max(1.0)
        here, slope, step = self.value(f), gradient @ direction, 1.0
        while step > _SMALLEST_STEP and self.value(f + step * direction) < here + _ARMIJO * step * slope:
            step /= 2
        return f + step * direction
