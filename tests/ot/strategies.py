"""Hypothesis strategies over problems: shapes, weights with zeros, dtypes, decades of epsilon, degenerate clouds."""

from dataclasses import dataclass

import torch
from hypothesis import Phase, settings
from hypothesis import strategies as st
from ot_contracts import rng
from torch import Tensor

from infot import ot

# The same examples in every run, and no file of failed ones: a failure is repeated by running the test again.
quick = settings(derandomize=True, deadline=None, database=None, max_examples=25, phases=[Phase.generate])


@dataclass(frozen=True)
class Drawn:
    """Two weighted clouds, prices, and a layout of the first cloud where there is structure.

    Problems are made in the test: run-time type checks draw random numbers, which strategies must not.
    """

    x: Tensor
    y: Tensor
    a: Tensor
    b: Tensor
    epsilon: float
    sizes: tuple[int, int] | None = None
    ratio: float = 1.0

    @property
    def regulariser(self) -> ot.Entropic | ot.Structured:
        base = ot.Entropic(self.epsilon)
        if self.sizes is None:
            return base
        return ot.Structured(base, ot.Blocks(self.sizes), epsilon_code=self.ratio * self.epsilon)

    @property
    def problem(self) -> ot.OTProblem:
        return ot.OTProblem.from_points(self.x, self.y, a=self.a, b=self.b, regulariser=self.regulariser)


def _cloud(draw: st.DrawFn, n: int, dtype: torch.dtype) -> Tensor:
    """Return points in the plane: in general position, all equal, or drawn from two places."""
    points = torch.randn(n, 2, generator=rng(draw(st.integers(0, 2**16))), dtype=torch.float64)
    kind = draw(st.sampled_from(["general", "equal", "duplicates"]))
    if kind == "equal":
        points = points[:1].repeat(n, 1)
    if kind == "duplicates":
        points = points[[i % min(n, 2) for i in range(n)]]
    return points.to(dtype)


def _weights(draw: st.DrawFn, n: int, dtype: torch.dtype) -> Tensor:
    counts = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    counts = counts if any(counts) else [1] * n
    weights = torch.tensor(counts, dtype=dtype)
    return weights / weights.sum()


@st.composite
def clouds(draw: st.DrawFn, dtypes: tuple[torch.dtype, ...] = (torch.float64,)) -> Drawn:
    """Draw two clouds and an epsilon between 1e-3 and 10, in units of cost, which is of order one."""
    dtype, n, m = draw(st.sampled_from(dtypes)), draw(st.integers(1, 7)), draw(st.integers(1, 7))
    x, y = (_cloud(draw, k, dtype) for k in (n, m))
    a, b = (_weights(draw, k, dtype) for k in (n, m))
    return Drawn(x, y, a, b, 10 ** draw(st.floats(-3, 1)))


@st.composite
def layouts(draw: st.DrawFn, dtypes: tuple[torch.dtype, ...] = (torch.float64,)) -> Drawn:
    """Draw a cloud of up to three codes of up to three noise draws each, a cloud of data, and two prices."""
    dtype, m = draw(st.sampled_from(dtypes)), draw(st.integers(1, 6))
    sizes = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    n = sizes[0] * sizes[1]
    x, y = (_cloud(draw, k, dtype) for k in (n, m))
    a, b = (_weights(draw, k, dtype) for k in (n, m))
    return Drawn(x, y, a, b, 10 ** draw(st.floats(-2, 1)), sizes, draw(st.floats(0.05, 1)))
