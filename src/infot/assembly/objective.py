"""From a configuration to the objective, with its prices in units of cost."""

from typing import Any

from torch import Tensor

from infot import ot
from infot.assembly.ground import build_ground
from infot.assembly.latents import build_latents, noise_deformations
from infot.config import ModelConfig, ObjectiveConfig, RunConfig
from infot.data import Dataset
from infot.errors import ConfigError
from infot.methods import AUTOENCODERS, WITH_CRITIC
from infot.models.charts import Charts
from infot.models.deformable import deformation_onsets
from infot.models.latents import LatentSpace
from infot.objectives.amortised import AmortisedPlan
from infot.objectives.base import Objective
from infot.objectives.beta_tcvae import BetaTCVAE
from infot.objectives.beta_vae import BetaVAE
from infot.objectives.factor_vae import FactorVAE
from infot.objectives.ground import Ground
from infot.objectives.infogan import InfoGAN
from infot.objectives.infogan_cr import Contrast, InfoGANCR
from infot.objectives.latent_batch import LatentGrid
from infot.objectives.learned_cost import LearnedCost
from infot.objectives.likelihoods import Bernoulli, Gaussian, Likelihood
from infot.objectives.nonsaturating import NonSaturating
from infot.objectives.ot_gan import OTGAN
from infot.objectives.plan_problems import PlanProblems
from infot.objectives.plan_settings import PlanSettings, ordered_ratios
from infot.objectives.primal import PrimalPlan
from infot.objectives.semidual import SemidualPlan
from infot.objectives.sinkhorn_gan import SinkhornGAN
from infot.objectives.structured import SamplePlan
from infot.objectives.turns import Turns
from infot.objectives.wasserstein import WassersteinGP
from infot.scales import mean_cost, neighbour_cost, spread

__all__ = ["build_objective"]

_RESIDUAL = 0.1  # standard deviation of data about what autoencoders reconstruct, as a share of their spread


def build_objective(config: RunConfig, dataset: Dataset, cost: ot.Cost | None = None) -> Objective:
    """Make the objective, with its prices in units of cost.

    Args:
        config: The configuration.
        dataset: What is trained on.
        cost: The ground cost between flattened points where the configuration says that it is given.

    Raises:
        ConfigError: If the configuration asks for a cost that is not given, or for none that is.
    """
    if (config.objective.cost == "given") != (cost is not None):
        raise ConfigError(
            "objective.cost: expected `given` together with a ground cost of your own, in Python: "
            f"InformativeGAN(cost=...); got {config.objective.cost} with cost={cost}"
        )
    wanted = config.objective
    latents = build_latents(config, dataset.shape)
    if wanted.method in WITH_CRITIC:
        return _adversarial(config, latents)
    if wanted.method in AUTOENCODERS:
        return _autoencoder(config, latents, dataset)
    ground = build_ground(wanted, cost)
    scale = 1.0 if wanted.absolute_epsilon else mean_cost(dataset.training_sample(), ground.cost)
    if wanted.plan == "primal":
        return _primal_plan(config, latents, scale, dataset.shape, ground)
    if wanted.cost == "learned":
        settings = _plan_settings(wanted, 1.0, 0.0)  # a learned cost has a scale of its own
        objective = _on_samples(config, latents, settings, ground)
        critic = config.critic
        return LearnedCost(
            objective,
            latents,
            epsilon=wanted.epsilon[0],
            tolerance=wanted.tolerance,
            max_steps=wanted.max_solver_steps,
            every=critic.generator_steps,
            rate=critic.rate,
        )
    apart = neighbour_cost(dataset.training_sample(), config.training.batch_size, ground.cost)
    settings = _plan_settings(wanted, scale, wanted.epsilon_least * apart)
    return _on_samples(config, latents, settings, ground)


def _plan_settings(wanted: ObjectiveConfig, scale: float, least: float) -> PlanSettings:
    plain = wanted.method in ("sinkhorn", "semidual")
    return PlanSettings(
        epsilon=_geometric(wanted.epsilon, wanted.anneal, scale, least),
        epsilon_code_ratio=ot.Constant(1.0)
        if plain
        else _geometric(wanted.epsilon_code_ratio, wanted.anneal, 1.0),
        self_structure=ot.Linear(0.0, 1.0, *wanted.self_structure),
        relaxation=None if plain else _relaxation(wanted, scale),
        tolerance=wanted.tolerance,
        max_steps=wanted.max_solver_steps,
    )


