"""Presets: configurations that are known to work, by name. Torch-free."""

from dataclasses import replace

from infot.config import DataConfig, LatentConfig, ModelConfig, ObjectiveConfig, RunConfig, TrainingConfig

__all__ = ["PRESETS"]

_VECTORS = RunConfig(
    model=ModelConfig(generator="mlp", width=128, depth=3),
    objective=ObjectiveConfig(
        plan="sample",
        epsilon=(0.1, 1e-4),
        epsilon_code_ratio=(0.1, 0.1),
        relaxation=(0.25, 2.5e-4),
        anneal=(0.1, 0.6),
        loosen=(0.1, 0.6),
        self_structure=(0.2, 0.35),
    ),
    training=TrainingConfig(
        steps=2500,
        batch_size=256,
        learning_rate=8e-3,
        final_learning_rate=8e-5,
        decay_from=0.4,
        adam_betas=(0.5, 0.999),
        ema_decay=0.99,
        ema_from=0.9,
    ),
)

# More modes in a batch leave fewer data to each: larger batches, and a longer average over the weights.
_MANY_MODES = replace(
    _VECTORS,
    objective=replace(_VECTORS.objective, noise_per_code=16),
    training=replace(
        _VECTORS.training,
        steps=1200,
        batch_size=512,
        decay_from=0.3,
        final_learning_rate=4e-4,
        ema_decay=0.995,
        ema_from=0.7,
    ),
)

# Clusters in shares that differ. At a high price of the code one code serves all data, and the price at which another
# one pays rises with the share of the cluster that it serves and with its distance. So codes part one by one as the
# price falls, the largest clusters first; codes that part at once, in equal shares, cut the largest cluster in two.
# After Rose, "Deterministic annealing", Proceedings of the IEEE 86 (1998).
_PARTING = replace(
    _VECTORS, objective=replace(_VECTORS.objective, epsilon=(0.3, 1e-4), epsilon_code_ratio=(1.0, 0.1))
)

# Clusters of a table overlap. Once the self term is structured nothing holds a code that may as well lie elsewhere.
_TABLES = replace(_VECTORS, objective=replace(_VECTORS.objective, self_structure=(0.8, 0.9)))

_IMAGES = RunConfig(
    latent=LatentConfig(categorical=(10,)),
    model=ModelConfig(generator="deformable", width=128, displacement_grid=6, appearances=6),
    objective=ObjectiveConfig(
        plan="primal",
        epsilon=(0.03, 0.002),
        epsilon_code_ratio=(10 / 3, 2.5),
        relaxation=(0.25, 0.0125),
        loosen=(0.6, 0.8),
        anneal=(0.0, 0.6),
        deformation_onset=0.3,
        tolerance=1e-2,
        max_solver_steps=100,
    ),
    training=TrainingConfig(
        steps=1000,
        batch_size=128,
        learning_rate=2e-3,
        final_learning_rate=1e-5,
        decay_from=0.5,
        ema_decay=0.995,
        ema_from=0.8,
    ),
)

# On 8 x 8 pixels codes part later, and a template that may draw over itself keeps two digits. In three starts of ten a
# code keeps two digits for good; what codes tell of data shows it by the time that displacement begins.
_SMALL_IMAGES = replace(
    _IMAGES,
    model=replace(_IMAGES.model, appearances=0),
    training=replace(_IMAGES.training, starts=4, starts_until=0.3),
)

# Many data bear more steps: three minutes on one core.
_LONGER_IMAGES = replace(_IMAGES, training=replace(_IMAGES.training, steps=3000))


def _pictures(base: RunConfig) -> RunConfig:
    """Learn how the noise of data lies in each category, so that samples deform as data do, and pay for more of it.

    A nat through the noise ends at half the price, one through the code as it was; templates have more appearances.
    """
    (start, end), (_, ratio) = base.objective.epsilon, base.objective.epsilon_code_ratio
    ratios = (base.objective.epsilon_code_ratio[0], 2 * ratio)
    return replace(
        base,
        latent=replace(base.latent, noise_law="learned"),
        model=replace(base.model, appearances=16),
        objective=replace(base.objective, epsilon=(start, end / 2), epsilon_code_ratio=ratios),
    )


