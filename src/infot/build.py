"""The composition root: from a configuration to objects. The only place where a name picks a class."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from infot import data, ot
from infot.config import LatentConfig, ModelConfig, ObjectiveConfig, RunConfig
from infot.data import Dataset
from infot.errors import ConfigError
from infot.methods import AUTOENCODERS, SEMIDUAL, WITH_CRITIC
from infot.models.blocks import Block, Categorical, Circle, Empty, Normal, Uniform
from infot.models.charts import Charts
from infot.models.code_critic import CodeCritic
from infot.models.code_encoder import CodeEncoder
from infot.models.compact import CompactGenerator, CompactTrunk
from infot.models.convolutional import ConvolutionalGenerator
from infot.models.critics import Critic, FeatureCritic, RecognitionCritic, Trunk, UnitFeatures
from infot.models.deformable import DeformableGenerator, deformation_names, deformation_onsets
from infot.models.encoders import NoiseEncoder
from infot.models.generators import LinearGenerator, MLPGenerator
from infot.models.latents import LatentSpace
from infot.models.potentials import LatentPotential
from infot.models.priors import LearnedPrior
from infot.objectives.amortised import AmortisedPlan
from infot.objectives.base import Objective
from infot.objectives.beta_tcvae import BetaTCVAE
from infot.objectives.beta_vae import BetaVAE
from infot.objectives.factor_vae import FactorVAE
from infot.objectives.ground import FixedGround, Ground, LearnedGround
from infot.objectives.infogan import InfoGAN
from infot.objectives.infogan_cr import Contrast, InfoGANCR
from infot.objectives.latent_batch import LatentGrid
from infot.objectives.learned_cost import LearnedCost
from infot.objectives.likelihoods import Bernoulli, Gaussian, Likelihood
from infot.objectives.nonsaturating import NonSaturating
from infot.objectives.ot_gan import OTGAN
from infot.objectives.plan_problems import PlanProblems
from infot.objectives.plan_settings import PlanSettings
from infot.objectives.primal import PrimalPlan
from infot.objectives.semidual import SemidualPlan
from infot.objectives.sinkhorn_gan import SinkhornGAN
from infot.objectives.structured import SamplePlan
from infot.objectives.turns import Turns
from infot.objectives.wasserstein import WassersteinGP
from infot.scales import mean_cost, neighbour_cost

__all__ = [
    "build_dataset",
    "build_latents",
    "build_nets",
    "build_objective",
    "noise_deformations",
]

_DEFAULT_NOISE = 2
NORMALISED_GROUPS = 8  # of channels of compact generators, where authors normalise by batch
_RESIDUAL = 0.1  # standard deviation of data about what autoencoders reconstruct, as a share of their spread


def build_dataset(config: RunConfig) -> Dataset:
    """Load the data of a run."""
    wanted = config.data
    return data.load(
        wanted.name,
        path=wanted.path,
        seed=wanted.seed,
        image_size=wanted.image_size,
        standardise=wanted.standardise,
        labels=wanted.labels,
    )


def build_latents(config: RunConfig, shape: tuple[int, ...]) -> LatentSpace:
    """Make the latent space: categorical blocks first, then circles, then one block for each continuous dimension.

    Args:
        config: The configuration.
        shape: Shape of a data point; a deformable generator has one noise dimension for each deformation of it.
    """
    latent = config.latent
    code: list[Block] = list(_categorical(latent))
    code += [Circle(latent.sectors)] * latent.circle
    code += [Uniform(1)] * latent.uniform + [Normal(1)] * latent.normal
    noise_dim = _noise_dim(config, shape)
    return LatentSpace(tuple(code), Normal(noise_dim) if noise_dim else Empty())


def _categorical(latent: LatentConfig) -> Iterator[Categorical]:
    if latent.weights is None:
        yield from (Categorical(n) for n in latent.categorical)
        return
    shares = iter(latent.weights)
    for n in latent.categorical:
        own = list(islice(shares, n))
        yield Categorical(n, tuple(share / sum(own) for share in own))


def _noise_dim(config: RunConfig, shape: tuple[int, ...]) -> int:
    if config.model.generator != "deformable":
        return _DEFAULT_NOISE if config.latent.noise is None else config.latent.noise
    n = len(noise_deformations(config.model, shape))
    if config.latent.noise not in (None, n):
        raise ConfigError(
            f"latent.noise: a deformable generator has {n} deformations of images of shape {shape}, "
            f"got {config.latent.noise}; leave it out"
        )
    return n


def noise_deformations(model: ModelConfig, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Name the deformations that the code leaves to the noise."""
    every = deformation_names(shape[0], model.displacement_grid, model.appearances)
    return tuple(name for name in every if name not in model.code_deformations)


