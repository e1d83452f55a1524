"""From a configuration to networks."""

import torch
from torch import Tensor, nn

from infot.assembly.latents import build_latents, drawn_channels
from infot.config import ModelConfig, RunConfig
from infot.methods import AUTOENCODERS, SEMIDUAL, WITH_CRITIC, sees_pyramid
from infot.models.charts import Charts
from infot.models.code_critic import CodeCritic
from infot.models.code_encoder import CodeEncoder
from infot.models.compact import CompactGenerator, CompactTrunk
from infot.models.convolutional import ConvolutionalGenerator
from infot.models.critics import Critic, FeatureCritic, RecognitionCritic, Trunk, UnitFeatures
from infot.models.deformable import DeformableGenerator
from infot.models.encoders import NoiseEncoder
from infot.models.generators import LinearGenerator, MLPGenerator
from infot.models.latents import LatentSpace
from infot.models.noise_law import NoiseLaw
from infot.models.placed_noise import PlacedEncoder, PlacedGenerator
from infot.models.posed import PosedGenerator
from infot.models.potentials import LatentPotential
from infot.models.priors import LearnedPrior
from infot.models.pyramid import BlurPyramid, blur_widths
from infot.models.tinted import TintedGenerator
from infot.models.unexplained import Unexplained
from infot.scales import mean_cost, spread

__all__ = ["build_nets"]

FOLLOWING = 0.02  # how far one batch moves what is known to be unexplained: fifty batches
TOLD_APART = 512  # data on which the first codes are spread
NORMALISED_GROUPS = 8  # of channels of compact generators, where authors normalise by batch


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
        nets["encoder"] = encoder = NoiseEncoder(
            shape,
            n_codes=len(charts),
            noise_dim=charts.n_normals + latents.noise_dim,
            width=config.model.width,
            sharing=config.latent.categorical[0] if config.model.code_tints else 1,
        )
        if config.model.codes_apart and points is not None:
            encoder.tell_apart(points[:TOLD_APART], config.model.codes_apart)
    if config.latent.noise_law == "learned":
        law = NoiseLaw(config.latent.categorical, latents.noise_dim, rate=config.latent.noise_law_rate)
        nets["generator"] = PlacedGenerator(nets["generator"], law)
        nets["encoder"] = PlacedEncoder.of(nets["encoder"], law, latents)
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
    if config.objective.cost == "learned" and config.objective.plan == "sample":
        nets["critic"] = UnitFeatures(
            FeatureCritic(_trunk(config, shape, points), features=config.critic.features)
        )
    if sees_pyramid(config.objective):
        nets["pyramid"] = pyramid = _pyramid(config, shape, points)
        if config.objective.cost == "learned":
            nets["unexplained"] = Unexplained(len(pyramid.widths), shape[0], rate=FOLLOWING)
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
            shape, width=config.model.width, pack=pack, centre=_centre(points), spread=spread(points)
        )
    return Trunk(
        shape,
        width=config.model.width,
        depth=config.model.depth,
        pack=pack,
        centre=_centre(points),
        spread=spread(points),
    )


def _pyramid(config: RunConfig, shape: tuple[int, ...], points: Tensor | None) -> BlurPyramid:
    pyramid = BlurPyramid(shape, blur_widths(shape, config.objective.coarsest_blur))
    if points is not None:
        pyramid.normalise(points)
    return pyramid


def _centre(points: Tensor | None) -> Tensor | None:
    return None if points is None else points.mean(0)


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
                normalised=model.normalise,
                centre=_centre(points),
                spread=spread(points),
            )
        case "convolutional":
            return ConvolutionalGenerator(code_dim, noise_dim, shape, width=model.width // 4)
        case "compact":
            groups = 0 if config.objective.method in AUTOENCODERS else NORMALISED_GROUPS
            return CompactGenerator(code_dim, noise_dim, shape, width=model.width, groups=groups)
        case "posed":
            posed = _posed(config, latents, shape)
            if points is not None:
                posed.initialise(points)
            return posed
        case "deformable":
            generator = _deformable(model, latents, shape)
            if points is not None:
                generator.initialise(points, torch.default_generator)
            return generator


def _posed(config: RunConfig, latents: LatentSpace, shape: tuple[int, ...]) -> PosedGenerator:
    return PosedGenerator(
        sum(block.n for block in latents.categorical),
        config.latent.circle,
        config.latent.uniform + config.latent.normal,
        latents.noise_dim,
        shape,
        width=config.model.width // 4,
    )


def _deformable(
    model: ModelConfig, latents: LatentSpace, shape: tuple[int, ...]
) -> DeformableGenerator | TintedGenerator:
    sizes = [block.n for block in latents.categorical]
    tints, templates = sizes[: model.code_tints], sizes[model.code_tints :]
    shapes = DeformableGenerator(
        sum(templates) or 1,
        (drawn_channels(model, shape), *shape[1:]),
        displacement_grid=model.displacement_grid,
        appearances=model.appearances,
        driven=model.code_deformations,
        blends=model.code_blends,
    )
    return TintedGenerator(tints[0], shape[0], shapes) if tints else shapes
