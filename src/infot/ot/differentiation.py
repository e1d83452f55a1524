"""How optimal values and plans follow costs and weights: the seam, and the envelope theorem for values."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.ot.conditions import condition_at, exact_potential
from infot.ot.once import differentiable_once
from infot.ot.plan import Plan
from infot.ot.problem import OTProblem
from infot.ot.regularisers import Entropic, unscaled
from infot.ot.scaling import without_factor
from infot.ot.solution import Solution
from infot.ot.stationarity import nest_of
from infot.ot.structure import Nest, Structured
from infot.ot.unbalanced import gain, relative_target

__all__ = [
    "ENVELOPE",
    "Envelope",
    "Gradient",
    "attach_potential",
    "centred",
    "transport_value",
    "weight_slopes",
]


class Gradient(ABC):
    """A way to put what is read off a plan on the graph of its problem's cost and weights.

    Weights live on the simplex, so gradients in them are centred (``E_a[df] = 0``): only differences between points
    mean something. With ``rho`` weights may have any sum, and their gradients are the full derivatives.
    """

    @abstractmethod
    def attach(self, plan: Plan) -> Plan:
        """Return the plan with gradients to ``plan.problem.cost``, ``.a`` and ``.b`` as they were given.

        Raises:
            ProblemError: if the problem's plan cannot be differentiated this way.
        """


@dataclass(frozen=True)
class Envelope(Gradient):
    """The gradient of the value alone, by the envelope theorem: differentiate the problem, hold the plan.

    It is the plan itself in the cost, for every regulariser; in the weights it is the centred potentials where the
    smoothing is entropic or structured, and what the Lagrangian gives otherwise. The plan's other arrays carry no
    gradient. Once differentiable: a second derivative needs the plan's own (:class:`Implicit`), and asking for it
    raises an error.
    """

    def attach(self, plan: Plan) -> Plan:
        """Return the plan with ``value`` on the graph."""
        batch = plan.problem.on_graph()
        return replace(plan, solution=replace(plan.solution, value=_value(plan, batch)))


ENVELOPE = Envelope()


def transport_value(plan: Plan) -> Float[Tensor, "*batch"]:
    """Return the optimal value of a plan's problem, differentiable in its cost and weights (see :class:`Envelope`).

    Args:
        plan: A solved plan; the gradient goes to ``plan.problem.cost``, ``.a`` and ``.b`` as they were given.

    Example:
        >>> from infot import ot
        >>> cost = torch.rand(3, 4, requires_grad=True)
        >>> plan = ot.solve(ot.OTProblem(cost=cost, regulariser=ot.Entropic(0.1)))
        >>> transport_value(plan).backward()
        >>> bool(torch.equal(cost.grad, plan.matrix()))
        True
    """
    return ENVELOPE.attach(plan).value


class _Value(torch.autograd.Function):
    """The optimal value as a function of cost and weights, whose plan and slopes are on the graph too."""

    @staticmethod
    def forward(ctx: Any, *arrays: Tensor) -> Tensor:
        """Return the value, the first of (value, cost, a, b, plan, slopes in a and b), and keep its gradient."""
        ctx.inputs = arrays[1:4]
        ctx.save_for_backward(*arrays[4:])
        return arrays[0].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the plan for the cost and the slopes for the weights."""
        matrix, slope_a, slope_b = ctx.saved_tensors
        wanted, grad = ctx.needs_input_grad, grads[0].unsqueeze(-1)
        for_cost = grad.unsqueeze(-1) * matrix if wanted[1] else None
        for_a = grad * slope_a if wanted[2] else None
        for_b = grad * slope_b if wanted[3] else None
        return None, for_cost, for_a, for_b, None, None, None