def build_nets(config: RunConfig, shape: tuple[int, ...], points: Tensor | None = None) -> nn.ModuleDict:
    """Make the networks of a run, with weights drawn from torch's own generator.

    Args:
        config: The configuration.
        shape: Shape of a data point.
        points: Training data, or a sample of it, that sets where generators start, shape ``(n, *shape)``; left out when
            weights are loaded afterwards.
    """
    latents = build_latents(config, shape)
    nets = nn.ModuleDict({"generator": _generator(config, latents, shape, points)})
    if config.objective.plan == "primal":
        charts = Charts.of(latents.code)
        nets["encoder"] = NoiseEncoder(
            shape,
            n_codes=len(charts),
            noise_dim=charts.n_normals + latents.noise_dim,
            width=config.model.width,
        )
    if config.latent.prior == "learned":
        nets["prior"] = LearnedPrior(
            latents.code, rate=config.latent.prior_rate, least=config.latent.prior_least
        )
    if config.objective.method in (*AUTOENCODERS, "structured-amortised"):
        nets["encoder"] = CodeEncoder(_trunk(config, shape, points), code_dim=latents.code_dim)
    if config.objective.method in WITH_CRITIC:
        nets["critic"] = _critic(config, latents, shape, points)
    if config.objective.method in SEMIDUAL:
        trunk, unit = _trunk(config, shape, points), 1.0 if points is None else mean_cost(points)
        nets["potential"] = LatentPotential(trunk, code_dim=latents.code_dim, unit=unit)
    if config.objective.cost == "learned":
        nets["critic"] = UnitFeatures(
            FeatureCritic(_trunk(config, shape, points), features=config.critic.features)
        )
    if config.objective.method == "factor-vae":
        nets["critic"] = CodeCritic(latents.code_dim)
    if config.objective.method == "infogan-cr":
        pairs = _trunk(config, shape, points, pack=2)
        nets["contrast"] = FeatureCritic(pairs, features=latents.code_dim)
    return nets


def _critic(
    config: RunConfig, latents: LatentSpace, shape: tuple[int, ...], points: Tensor | None
) -> nn.Module:
    trunk = _trunk(config, shape, points, pack=config.critic.pack)
    match config.objective.method:
        case "infogan" | "infogan-cr":
            return RecognitionCritic(trunk, code_dim=latents.code_dim)
        case "sinkhorn-gan" | "ot-gan":
            return FeatureCritic(trunk, features=config.critic.features)
        case _:
            return Critic(trunk)


def _trunk(config: RunConfig, shape: tuple[int, ...], points: Tensor | None, *, pack: int = 1) -> Trunk:
    if config.model.generator == "compact":
        return CompactTrunk(
            shape, width=config.model.width, pack=pack, centre=_centre(points), spread=_spread(points)
        )
    return Trunk(
        shape,
        width=config.model.width,
        depth=config.model.depth,
        pack=pack,
        centre=_centre(points),
        spread=_spread(points),
    )


def _centre(points: Tensor | None) -> Tensor | None:
    return None if points is None else points.mean(0)


def _spread(points: Tensor | None) -> float:
    return 1.0 if points is None else float(points.var(dim=0, correction=0).mean().sqrt())


def _generator(
    config: RunConfig, latents: LatentSpace, shape: tuple[int, ...], points: Tensor | None
) -> nn.Module:
    model = config.model
    code_dim, noise_dim = latents.code_dim, latents.noise_dim
    match model.generator:
        case "linear":
            return LinearGenerator(code_dim, noise_dim, shape)
        case "mlp":
            return MLPGenerator(
                code_dim,
                noise_dim,
                shape,
                width=model.width,
                depth=model.depth,
                noise_gain=model.noise_gain,
                centre=_centre(points),
                spread=_spread(points),
            )
        case "convolutional":
            return ConvolutionalGenerator(code_dim, noise_dim, shape, width=model.width // 4)
        case "compact":
            groups = 0 if config.objective.method in AUTOENCODERS else NORMALISED_GROUPS
            return CompactGenerator(code_dim, noise_dim, shape, width=model.width, groups=groups)
        case "deformable":
            n_templates = sum(block.dim for block in latents.code if isinstance(block, Categorical))
            generator = DeformableGenerator(
                n_templates,
                shape,
                displacement_grid=model.displacement_grid,
                appearances=model.appearances,
                driven=model.code_deformations,
                blends=model.code_blends,
            )
            if points is not None:
                generator.initialise(points, torch.default_generator)
            return generator


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
    ground = FixedGround() if cost is None else FixedGround(cost)
    scale = 1.0 if wanted.absolute_epsilon else mean_cost(dataset.training_sample(), ground.cost)
    if wanted.plan == "primal":
        return _primal_plan(config, latents, scale, dataset.shape)
    if wanted.cost == "learned":
        settings = _plan_settings(wanted, 1.0, 0.0)  # a learned cost has a scale of its own
        objective = _on_samples(config, latents, settings, LearnedGround())
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
    return Gaussian(_RESIDUAL * _spread(points))


def _primal_plan(config: RunConfig, latents: LatentSpace, scale: float, shape: tuple[int, ...]) -> Objective:
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
    )


def _epsilons_within(config: RunConfig, latents: LatentSpace) -> list[ot.Schedule]:
    """Return the price of each continuous code coordinate; ordered blocks rise geometrically to epsilon."""
    wanted = config.objective
    n = Charts.of(latents.code).n_normals
    schedules: list[ot.Schedule] = []
    for rank in range(n):
        power = 1 - rank / n if config.latent.ordered else 1.0
        ends = zip(wanted.epsilon, wanted.epsilon_within_ratio, strict=True)
        start, end = (epsilon * ratio**power for epsilon, ratio in ends)
        schedules.append(_geometric((start, end), wanted.anneal, 1.0))
    return schedules


def _relaxation(wanted: ObjectiveConfig, scale: float) -> ot.Schedule | None:
    return None if wanted.relaxation is None else _geometric(wanted.relaxation, wanted.loosen, scale)


def _geometric(
    ends: tuple[float, float], window: tuple[float, float], scale: float, least: float = 0.0
) -> ot.Schedule:
    start, end = (max(scale * value, least) for value in ends)
    return ot.Geometric(start, end, *window)