def _two_knobs(base: RunConfig) -> RunConfig:
    """Add two uniform numbers to the code, as InfoGAN has them, which drive blends of deformations.

    A nat through the first costs a tenth of one through the noise, so it takes what varies most in all digits; the
    second, priced in between, takes what comes next.
    """
    return replace(
        base,
        latent=replace(base.latent, uniform=2, ordered=True),
        model=replace(base.model, code_blends=2),
        objective=replace(base.objective, epsilon_within_ratio=(0.1, 0.1)),
    )


def _unequal(base: RunConfig) -> RunConfig:
    """Expect classes in shares that differ: the shares from which codes are drawn follow the data."""
    return replace(base, latent=replace(base.latent, prior="learned"))


def _preset(base: RunConfig, name: str, *, categorical: int, data: str | None = None) -> RunConfig:
    return replace(
        base,
        preset=name,
        data=DataConfig(name=data or name),
        latent=replace(base.latent, categorical=(categorical,)),
    )


# A linear generator on a normal code: principal components, by the price of information alone.
_PRINCIPAL_AXIS = RunConfig(
    preset="anisotropic",
    data=DataConfig(name="anisotropic"),
    latent=LatentConfig(normal=1, noise=1),
    model=ModelConfig(generator="linear"),
    objective=ObjectiveConfig(
        epsilon=(0.2, 0.02),
        epsilon_code_ratio=(0.1, 0.1),
        anneal=(0.6, 0.85),
        self_structure=(0.6, 0.75),
        codes_per_batch=16,
        noise_per_code=10,
        tolerance=2e-2,
        max_solver_steps=200,
    ),
    training=TrainingConfig(
        steps=800,
        batch_size=192,
        learning_rate=2e-2,
        final_learning_rate=1e-5,
        decay_from=0.2,  # axes must lie still before the structured self term leaves them free
        ema_decay=0.99,
        ema_from=0.9,
    ),
)

# Two ordered normal codes and the noise: three blocks, each at a price of its own. How fast they part grows with
# epsilon times the gap of the prices, widest between neighbours at a ratio of 1/4 over two blocks.
_PRINCIPAL_AXES = replace(
    _PRINCIPAL_AXIS,
    preset="anisotropic3",
    data=DataConfig(name="anisotropic3"),
    latent=LatentConfig(normal=2, ordered=True, noise=1),
    objective=replace(
        _PRINCIPAL_AXIS.objective,
        epsilon=(0.4, 0.02),
        epsilon_code_ratio=(0.25, 0.25),
        # Once the self term is structured nothing holds the axes: the learning rate must be small by then.
        self_structure=(0.8, 0.9),
        codes_per_batch=8,
        noise_per_code=8,
    ),
    training=replace(_PRINCIPAL_AXIS.training, steps=3000),
)

# Shape, angle, place and size of a sprite. A high price keeps the templates alike until places and sizes are told by
# the coordinates made for them; as it falls, the templates part by shape.
_FACTORS = replace(
    _IMAGES,
    preset="sprites",
    data=DataConfig(name="sprites"),
    latent=LatentConfig(categorical=(3,), circle=1, uniform=3),
    model=replace(
        _IMAGES.model,
        displacement_grid=0,
        appearances=0,
        code_deformations=("rotation", "translation_x", "translation_y", "scale"),
    ),
    objective=replace(
        _IMAGES.objective,
        epsilon_code_ratio=(100.0, 1.0),
        code_anneal=(0.2, 0.6),
        loosen=(0.6, 0.8),
    ),
    training=replace(_IMAGES.training, steps=4000, batch_size=64, decay_from=0.75),
)

# Six parts in seven of the mean cost are noise here: prices in its units come down to what they are without noise.
_NOISE_FREE = 1 / 7
_NOISY_FACTORS = replace(
    _FACTORS,
    preset="sprites-noise",
    data=DataConfig(name="sprites-noise"),
    objective=replace(
        _FACTORS.objective,
        epsilon=(0.03 * _NOISE_FREE, 0.002 * _NOISE_FREE),
        relaxation=(0.25 * _NOISE_FREE, 0.0125 * _NOISE_FREE),
    ),
)

# One more block, of colours, which part at a higher price than shapes. The price starts above what places are worth and
# falls at once but slowly: turns are told in colour before shapes part.
_COLOURED_FACTORS = replace(
    _FACTORS,
    preset="sprites-colour",
    data=DataConfig(name="sprites-colour"),
    latent=replace(_FACTORS.latent, categorical=(6, 3)),
    model=replace(_FACTORS.model, code_tints=1),
    objective=replace(_FACTORS.objective, epsilon_code_ratio=(10.0, 1.0), code_anneal=(0.0, 0.7)),
)

