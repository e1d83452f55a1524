"""The one place where a configuration is checked for values that cannot be run."""

import math
import re
from collections.abc import Iterator

from infot.config import (
    DataConfig,
    LatentConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
)
from infot.errors import ConfigError
from infot.methods import AUTOENCODERS, HOLD_PLANS, IMAGE_GENERATORS, INFORMATIVE, sees_pyramid

__all__ = ["PATH_DATA", "check_config", "check_config_with_data", "start_steps"]

PATH_DATA = ("file", "mnist", "mnist-unbalanced")  # data sets that read data.path
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_config(config: RunConfig) -> None:
    """Make sure that the values can be run, each by itself and all together; needs no data.

    Raises:
        ConfigError: Names the first field at fault, its value, and what to give instead.
    """
    problems = (
        *_data(config.data),
        *_latent(config.latent, config.objective),
        *_model(config.model, config.objective),
        *_driven(config),
        *_objective(config.objective),
        *_critic(config),
        *_training(config.training),
        *_starts(config),
    )
    if not 0 <= config.seed < 2**64:
        bound = "0 or more" if config.seed < 0 else "less than 2^64"
        problems = (f"seed: expected {bound}, got {config.seed}", *problems)
    if problems:
        raise ConfigError(problems[0])


def check_config_with_data(config: RunConfig, *, shape: tuple[int, ...]) -> None:
    """Make sure that the configuration suits the data.

    Args:
        config: The configuration.
        shape: Shape of a data point.

    Raises:
        ConfigError: If the generator makes, or the ground cost sees, something else than the data are.
    """
    generator = config.model.generator
    if generator in IMAGE_GENERATORS and len(shape) != 3:
        raise ConfigError(
            f"model.generator: {generator} makes images, but the data points of {config.data.name} have shape {shape}; "
            "use --model.generator mlp"
        )
    if sees_pyramid(config.objective) and len(shape) != 3:
        raise ConfigError(
            f"objective.cost: a pyramid blurs images, but the data points of {config.data.name} have shape {shape}; "
            "use --objective.cost pixel"
        )
    if config.model.code_tints and shape[0] == 1:
        raise ConfigError(
            f"model.code_tints: tints colour images of several channels, but those of {config.data.name} have one; "
            "use --model.code-tints 0"
        )


def _data(data: DataConfig) -> Iterator[str]:
    if data.name == "file" and data.path is None:
        yield "data.path: missing; the data set `file` needs --data PATH (image folder, .npz/.npy, IDX or table)"
    if data.path is not None and data.name not in PATH_DATA:
        yield f"data.path: {data.name} is made or shipped by infot and reads no file; use --data.name file, or no path"
    if data.image_size is not None and data.image_size < 2:
        yield _at_least("data.image_size", data.image_size, 2)
    if data.seed < 0:
        yield _at_least("data.seed", data.seed, 0)


def _latent(latent: LatentConfig, objective: ObjectiveConfig) -> Iterator[str]:
    for size in latent.categorical:
        if size < 2:
            yield _at_least("latent.categorical: size of a block", size, 2)
    for name in ("circle", "uniform", "normal"):
        if getattr(latent, name) < 0:
            yield _at_least(f"latent.{name}", getattr(latent, name), 0)
    if latent.noise is not None and latent.noise < 0:
        yield _at_least("latent.noise", latent.noise, 0)
    if latent.noise == 0 and objective.method in HOLD_PLANS and objective.plan == "sample":
        yield f"latent.noise: the method {objective.method} couples data with draws of the noise: expected at least 1"
    if objective.method in AUTOENCODERS and (
        latent.categorical or latent.circle or latent.uniform or latent.noise != 0
    ):
        yield (
            f"latent: the method {objective.method} has a normal code and nothing else; use --latent.normal with "
            "--latent.noise 0, and no other blocks"
        )
    if objective.method == "infogan-cr" and (
        latent.categorical or latent.circle or latent.normal or latent.uniform < 2
    ):
        yield (
            "latent: the method infogan-cr contrasts uniform codes; use --latent.uniform with at least 2, and no other "
            "code blocks"
        )
    yield from _prior(latent, objective)
    yield from _noise_law(latent, objective)
    if latent.sectors < 2:
        yield _at_least("latent.sectors", latent.sectors, 2)
    if not latent.categorical and latent.circle <= 0 and latent.uniform <= 0 and latent.normal <= 0:
        yield "latent: the code is empty; give one, for instance --latent.categorical 10"
    if latent.ordered and len(latent.categorical) + latent.circle + latent.uniform + latent.normal < 2:
        yield "latent.ordered: there is nothing to order; expected at least two code blocks, or --latent.no-ordered"
    if latent.ordered and objective.method not in INFORMATIVE:
        yield (
            f"latent.ordered: the method {objective.method} puts no price on information; use --objective.method "
            "structured"
        )


