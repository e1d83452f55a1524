"""Optimal transport between latents and data: problems, regularisers with structure, solvers, plans, divergences.

>>> import torch
>>> from infot import ot
>>> cost = torch.rand(12, 6, dtype=torch.float64)
>>> blocks = ot.Blocks(code=(3, 4))
>>> structured = ot.Structured(ot.Entropic(0.2), blocks=blocks, epsilon_code=0.02)
>>> plan = ot.solve(ot.OTProblem(cost=cost, regulariser=structured))
>>> bool(plan.converged)
True
"""

from infot.ot import conventions
from infot.ot.adversary import Adversary, adversarial_cost, adversarial_value
from infot.ot.carried import carried_plan
from infot.ot.clouds import (
    CloudPlan,
    CloudProblem,
    CloudSolver,
    CloudTerms,
    RoundedCloudPlan,
    Streaming,
    StreamingNested,
    SymmetricStreaming,
    UnbalancedStreaming,
    cloud_divergence,
    cloud_terms,
    cloud_value,
    solve_clouds,
)
from infot.ot.costs import (
    Cosine,
    Cost,
    FeatureCost,
    Lp,
    OnCoordinates,
    PerturbedCost,
    SquaredEuclidean,
    squared_euclidean,
)
from infot.ot.differentiation import Envelope, Gradient, transport_value
from infot.ot.discrepancies import (
    EnergyKernel,
    Estimate,
    GaussianKernel,
    Kernel,
    LaplaceKernel,
    energy_distance,
    mmd_squared,
)
from infot.ot.divergences import (
    SelfTerm,
    SinkhornDivergenceTo,
    sinkhorn_divergence,
    structured_divergence,
    unbalanced_divergence,
)
from infot.ot.entry import balanced_assignment, choose_solver, solve
from infot.ot.implicit import Implicit
from infot.ot.padding import Padded, PaddedClouds, pad_clouds, pad_costs
from infot.ot.plan import Plan
from infot.ot.potentials import code_posterior, coupling_of_latents, latent_posterior, transport_map
from infot.ot.problem import OTProblem
from infot.ot.rebates import Augmented, ChiSquare, Information, Rebate, Rebated
from infot.ot.regularisers import Entropic, Regulariser, Scaled, Unregularised
from infot.ot.relative import Relative, mean_cost
from infot.ot.relaxed import relaxed_frequencies
from infot.ot.schedules import Constant, Geometric, Linear, Schedule
from infot.ot.semidual import plan_of_potential, semidual_value
from infot.ot.sliced import sliced_wasserstein, wasserstein_1d
from infot.ot.solution import Residual, Solution
from infot.ot.solvers.approach import Approach
from infot.ot.solvers.base import Solver
from infot.ot.solvers.conditional_gradient import ConditionalGradient
from infot.ot.solvers.dual import SemiDual
from infot.ot.solvers.exact import Exact
from infot.ot.solvers.nested import Nested
from infot.ot.solvers.nested_newton import NestedNewton
from infot.ot.solvers.newton import Newton
from infot.ot.solvers.perturbed import PerturbedCostLoop
from infot.ot.solvers.sinkhorn import Sinkhorn, SymmetricSinkhorn
from infot.ot.solvers.start import Start
from infot.ot.solvers.stochastic import Draw, SemiDiscrete, StochasticAscent, ascend_potential
from infot.ot.solvers.unbalanced import UnbalancedSinkhorn
from infot.ot.solvers.unbalanced_nested import UnbalancedNested
from infot.ot.sparse import Cardinality, GroupLasso, Pointwise, Quadratic
from infot.ot.status import Status
from infot.ot.structure import Blocks, Structured
from infot.ot.unbalanced import Rho
from infot.ot.unrolled import Unrolled

__all__ = [
    "Adversary",
    "Approach",
    "Augmented",
    "Blocks",
    "Cardinality",
    "ChiSquare",
    "CloudPlan",
    "CloudProblem",
    "CloudSolver",
    "CloudTerms",
    "ConditionalGradient",
    "Constant",
    "Cosine",
    "Cost",
    "Draw",
    "EnergyKernel",
    "Entropic",
    "Envelope",
    "Estimate",
    "Exact",
    "FeatureCost",
    "GaussianKernel",
    "Geometric",
    "Gradient",
    "GroupLasso",
    "Implicit",
    "Information",
    "Kernel",
    "LaplaceKernel",
    "Linear",
    "Lp",
    "Nested",
    "NestedNewton",
    "Newton",
    "OTProblem",
    "OnCoordinates",
    "Padded",
    "PaddedClouds",
    "PerturbedCost",
    "PerturbedCostLoop",
    "Plan",
    "Pointwise",
    "Quadratic",
    "Rebate",
    "Rebated",
    "Regulariser",
    "Relative",
    "Residual",
    "Rho",
    "RoundedCloudPlan",
    "Scaled",
    "Schedule",
    "SelfTerm",
    "SemiDiscrete",
    "SemiDual",
    "Sinkhorn",
    "SinkhornDivergenceTo",
    "Solution",
    "Solver",
    "SquaredEuclidean",
    "Start",
    "Status",
    "StochasticAscent",
    "Streaming",
    "StreamingNested",
    "Structured",
    "SymmetricSinkhorn",
    "SymmetricStreaming",
    "UnbalancedNested",
    "UnbalancedSinkhorn",
    "UnbalancedStreaming",
    "Unregularised",
    "Unrolled",
    "adversarial_cost",
    "adversarial_value",
    "ascend_potential",
    "balanced_assignment",
    "carried_plan",
    "choose_solver",
    "cloud_divergence",
    "cloud_terms",
    "cloud_value",
    "code_posterior",
    "conventions",
    "coupling_of_latents",
    "energy_distance",
    "latent_posterior",
    "mean_cost",
    "mmd_squared",
    "pad_clouds",
    "pad_costs",
    "plan_of_potential",
    "relaxed_frequencies",
    "semidual_value",
    "sinkhorn_divergence",
    "sliced_wasserstein",
    "solve",
    "solve_clouds",
    "squared_euclidean",
    "structured_divergence",
    "transport_map",
    "transport_value",
    "unbalanced_divergence",
    "wasserstein_1d",
]