def _on_samples(config: RunConfig, latents: LatentSpace, settings: PlanSettings, ground: Ground) -> Objective:
    wanted = config.objective
    grid = LatentGrid(latents, wanted.noise_per_code, wanted.codes_per_batch, ordered=config.latent.ordered)
    problems = PlanProblems(grid, settings, ground)
    match wanted.method:
        case "structured-semidual" | "semidual":
            return SemidualPlan(problems, ascents=config.critic.steps, rate=config.critic.rate)
        case "structured-amortised":
            return AmortisedPlan(problems)
        case _:
            return SamplePlan(problems)


def _adversarial(config: RunConfig, latents: LatentSpace) -> Objective:
    wanted, critic = config.objective, config.critic
    epsilon = _geometric(wanted.epsilon, wanted.anneal, 1.0)  # the learned costs have a scale of their own
    game: Any = {
        "turns": Turns(critic=critic.steps, generator=critic.generator_steps),
        "critic_rate": critic.rate,
    }
    solves: Any = {"epsilon": epsilon, "tolerance": wanted.tolerance, "max_steps": wanted.max_solver_steps}
    match wanted.method:
        case "wgan-gp":
            return WassersteinGP(latents, penalty=critic.gradient_penalty, **game)
        case "infogan":
            return InfoGAN(latents, weights=critic.code_weight, **game)
        case "infogan-cr":
            contrast = Contrast(
                critic.contrast, critic.contrast_from, critic.contrast_gap, critic.contrast_gap_until
            )
            return InfoGANCR(latents, contrast=contrast, weights=critic.code_weight, **game)
        case "sinkhorn-gan":
            return SinkhornGAN(latents, clip=critic.clip, **solves, **game)
        case "ot-gan":
            return OTGAN(latents, **solves, **game)
        case _:
            return NonSaturating(latents, **game)


def _autoencoder(config: RunConfig, latents: LatentSpace, dataset: Dataset) -> Objective:
    wanted, likelihood = config.objective, _likelihood(config.model, dataset.training_sample())
    match wanted.method:
        case "factor-vae":
            return FactorVAE(
                latents, likelihood=likelihood, gamma=wanted.beta, critic_rate=config.critic.rate
            )
        case "beta-tcvae":
            n = len(dataset.train)
            return BetaTCVAE(latents, likelihood=likelihood, beta=wanted.beta, n_data=n)
        case _:
            return BetaVAE(latents, likelihood=likelihood, beta=wanted.beta)


def _likelihood(model: ModelConfig, points: Tensor) -> Likelihood:
    if model.generator in ("convolutional", "compact"):
        return Bernoulli()
    return Gaussian(_RESIDUAL * spread(points))


def _primal_plan(
    config: RunConfig, latents: LatentSpace, scale: float, shape: tuple[int, ...], ground: Ground
) -> Objective:
    wanted = config.objective
    onsets = None
    if config.model.generator == "deformable":
        names = noise_deformations(config.model, shape)
        onsets = deformation_onsets(names, shape=wanted.deformation_onset, appearance=wanted.appearance_onset)
    ratios = zip(wanted.epsilon, wanted.epsilon_code_ratio, strict=True)
    start, end = (epsilon * ratio for epsilon, ratio in ratios)
    return PrimalPlan(
        latents,
        cost_scale=scale,
        epsilon=_geometric(wanted.epsilon, wanted.anneal, 1.0),
        epsilon_code=_geometric((start, end), wanted.code_anneal or wanted.anneal, 1.0),
        epsilons_within=_epsilons_within(config, latents),
        onsets=onsets,
        relaxation=_relaxation(wanted, 1.0),
        tolerance=wanted.tolerance,
        max_steps=wanted.max_solver_steps,
        ground=ground,
    )


def _epsilons_within(config: RunConfig, latents: LatentSpace) -> list[ot.Schedule]:
    """Return the price of each continuous code coordinate."""
    wanted = config.objective
    n = Charts.of(latents.code).n_normals
    starts, ends = (
        ordered_ratios(ratio, n) if config.latent.ordered else (ratio,) * n
        for ratio in wanted.epsilon_within_ratio
    )
    first, last = wanted.epsilon
    return [
        _geometric((first * start, last * end), wanted.anneal, 1.0)
        for start, end in zip(starts, ends, strict=True)
    ]


def _relaxation(wanted: ObjectiveConfig, scale: float) -> ot.Schedule | None:
    return None if wanted.relaxation is None else _geometric(wanted.relaxation, wanted.loosen, scale)


def _geometric(
    ends: tuple[float, float], window: tuple[float, float], scale: float, least: float = 0.0
) -> ot.Schedule:
    start, end = (max(scale * value, least) for value in ends)
    return ot.Geometric(start, end, *window)