def _prior(latent: LatentConfig, objective: ObjectiveConfig) -> Iterator[str]:
    n = sum(latent.categorical)
    if latent.weights is not None and (len(latent.weights) != n or not all(map(_positive, latent.weights))):
        yield (
            f"latent.weights: expected a positive number for each of the {n} values of the categorical blocks, "
            f"got {len(latent.weights)}: {latent.weights}"
        )
    if not 0 < latent.prior_rate <= 1:
        yield f"latent.prior_rate: expected more than 0 and at most 1, got {latent.prior_rate}"
    if not 0 <= latent.prior_least <= 1:
        yield f"latent.prior_least: expected a number from 0 to 1, got {latent.prior_least}"
    if latent.prior == "fixed":
        return
    if objective.method != "structured" or objective.relaxation is None:
        yield (
            "latent.prior: a learned prior follows the frequencies that a relaxed plan finds; use --latent.prior "
            "fixed, or the method structured with objective.relaxation"
        )
    if not latent.categorical:
        yield "latent.prior: only categorical codes have a prior to learn; use --latent.prior fixed"
    if objective.plan == "sample" and (latent.ordered or latent.circle or latent.uniform or latent.normal):
        yield (
            "latent.prior: a sample plan finds frequencies where it lists all codes, which are then categorical and "
            "not ordered; use --latent.prior fixed"
        )


def _noise_law(latent: LatentConfig, objective: ObjectiveConfig) -> Iterator[str]:
    if not 0 < latent.noise_law_rate <= 1:
        yield f"latent.noise_law_rate: expected more than 0 and at most 1, got {latent.noise_law_rate}"
    if latent.noise_law == "learned" and (objective.method != "structured" or objective.plan != "primal"):
        yield (
            "latent.noise_law: the noise of data is known where an encoder holds the plan; use "
            "--latent.noise-law fixed, or the method structured with --objective.plan primal"
        )


def _model(model: ModelConfig, objective: ObjectiveConfig) -> Iterator[str]:
    if objective.method in AUTOENCODERS and model.generator == "deformable":
        yield (
            f"model.generator: a deformable generator has noise, which the method {objective.method} has not; use "
            "--model.generator convolutional"
        )
    if model.width < 2:
        yield _at_least("model.width", model.width, 2)
    if model.depth < 1:
        yield _at_least("model.depth", model.depth, 1)
    if not _positive(model.noise_gain):
        yield f"model.noise_gain: expected a positive number, got {model.noise_gain}"
    if not 0 <= model.codes_apart < math.inf:
        yield f"model.codes_apart: expected 0 or more, got {model.codes_apart}"
    if model.displacement_grid != 0 and model.displacement_grid < 2:
        yield f"model.displacement_grid: expected 0 (none) or at least 2, got {model.displacement_grid}"
    for name in ("appearances", "code_blends"):
        if getattr(model, name) < 0:
            yield _at_least(f"model.{name}", getattr(model, name), 0)


