import pytest
import torch
from scipy.optimize import minimize

from infot import ot
from infot.errors import ProblemError


def problem(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    scores = torch.rand(4, 30, generator=rng, dtype=torch.float64)
    a = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    b = torch.rand(30, generator=rng, dtype=torch.float64)
    return scores, a, b / b.sum()


def primal(frequencies: torch.Tensor, scores: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> float:
    """Best value at given frequencies: an ordinary entropic problem, with the prior in place of the marginal."""
    plan = ot.balanced_assignment(scores, frequencies, b, epsilon=0.1, tolerance=1e-10)
    gap = (frequencies * (frequencies / a).log()).sum()
    return float(plan.value + (0.1 + 0.2) * gap)


def test_frequencies_minimise_the_primal():
    scores, a, b = problem()
    found = ot.relaxed_frequencies(scores, a, b, epsilon=0.1, rho=0.2, tolerance=1e-10).double()

    def value(logits) -> float:
        return primal(torch.softmax(torch.tensor(logits), 0), scores, a, b)

    best = minimize(value, found.log().numpy(), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-12})
    assert primal(found, scores, a, b) - best.fun < 1e-7
    assert torch.allclose(found, torch.softmax(torch.tensor(best.x), 0), atol=1e-3)


def test_a_high_price_keeps_the_prior_and_a_low_one_follows_the_data():
    scores, a, b = problem()
    assert torch.allclose(ot.relaxed_frequencies(scores, a, b, epsilon=0.1, rho=1e4).double(), a, atol=1e-4)
    unbound = torch.softmax(a.log().unsqueeze(1) - scores / 0.1, dim=0) @ b
    free = ot.relaxed_frequencies(scores, a, b, epsilon=0.1, rho=1e-4, tolerance=1e-8).double()
    assert torch.allclose(free, unbound, atol=1e-3)


@pytest.mark.parametrize("epsilon", [1.0, 1e-2, 1e-4, 1e-6])
def test_it_converges_over_six_decades(epsilon):
    scores, a, b = problem(1)
    loose = ot.relaxed_frequencies(scores, a, b, epsilon=epsilon, rho=0.2, tolerance=1e-3, max_steps=200)
    tight = ot.relaxed_frequencies(scores, a, b, epsilon=epsilon, rho=0.2, tolerance=1e-9, max_steps=1000)
    assert float((loose - tight).abs().sum()) < 2e-2
    assert float(tight.sum()) == pytest.approx(1, abs=1e-6)


def test_prices_must_be_positive():
    with pytest.raises(ProblemError, match="positive prices"):
        ot.relaxed_frequencies(torch.rand(2, 3), epsilon=0.0, rho=1.0)
