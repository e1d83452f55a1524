"""The configuration of a run: frozen records of plain values, no behaviour.

The docstring of each field is its help text on the command line. This file imports neither torch nor anything of
infot, so that ``infot --help`` answers at once.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = [
    "CriticConfig",
    "DataConfig",
    "LatentConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "RunConfig",
    "TrainingConfig",
]


@dataclass(frozen=True)
class DataConfig:
    """What is trained on."""

    name: str = "file"
    """Data set: file (see path), or a name that `infot data list` shows."""
    path: Path | None = None
    """The user's own data, or a local copy of `mnist`: image folder, .npz/.npy, IDX, .csv/.parquet table."""
    image_size: int | None = None
    """Side in pixels to which images of an image folder are resized; unset: all must have one size."""
    standardise: bool = True
    """Bring the columns of a table to mean 0 and variance 1 (undone when sampling)."""
    labels: str | None = None
    """Column of a table that holds labels; used for evaluation only."""
    seed: int = 0
    """Seed of generated data sets and of the held-out split; separate from the training seed."""


@dataclass(frozen=True)
class LatentConfig:
    """The latent: informative code blocks and nuisance noise."""

    categorical: tuple[int, ...] = ()
    """Sizes of the categorical code blocks, for instance `10`."""
    circle: int = 0
    """Number of code dimensions that are angles, uniform on the circle."""
    sectors: int = 4
    """Sectors of a circle among which the primal plan searches for the angle of a datum."""
    uniform: int = 0
    """Number of continuous code dimensions, uniform on [-1, 1]."""
    normal: int = 0
    """Number of continuous code dimensions, standard normal."""
    ordered: bool = False
    """Treat the code blocks as ordered: the first one gets the cheapest information (method: ordered blocks)."""
    weights: tuple[float, ...] | None = None
    """Frequencies of the values of the categorical blocks, one block after the other, in any unit; unset: equal."""
    prior: Literal["fixed", "learned"] = "fixed"
    """fixed: codes are drawn with the frequencies of `weights`; learned: with frequencies that begin there and follow
    how often data use each code."""
    prior_rate: float = 0.02
    """How far one batch moves a learned prior, as a share of the way."""
    prior_least: float = 0.1
    """Smallest share of a code under a learned prior, relative to equal shares."""
    noise_law: Literal["fixed", "learned"] = "fixed"
    """fixed: the coordinates of the noise vary each by itself; learned: in each category as they do in the data, all
    together, which the primal plan finds."""
    noise_law_rate: float = 0.02
    """How far one batch moves a learned law of the noise, as a share of the way; none does until all of the noise is in
    play."""
    noise: int | None = None
    """Number of noise dimensions, standard normal; unset: 2, or as many as a deformable generator has deformations; 0
    for autoencoders, whose latent is all code."""


@dataclass(frozen=True)
class ModelConfig:
    """The generator, and the encoder where the plan has one."""

    generator: Literal["linear", "mlp", "convolutional", "compact", "posed", "deformable"] = "mlp"
    """Kind of generator; compact: the small networks of papers on disentanglement, for critics and encoders of codes as
    well; posed: convolutions draw what the categories say, and the continuous code learns to move, size and turn it."""
    width: int = 128
    """Hidden units (mlp, compact) or channels (convolutional, encoder)."""
    depth: int = 3
    """Hidden layers of the mlp."""
    noise_gain: float = 0.1
    """Scale at which the noise enters the mlp, the code at 1: small values keep modes from folding under a plan."""
    normalise: bool = True
    """Normalise the hidden units of the mlp, so that a wide range of learning rates ends alike. Methods that play
    against a critic have it off: their games swing with it."""
    codes_apart: float = 0.0
    """Standard deviation over data of the codes that the encoder of a primal plan gives at the start, where that of
    their prior is 1, the value for general generators; 0: all data start at the middle, where a deformable generator
    draws its templates."""
    displacement_grid: int = 6
    """Control points along each side of the deformable generator's displacement field; 0 leaves it out."""
    appearances: int = 0
    """Directions along which each template changes its own pixels (deformable generator): what deforming cannot do, as
    the bar through a seven."""
    code_deformations: tuple[str, ...] = ()
    """Deformations that the continuous code drives (deformable generator), one for each of its dimensions:
    `rotation` for an angle; `scale`, `stretch`, `shear`, `translation_x`, `translation_y`, `thickness` or `contrast`
    for others."""
    code_tints: int = 0
    """Categorical code blocks, 0 or the first 1, that pick a colour for what the rest draws in grey (deformable
    generator)."""
    code_blends: int = 0
    """Continuous code dimensions, the last ones, that each drive a blend of all deformations (deformable generator):
    training finds what a blend holds, the same for all templates."""