class _HeldValue(_Value):
    """The optimal value where the plan is held."""

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the plan for the cost and the slopes for the weights."""
        return _Value.backward(ctx, *grads)


def _value(plan: Plan, batch: OTProblem) -> Float[Tensor, " B"]:
    a, b = batch.row_weights, batch.column_weights
    slopes = weight_slopes(plan) if a.requires_grad or b.requires_grad else (a, b)
    function = _HeldValue if plan.graph is None else _Value
    value = function.apply(plan.solution.value, batch.cost, a, b, plan._matrix, *slopes)
    assert isinstance(value, Tensor)
    return value


def weight_slopes(plan: Plan) -> tuple[Float[Tensor, "B n"], Float[Tensor, "B m"]]:
    """Return the derivative of the value in the weights, up to constants.

    It is that of the Lagrangian at the density ``d`` held: ``E_b[d (C - g)] + E_b[d omega / d a]`` for rows and
    ``E_a[d (C - f)] + omega(d)`` for columns. For entropic and convex structured regularisers these are the potentials.
    """
    solution, batch = plan.solution, plan._batch
    regulariser = batch.regulariser
    if batch.marginal_prices is not None:
        return _priced_slopes(solution, batch)
    bare = unscaled(regulariser)
    if isinstance(bare, Entropic) or (isinstance(bare, Structured) and bare.convex):
        return solution.f, solution.g
    density, b = plan._density, batch.column_weights
    again = plan.graph is not None and torch.is_grad_enabled()
    with torch.enable_grad():
        # An alias: the density is itself a function of the weights, and only the partial derivative is wanted.
        alias = batch.row_weights.view_as(batch.row_weights) if again else batch.row_weights.detach()
        a = alias if alias.requires_grad else alias.detach().requires_grad_()
        charge = regulariser.value(density, a)
        (slope,) = torch.autograd.grad(charge, a, b, create_graph=again, retain_graph=again)
    for_rows = slope + (b.unsqueeze(-2) * density * (batch.cost - solution.g.unsqueeze(-2))).sum(-1)
    moved = (batch.row_weights.unsqueeze(-1) * density * (batch.cost - solution.f.unsqueeze(-1))).sum(-2)
    return for_rows, moved + (charge if again else charge.detach())


def _priced_slopes(solution: Solution, batch: OTProblem) -> tuple[Float[Tensor, "B n"], Float[Tensor, "B m"]]:
    """Return the derivatives where marginals have a price: weights then have any sum.

    With ``m = exp(-f / rho_a)`` the rows' relative masses, they are ``phi(f) - epsilon_1 (w - b(1))`` with
    ``epsilon_1 w = epsilon m - sum_k (epsilon_(k+1) - epsilon_k) E[m | c_<=k]``, the charge on the mass of a row, and
    ``phi(g) - epsilon_1 (exp(-g / rho_b) - a(1))``.
    """
    problem, factor = without_factor(batch)
    prices = problem.marginal_prices
    assert prices is not None
    units = 1.0 if factor is None else factor
    f, g, nest = solution.f / units, solution.g / units, nest_of(problem)
    total_a, total_b = (w.sum(-1, keepdim=True) for w in (problem.row_weights, problem.column_weights))
    of_rows = _mass_charge(nest, relative_target(f, prices[0]))
    for_a = gain(f, prices[0]) - of_rows + nest.damping * total_b
    for_b = gain(g, prices[1]) - nest.damping * (relative_target(g, prices[1]) - total_a)
    return units * for_a, units * for_b


def _mass_charge(nest: Nest, masses: Float[Tensor, "B n"]) -> Float[Tensor, "B n"]:
    """Return ``epsilon m - sum_k (epsilon_(k+1) - epsilon_k) E[m | c_<=k]``."""
    grouped = masses.reshape(nest.noise.shape)
    prices, total = (*nest.epsilons, nest.epsilon), nest.epsilon * grouped
    level = (nest.noise * grouped).sum(-1).reshape(-1, *nest.sizes) if nest.sizes else masses
    for depth in range(len(nest.sizes), 0, -1):
        of_block = level.reshape(*level.shape, *[1] * (len(nest.sizes) - depth)).expand(-1, *nest.sizes)
        rise = prices[depth] - prices[depth - 1]
        total = total - rise * of_block.reshape(*nest.noise.shape[:2], 1)
        level = (nest.conditionals[depth - 1] * level).sum(-1)
    return total.reshape(masses.shape)


def centred(potential: Tensor, weights: Tensor) -> Tensor:
    """Return a potential less its mean under the weights."""
    return potential - (weights * potential).sum(-1, keepdim=True)


def attach_potential(
    plan: Plan, problem: OTProblem, f: Float[Tensor, "B n"], factor: float | Float[Tensor, "B 1"]
) -> Plan:
    """Return a plan whose every array is on the graph of a latent potential and of the problem.

    The rows are made exact by one step with the perturbation held, which also gives rows without weight the potential
    that they would have. Where both marginals are kept, the potentials' free constant is chosen so that
    ``E_a[f] = E_b[g]``, which makes derivatives of potentials well defined.

    Args:
        plan: The plan as solved.
        problem: Its problem with batch axes, on the graph, at the cost over ``factor``.
        f: The latent potential of that problem, on the graph.
        factor: Factor of the plan's regulariser.
    """
    condition = condition_at(problem, f)
    exact = exact_potential(problem, f, condition)
    shift = _free_constant(problem, exact, condition.g)
    perturbation = condition.perturbation
    if perturbation is not None:
        perturbation = perturbation * torch.as_tensor(factor).to(f).reshape(-1, 1, 1)
    solution = replace(
        plan.solution,
        f=factor * (exact - shift),
        g=factor * (condition.g + shift),
        perturbation=perturbation,
        factors=None,
    )
    graph = plan.problem.on_graph()
    attached = Plan(plan.problem, solution, graph)
    return replace(attached, solution=replace(solution, value=_value(attached, graph)))


def _free_constant(problem: OTProblem, f: Tensor, g: Tensor) -> float | Float[Tensor, "B 1"]:
    """Return what to take from ``f`` and give to ``g``; nothing where a price leaves no constant free."""
    if problem.marginal_prices is not None:
        return 0.0
    means = [
        (w * h).sum(-1, keepdim=True) for w, h in ((problem.row_weights, f), (problem.column_weights, g))
    ]
    return (means[0] - means[1]) / 2