def _driven(config: RunConfig) -> Iterator[str]:
    """Make sure that a deformable generator has a deformation for each continuous code, and no other has any."""
    latent, driven = config.latent, config.model.code_deformations
    if config.model.generator != "deformable":
        if driven:
            yield (
                f"model.code_deformations: a {config.model.generator} generator has no deformations; give "
                "--model.code-deformations with nothing behind it"
            )
        if config.model.code_tints:
            yield f"model.code_tints: a {config.model.generator} generator has no tints; expected 0"
        if config.model.code_blends:
            yield f"model.code_blends: a {config.model.generator} generator has nothing to blend; expected 0"
        return
    if config.model.code_tints not in (0, 1) or config.model.code_tints > len(latent.categorical):
        yield (
            "model.code_tints: expected 0, or 1 where the first block of latent.categorical picks colours, got "
            f"{config.model.code_tints} with {len(latent.categorical)} categorical blocks"
        )
    angles = int("rotation" in driven)
    blends = config.model.code_blends
    if latent.circle != angles or latent.uniform + latent.normal != len(driven) - angles + blends:
        yield (
            "model.code_deformations: expected `rotation` for the angle of latent.circle and one name, or one of "
            f"model.code_blends, for each dimension of latent.uniform and latent.normal, got {latent.circle} angles, "
            f"{latent.uniform} uniform and {latent.normal} normal dimensions for ({', '.join(driven)}) and {blends} "
            "blends"
        )
    if angles and driven[0] != "rotation":
        yield f"model.code_deformations: name rotation first, as angles come first in the code; got {', '.join(driven)}"


def _objective(objective: ObjectiveConfig) -> Iterator[str]:
    for name in ("epsilon", "epsilon_code_ratio", "epsilon_within_ratio"):
        for value in getattr(objective, name):
            if not _positive(value):
                yield f"objective.{name}: expected positive numbers, got {value}"
    if not 0 <= objective.epsilon_least < math.inf:
        yield f"objective.epsilon_least: expected 0 or more, got {objective.epsilon_least}"
    if objective.relaxation is not None and not all(map(_positive, objective.relaxation)):
        yield f"objective.relaxation: expected two positive numbers or none, got {objective.relaxation}"
    for name in ("deformation_onset", "appearance_onset"):
        if not 0 <= getattr(objective, name) <= 1:
            yield f"objective.{name}: expected a share between 0 and 1, got {getattr(objective, name)}"
    if objective.plan == "sample" and max(objective.epsilon_code_ratio) > 1:
        yield (
            "objective.epsilon_code_ratio: expected at most 1 (information through the code must not be dearer than "
            f"through the noise), got {max(objective.epsilon_code_ratio)}"
        )
    if objective.plan == "primal" and objective.method != "structured":
        yield f"objective.plan: the method {objective.method} knows no primal plan; use --objective.plan sample"
    if objective.cost != "pixel" and objective.method not in HOLD_PLANS:
        yield (
            f"objective.cost: the method {objective.method} holds no plan to pay a {objective.cost} cost; use "
            "--objective.cost pixel"
        )
    if objective.cost == "given" and objective.plan != "sample":
        yield (
            f"objective.cost: only plans on samples take a given cost, got the {objective.plan} plan; use "
            "--objective.cost pixel"
        )
    if not _positive(objective.coarsest_blur):
        yield f"objective.coarsest_blur: expected a positive number, got {objective.coarsest_blur}"
    if not 0 <= objective.beta < math.inf:
        yield f"objective.beta: expected 0 or more, got {objective.beta}"
    windows = ["anneal", "loosen", "self_structure", "sharpen"] + ["code_anneal"] * (
        objective.code_anneal is not None
    )
    for name in windows:
        begin, finish = getattr(objective, name)
        if not 0 <= begin <= finish <= 1:
            yield f"objective.{name}: expected two shares in order, 0 <= begin <= end <= 1, got {begin} {finish}"
    if objective.noise_per_code < 1:
        yield _at_least("objective.noise_per_code", objective.noise_per_code, 1)
    if objective.codes_per_batch < 2:
        yield _at_least("objective.codes_per_batch", objective.codes_per_batch, 2)
    if not _positive(objective.tolerance):
        yield f"objective.tolerance: expected a positive number, got {objective.tolerance}"
    if objective.max_solver_steps < 1:
        yield _at_least("objective.max_solver_steps", objective.max_solver_steps, 1)