@dataclass(frozen=True)
class ObjectiveConfig:
    """The loss. Regularisation is relative to the mean cost between two data points unless `absolute_epsilon`."""

    method: Literal[
        "structured",
        "structured-semidual",
        "structured-amortised",
        "sinkhorn",
        "semidual",
        "nonsaturating",
        "wgan-gp",
        "infogan",
        "sinkhorn-gan",
        "ot-gan",
        "infogan-cr",
        "beta-vae",
        "factor-vae",
        "beta-tcvae",
    ] = "structured"
    """structured: the informative OT GAN, its plan held as `plan` says; structured-semidual: by a potential network;
    structured-amortised: by a cost that an encoder of the code bends. For comparison: sinkhorn (the plain Sinkhorn
    divergence), semidual (regularised OT GAN: the same divergence by a potential network), nonsaturating (GAN,
    PacGAN with critic.pack), wgan-gp, infogan, sinkhorn-gan and ot-gan (transport under a learned cost); with
    continuous codes of their own infogan-cr, beta-vae, factor-vae, beta-tcvae."""
    plan: Literal["sample", "primal"] = "sample"
    """How the transport plan is held: on samples (vectors, tables) or by an encoder (images)."""
    cost: Literal["pixel", "pyramid", "learned", "given"] = "pixel"
    """Ground cost of a plan. pixel: squared distance of the data themselves; pyramid: of blurred images, sharpened in
    the course of training, for things that move farther than their size; learned: by a primal plan the same with
    sharpness that follows what is explained, by a plan on samples of features that a critic learns; given (plans on
    samples): one of the user's own, in Python (`InformativeGAN(cost=...)`)."""
    coarsest_blur: float = 0.25
    """Standard deviation of the first blur of a pyramid, relative to the longer side of the images; each further one
    has half of it, down to a pixel, and the last none."""
    sharpen: tuple[float, float] = (0.0, 0.5)
    """Share of the schedule between which the pyramid goes from its first blur to sharp images."""
    epsilon: tuple[float, float] = (0.05, 5e-4)
    """Price of a nat of information through the noise, at the start and at the end of the annealing."""
    epsilon_least: float = 1.0
    """Bound below which epsilon does not fall, in units of the median cost between nearest neighbours in a batch of
    data: what a plan on samples resolves below it is chance. 0: no bound but rounding, below which no price of a plan
    on samples falls."""
    epsilon_code_ratio: tuple[float, float] = (0.1, 0.1)
    """Price of a nat through the code, relative to epsilon, at start and end: the knob of informativeness."""
    epsilon_within_ratio: tuple[float, float] = (1.0, 1.0)
    """Price of a nat through the continuous code, relative to epsilon, at start and end (primal plan)."""
    absolute_epsilon: bool = False
    """Give epsilon in units of cost instead of relative to the data's mean cost."""
    anneal: tuple[float, float] = (0.0, 0.6)
    """Share of the schedule at which annealing begins and ends."""
    code_anneal: tuple[float, float] | None = None
    """Share of the schedule at which annealing of the categorical code's price begins and ends (primal plan); none: as
    `anneal`."""
    self_structure: tuple[float, float] = (0.4, 0.6)
    """Share of the schedule between which the self term takes on the structure (before: pressure; after: unbiased)."""
    relaxation: tuple[float, float] | None = (0.25, 0.0005)
    """Price of a nat by which the code frequencies of one batch leave the prior, at the start and at the end; none:
    every batch keeps the prior."""
    loosen: tuple[float, float] = (0.1, 0.6)
    """Share of the schedule between which `relaxation` falls from its start to its end."""
    deformation_onset: float = 0.3
    """Share of the schedule at which thickness and displacement join the affine deformations (deformable generator)."""
    appearance_onset: float = 0.5
    """Share of the schedule at which the changes of appearance join the deformations (deformable generator)."""
    beta: float = 4.0
    """Price of a nat through the code, where a nat of reconstruction costs 1 (beta-vae); of a nat of the code's total
    correlation (beta-tcvae; factor-vae, whose authors call it gamma)."""
    noise_per_code: int = 32
    """Noise draws for each code value in a latent batch (sample plan)."""
    codes_per_batch: int = 24
    """Code draws in a latent batch when the code has a continuous block (sample plan)."""
    tolerance: float = 1e-2
    """L1 marginal error to which each plan is solved."""
    max_solver_steps: int = 500
    """Bound on the iterations of each solve."""