# One shape that never turns, anywhere on the canvas. The mean image, where the template starts, is all but flat: at the
# prices of sprites nothing is worth telling at first, and codes that are shut do not open again.
_OBJECT = replace(
    _COLOURED_FACTORS,
    preset="xyobject",
    data=DataConfig(name="xyobject"),
    latent=LatentConfig(categorical=(24,), uniform=3),
    model=replace(_COLOURED_FACTORS.model, code_deformations=("translation_x", "translation_y", "scale")),
    objective=replace(_COLOURED_FACTORS.objective, epsilon=(0.004, 0.002)),
)

# Three squares that move on their own, drawn by a general generator. The ground looks as sharply as is explained, and
# an encoder that tells data apart from the first step leaves no square undrawn. Prices rise, for a high one shuts codes
# before their squares are found; once they are, it turns the codes to the axes of the grid.
_SQUARES = RunConfig(
    preset="squares",
    data=DataConfig(name="squares"),
    latent=LatentConfig(uniform=6, noise=0),
    model=ModelConfig(generator="mlp", width=256, depth=3, codes_apart=1.0),
    objective=ObjectiveConfig(
        plan="primal",
        cost="learned",
        epsilon=(3e-4, 3e-3),
        epsilon_code_ratio=(1.0, 1.0),
        relaxation=None,
        anneal=(0.0, 0.6),
    ),
    training=TrainingConfig(
        steps=1000,
        batch_size=64,
        learning_rate=1e-3,
        final_learning_rate=1e-5,
        decay_from=0.7,
        ema_decay=0.995,
        ema_from=0.8,
    ),
)

PRESETS: dict[str, RunConfig] = {
    "ring8": _preset(_VECTORS, "ring8", categorical=8),
    "ring8-unbalanced": _preset(_unequal(_PARTING), "ring8-unbalanced", categorical=8),
    "grid25": _preset(_MANY_MODES, "grid25", categorical=25),
    "gaussians1200": _preset(_PARTING, "gaussians1200", categorical=10),
    "anisotropic": _PRINCIPAL_AXIS,
    "anisotropic3": _PRINCIPAL_AXES,
    "digits": _preset(_SMALL_IMAGES, "digits", categorical=10),
    "mnist5k": _preset(_IMAGES, "mnist5k", categorical=10),
    "mnist5k-10plus2": _preset(_two_knobs(_IMAGES), "mnist5k-10plus2", categorical=10, data="mnist5k"),
    "mnist5k-20codes": _preset(_IMAGES, "mnist5k-20codes", categorical=20, data="mnist5k"),
    "mnist5k-unbalanced": _preset(_unequal(_IMAGES), "mnist5k-unbalanced", categorical=10),
    "mnist5k-pictures": _preset(_pictures(_IMAGES), "mnist5k-pictures", categorical=10, data="mnist5k"),
    "mnist": _preset(_LONGER_IMAGES, "mnist", categorical=10),
    "mnist-10plus2": _preset(_two_knobs(_LONGER_IMAGES), "mnist-10plus2", categorical=10, data="mnist"),
    "mnist-20codes": _preset(_LONGER_IMAGES, "mnist-20codes", categorical=20, data="mnist"),
    "mnist-unbalanced": _preset(_unequal(_LONGER_IMAGES), "mnist-unbalanced", categorical=10),
    "mnist-pictures": _preset(_pictures(_LONGER_IMAGES), "mnist-pictures", categorical=10, data="mnist"),
    "sprites": _FACTORS,
    "sprites-colour": _COLOURED_FACTORS,
    "sprites-noise": _NOISY_FACTORS,
    "xyobject": _OBJECT,
    "squares": _SQUARES,
    "wine": _preset(_TABLES, "wine", categorical=3),
    "breast-cancer": _preset(_TABLES, "breast-cancer", categorical=2),
    "iris": _preset(_TABLES, "iris", categorical=3),
    "custom": _preset(_TABLES, "custom", categorical=10, data="file"),
}
"""Configurations by preset name; `custom` is the start for a user's own table, array or image folder."""