def _critic(config: RunConfig) -> Iterator[str]:
    critic = config.critic
    for name in ("steps", "generator_steps", "pack", "features"):
        if getattr(critic, name) < 1:
            yield _at_least(f"critic.{name}", getattr(critic, name), 1)
    for name in ("rate", "clip"):
        if not _positive(getattr(critic, name)):
            yield f"critic.{name}: expected a positive number, got {getattr(critic, name)}"
    if not 0 <= critic.gradient_penalty < math.inf:
        yield f"critic.gradient_penalty: expected 0 or more, got {critic.gradient_penalty}"
    if not all(0 <= weight < math.inf for weight in critic.code_weight):
        yield f"critic.code_weight: expected two numbers of 0 or more, got {critic.code_weight}"
    for name in ("contrast_from", "contrast_gap_until"):
        if not 0 <= getattr(critic, name) <= 1:
            yield f"critic.{name}: expected a share between 0 and 1, got {getattr(critic, name)}"
    if not 0 <= critic.contrast < math.inf:
        yield f"critic.contrast: expected 0 or more, got {critic.contrast}"
    if not 0 <= critic.contrast_gap < 2:
        yield f"critic.contrast_gap: expected 0 or more and less than 2, got {critic.contrast_gap}"
    method, batch = config.objective.method, config.training.batch_size
    if critic.pack > 1 and method != "nonsaturating":
        yield f"critic.pack: the method {method} judges data one by one; use --critic.pack 1"
    critic_learns_cost = config.objective.cost == "learned" and config.objective.plan == "sample"
    if (method == "ot-gan" or critic_learns_cost) and batch % 2:
        what = method if method == "ot-gan" else "a learned cost"
        yield f"training.batch_size: {what} halves its batches, so expected an even number, got {batch}"
    if critic.pack >= 1 and batch % critic.pack:
        yield f"critic.pack: expected a divisor of training.batch_size ({batch}), got {critic.pack}"


def _training(training: TrainingConfig) -> Iterator[str]:
    for name in ("steps", "log_every", "sample_every", "checkpoint_every", "keep_checkpoints"):
        if getattr(training, name) < 1:
            yield _at_least(f"training.{name}", getattr(training, name), 1)
    if training.schedule_steps is not None and training.schedule_steps < 1:
        yield _at_least("training.schedule_steps", training.schedule_steps, 1)
    if training.batch_size < 2:
        yield _at_least("training.batch_size", training.batch_size, 2)
    if not _positive(training.learning_rate):
        yield f"training.learning_rate: expected a positive number, got {training.learning_rate}"
    if not 0 <= training.final_learning_rate < math.inf:
        yield f"training.final_learning_rate: expected 0 or more, got {training.final_learning_rate}"
    for name in ("decay_from", "ema_from"):
        if not 0 <= getattr(training, name) <= 1:
            yield f"training.{name}: expected a share between 0 and 1, got {getattr(training, name)}"
    for name, values in (("adam_betas", training.adam_betas), ("ema_decay", (training.ema_decay,))):
        for value in values:
            if not 0 <= value < 1:
                yield f"training.{name}: expected 0 <= decay < 1, got {value}"
    if training.max_minutes is not None and not training.max_minutes > 0:
        yield f"training.max_minutes: expected a positive number, got {training.max_minutes}"
    if not _DEVICE.fullmatch(training.device):
        yield f"training.device: expected auto, cpu, cuda, cuda:N or mps, got {training.device!r}"


def _starts(config: RunConfig) -> Iterator[str]:
    training = config.training
    if training.starts < 1:
        yield _at_least("training.starts", training.starts, 1)
    if not 0 < training.starts_until < 1:
        yield f"training.starts_until: expected a share between 0 and 1, got {training.starts_until}"
    if training.starts <= 1:
        return
    if config.objective.method not in INFORMATIVE:
        yield (
            f"training.starts: expected 1 with the method {config.objective.method}, got {training.starts}: starts are "
            f"chosen by what the code tells of data, which only {', '.join(INFORMATIVE)} raise"
        )
    if start_steps(training) >= training.steps:
        yield (
            f"training.starts_until: expected starts shorter than the {training.steps} steps of training, got "
            f"{start_steps(training)} steps; use --training.starts 1"
        )


def start_steps(training: TrainingConfig) -> int:
    """Return how many steps each of several starts has."""
    length = training.schedule_steps or training.steps
    return max(1, round(training.starts_until * length))


def _positive(value: float) -> bool:
    return 0 < value < math.inf


def _at_least(name: str, value: int, least: int) -> str:
    return f"{name}: expected at least {least}, got {value}"