@dataclass(frozen=True)
class CriticConfig:
    """The critic of the methods that train one, or of a learned cost; the potential network of the semi-dual ones."""

    steps: int = 1
    """Updates of the critic, or of the potential, before an update of the generator."""
    generator_steps: int = 1
    """Updates of the generator for each visit of the critic."""
    rate: float = 1.0
    """Learning rate of the critic, or of the potential, relative to the generator's."""
    pack: int = 1
    """Data that the critic judges together (nonsaturating); more than 1 is PacGAN."""
    gradient_penalty: float = 10.0
    """Weight of the penalty on slopes other than 1 (wgan-gp)."""
    code_weight: tuple[float, float] = (1.0, 1.0)
    """Weight of a nat of information on the categorical and on the continuous code (infogan)."""
    features: int = 64
    """Features between which the learned cost is measured (sinkhorn-gan, ot-gan, objective.cost learned)."""
    clip: float = 0.01
    """Largest size of a weight of the critic (sinkhorn-gan)."""
    contrast: float = 2.0
    """Price of a nat that the contrastive network misses (infogan-cr)."""
    contrast_from: float = 0.9
    """Share of the schedule from which the contrast counts (infogan-cr)."""
    contrast_gap: float = 0.0
    """How far apart, up to 2, the code coordinates are that a pair does not share, until `contrast_gap_until`."""
    contrast_gap_until: float = 0.0
    """Share of the schedule at which the gap falls to 0 (infogan-cr)."""


@dataclass(frozen=True)
class TrainingConfig:
    """The optimisation and its bookkeeping."""

    steps: int = 3000
    """Number of generator updates."""
    schedule_steps: int | None = None
    """Length of all schedules in steps; unset: `steps`. `resume --steps` keeps it and goes on at the final values."""
    starts: int = 1
    """How often training starts, each time from other random numbers; the start whose code tells most of the data,
    I(c;x) under the plan, goes on (structured methods). Costs `starts_until` of a training for each further start."""
    starts_until: float = 0.3
    """Share of the schedule to which each of several starts is trained; the last fifth of it decides."""
    batch_size: int = 256
    """Data points in a batch."""
    learning_rate: float = 2e-3
    """Adam's learning rate at the start."""
    decay_from: float = 0.5
    """Share of the schedule from which the learning rate falls, by a cosine, to `final_learning_rate`."""
    final_learning_rate: float = 1e-5
    """Learning rate at the end of the schedule."""
    adam_betas: tuple[float, float] = (0.5, 0.99)
    """Adam's moment decays."""
    ema_decay: float = 0.995
    """Decay of the weight average used for samples and evaluation."""
    ema_from: float = 0.8
    """Share of the schedule from which weights are averaged; before it the average follows the weights."""
    max_minutes: float | None = None
    """Stop after this wall time, with a checkpoint; `infot resume` goes on."""
    log_every: int = 20
    """Steps between two lines of metrics.jsonl."""
    sample_every: int = 500
    """Steps between two sample grids."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""
    keep_checkpoints: int = 2
    """How many checkpoints are kept, newest first."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps or auto (cuda where there is one)."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run."""

    preset: str = "custom"
    """Name of the preset that this configuration started from."""
    seed: int = 0
    """Seed of all training randomness."""
    data: DataConfig = field(default_factory=DataConfig)
    latent: LatentConfig = field(default_factory=LatentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    critic: CriticConfig = field(default_factory=CriticConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
