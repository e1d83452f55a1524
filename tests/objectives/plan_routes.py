"""The routes by which an objective holds its plan on samples: small ones to test."""

import torch
from torch import Tensor, nn

from infot import ot
from infot.models.blocks import Categorical, Normal
from infot.models.code_encoder import CodeEncoder
from infot.models.critics import FeatureCritic, Trunk, UnitFeatures
from infot.models.generators import MLPGenerator
from infot.models.latents import LatentSpace
from infot.models.potentials import LatentPotential
from infot.objectives.amortised import AmortisedPlan
from infot.objectives.base import Objective
from infot.objectives.ground import FixedGround, LearnedGround
from infot.objectives.latent_batch import LatentGrid
from infot.objectives.learned_cost import LearnedCost
from infot.objectives.plan_problems import PlanProblems
from infot.objectives.plan_settings import PlanSettings
from infot.objectives.semidual import SemidualPlan
from infot.objectives.structured import SamplePlan

MODES = 4
LATENTS = LatentSpace((Categorical(MODES),), Normal(2))
ROUTES = ("sample", "semidual", "amortised", "sample learned", "semidual learned", "amortised learned")


def settings(
    *,
    epsilon: ot.Schedule | None = None,
    share: ot.Schedule | None = None,
    relaxation: ot.Schedule | None = None,
    tolerance: float = 1e-2,
) -> PlanSettings:
    return PlanSettings(
        epsilon=epsilon or ot.Constant(0.5),
        epsilon_code_ratio=ot.Constant(0.2),
        self_structure=share or ot.Constant(0.5),
        relaxation=relaxation,
        tolerance=tolerance,
        max_steps=2000,
    )


def problems_of(plans: PlanSettings, *, learned: bool = False, noise: int = 8) -> PlanProblems:
    ground = LearnedGround() if learned else FixedGround()
    return PlanProblems(LatentGrid(LATENTS, noise, codes_per_batch=8), plans, ground)


def route(name: str, plans: PlanSettings, *, noise: int = 8) -> Objective:
    kind, *learned = name.split()
    problems = problems_of(plans, learned=bool(learned), noise=noise)
    objective = {
        "sample": SamplePlan(problems),
        "semidual": SemidualPlan(problems, ascents=3),
        "amortised": AmortisedPlan(problems),
    }[kind]
    return LearnedCost(objective, LATENTS, epsilon=0.2, every=2, rate=0.1) if learned else objective


def nets_of(name: str, *, seed: int = 0, width: int = 16) -> nn.ModuleDict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = {"width": width, "depth": 2}
        nets = nn.ModuleDict({"generator": MLPGenerator(MODES, 2, (2,), noise_gain=0.1, spread=0.7, **body)})
        if "semidual" in name:
            nets["potential"] = LatentPotential(Trunk((2,), **body), code_dim=MODES)
        if "amortised" in name:
            nets["encoder"] = CodeEncoder(Trunk((2,), **body), code_dim=MODES)
        if "learned" in name:
            nets["critic"] = UnitFeatures(FeatureCritic(Trunk((2,), **body), features=8))
    return nets


CENTRES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def four_modes(n: int, seed: int) -> Tensor:
    """Draw from four narrow Gaussians on a circle, in turn."""
    rng = torch.Generator().manual_seed(seed)
    return CENTRES[torch.arange(n) % MODES] + 0.05 * torch.randn(n, 2, generator=rng)
