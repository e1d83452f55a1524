"""The methods that can be trained, each with the settings of its own paper. Torch-free.

A preset says what is trained on what; :func:`with_method` puts another method in the place of its own. What belongs to
the comparison stays as the preset has it: data, latent code, width and depth of the networks, number of steps. What
belongs to the method comes from its paper: optimiser, batch, critic, penalties; and the latent where the method is
nothing without its own.
"""

from collections.abc import Callable
from dataclasses import replace

from infot.config import CriticConfig, LatentConfig, ObjectiveConfig, RunConfig
from infot.errors import ConfigError

__all__ = [
    "AUTOENCODERS",
    "CONTINUOUS",
    "HOLD_PLANS",
    "IMAGE_GENERATORS",
    "INFORMATIVE",
    "METHODS",
    "SEMIDUAL",
    "WITH_CRITIC",
    "is_image_config",
    "sees_pyramid",
    "with_method",
]

INFORMATIVE = ("structured", "structured-semidual", "structured-amortised")
"""Methods that make information through the code cheaper than through the noise: the informative OT GAN."""

SEMIDUAL = ("structured-semidual", "semidual")
"""Methods whose plan is held by a network for the potential of the latents."""

HOLD_PLANS = (*INFORMATIVE, "sinkhorn", "semidual")
"""Methods that hold a plan between code and data."""

WITH_CRITIC = ("nonsaturating", "wgan-gp", "infogan", "sinkhorn-gan", "ot-gan", "infogan-cr")
"""Methods that train a critic beside the generator; they hold no plan between code and data."""

AUTOENCODERS = ("beta-vae", "factor-vae", "beta-tcvae")
"""Methods that train an encoder of the code beside the generator; their latent is all code and normal."""

CONTINUOUS = ("infogan-cr", *AUTOENCODERS)
"""Methods with a continuous code of their own, whatever the preset's; they are compared by what it says of factors."""

AUTOENCODER_CODE = 10
"""Dimensions of an autoencoder's code in the papers on disentanglement."""

IMAGE_GENERATORS = ("convolutional", "compact", "posed", "deformable")
"""Generators that make images and nothing else."""

CODE_RATIO = (0.1, 0.1)
"""Price of a nat through the code relative to the noise where a preset's own belongs to another route."""

ASCENTS = 2
"""Turns of a potential network before a turn of the generator; with five, ring8 comes out alike in twice the time."""

IMAGE_NOISE = 62
"""Noise dimensions of generators of images: InfoGAN's on MNIST."""


def is_image_config(config: RunConfig) -> bool:
    """Return whether the configuration is one for images."""
    return config.model.generator in IMAGE_GENERATORS


def sees_pyramid(objective: ObjectiveConfig) -> bool:
    """Return whether the ground cost is one of blurred images, by schedule or by weights that are learned."""
    return objective.cost == "pyramid" or (objective.cost == "learned" and objective.plan == "primal")


def with_method(config: RunConfig, method: str) -> RunConfig:
    """Return the configuration with another method and the settings that its authors published.

    Args:
        config: A preset.
        method: One of :data:`METHODS`.

    Returns:
        ``config`` itself where it has the method already.

    Raises:
        ConfigError: If there is no such method.
    """
    if method not in METHODS:
        raise ConfigError(f"objective.method: there is no {method!r}; known: {', '.join(METHODS)}")
    if method == config.objective.method:
        return config
    config = replace(
        config,
        objective=replace(config.objective, method=method),
        # a choice among starts and a prior that follows a plan belong to the preset's method
        training=replace(config.training, starts=1),
        latent=replace(config.latent, prior="fixed"),
    )
    return METHODS[method](config)


def _structured(config: RunConfig) -> RunConfig:
    return config


def _structured_semidual(config: RunConfig) -> RunConfig:
    """Ours on a dual plan: the preset's prices and optimiser; the paper of the route is arXiv 1802.08249."""
    return replace(_on_samples(config), critic=CriticConfig(steps=ASCENTS, rate=1.0))


def _structured_amortised(config: RunConfig) -> RunConfig:
    """Ours by an encoder of the code: the preset's settings."""
    return _on_samples(config)


def _semidual(config: RunConfig) -> RunConfig:
    """Keep the preset's optimiser, as `sinkhorn` does; the potential as in `structured-semidual`."""
    return replace(_general_generator(config), critic=CriticConfig(steps=ASCENTS, rate=1.0))


def _sinkhorn(config: RunConfig) -> RunConfig:
    """Keep the preset's optimiser: the plain divergence differs from ours in the price of the code alone."""
    return _general_generator(config)


def _nonsaturating(config: RunConfig) -> RunConfig:
    """DCGAN's settings on images (arXiv 1511.06434), PacGAN's on vectors (github.com/fjxmlzn/PacGAN)."""
    config = _general_generator(config)
    if is_image_config(config):
        return _optimised(config, rate=2e-4, betas=(0.5, 0.999), batch=128)
    return _optimised(config, rate=1e-4, betas=(0.8, 0.999), batch=100)


def _wgan_gp(config: RunConfig) -> RunConfig:
    """Settings of arXiv 1704.00028, algorithm 1; on vectors those of the authors' toy data (gan_toy.py)."""
    config = _general_generator(config)
    if is_image_config(config):
        config = _optimised(config, rate=1e-4, betas=(0.0, 0.9), batch=64)
        return replace(config, critic=CriticConfig(steps=5, gradient_penalty=10.0))
    config = _optimised(config, rate=1e-4, betas=(0.5, 0.9), batch=256)
    return replace(config, critic=CriticConfig(steps=5, gradient_penalty=0.1))


def _infogan(config: RunConfig) -> RunConfig:
    """Settings of the authors' MNIST experiment (github.com/openai/InfoGAN, run_mnist_exp.py)."""
    config = _optimised(_general_generator(config), rate=1e-3, betas=(0.5, 0.999), batch=128)
    return replace(config, critic=CriticConfig(rate=0.2, code_weight=(1.0, 1.0)))


def _sinkhorn_gan(config: RunConfig) -> RunConfig:
    """Settings of the authors' code (github.com/audeg/Sinkhorn-GAN) but for epsilon, which is relative here.

    RMSprop at 5e-5 is Adam without a first moment. Theirs is the middle of the batches and smoothings they tried.
    """
    config = _optimised(_general_generator(config), rate=5e-5, betas=(0.0, 0.99), batch=250)
    config = replace(config, objective=replace(config.objective, epsilon=(1.0, 1.0), max_solver_steps=100))
    return replace(config, critic=CriticConfig(features=100, clip=0.01))


def _ot_gan(config: RunConfig) -> RunConfig:
    """Settings of arXiv 1803.05573, section 5 and the authors' code, but for the batch of 8000, which needs 8 GPUs."""
    config = _optimised(_general_generator(config), rate=3e-4, betas=(0.5, 0.999), batch=256, average=0.999)
    objective = replace(config.objective, epsilon=(0.002, 0.002), absolute_epsilon=True, max_solver_steps=500)
    return replace(config, objective=objective, critic=CriticConfig(generator_steps=3, features=256))


def _beta_vae(config: RunConfig) -> RunConfig:
    """Settings of the study of arXiv 1811.12359 (github.com/google-research/disentanglement_lib) at one of its prices.

    The paper's own (Adagrad on fully connected networks, ICLR 2017) belong to other networks.
    """
    return _autoencoder(config, beta=4.0)


def _factor_vae(config: RunConfig) -> RunConfig:
    """Settings of arXiv 1802.05983, appendix A; the price is that of InfoGAN-CR's table (arXiv 1906.06034)."""
    return _autoencoder(config, beta=40.0)


def _beta_tcvae(config: RunConfig) -> RunConfig:
    """The price of arXiv 1802.04942 on dSprites; batch and rate as in the study of arXiv 1811.12359.

    The authors' code has batches of 2048 at a rate of 1e-3.
    """
    return _autoencoder(config, beta=6.0)


def _infogan_cr(config: RunConfig) -> RunConfig:
    """Settings of the authors' experiment on dSprites (github.com/fjxmlzn/InfoGAN-CR), where the gap is 0.

    They train for 322,560 visits of the critic, two updates of the generator each, with the contrast from 288,000 on.
    """
    config = _optimised(_general_generator(config), rate=1e-3, betas=(0.5, 0.999), batch=64)
    critic = CriticConfig(
        rate=2.0,
        generator_steps=2,
        code_weight=(0.05, 0.05),
        contrast=2.0,
        contrast_from=round(288_000 / 322_560, 3),
    )
    return replace(config, critic=critic, latent=LatentConfig(uniform=5, noise=5))


METHODS: dict[str, Callable[[RunConfig], RunConfig]] = {
    "structured": _structured,
    "structured-semidual": _structured_semidual,
    "structured-amortised": _structured_amortised,
    "sinkhorn": _sinkhorn,
    "semidual": _semidual,
    "nonsaturating": _nonsaturating,
    "wgan-gp": _wgan_gp,
    "infogan": _infogan,
    "sinkhorn-gan": _sinkhorn_gan,
    "ot-gan": _ot_gan,
    "infogan-cr": _infogan_cr,
    "beta-vae": _beta_vae,
    "factor-vae": _factor_vae,
    "beta-tcvae": _beta_tcvae,
}
"""What each method changes in a configuration."""


def _on_samples(config: RunConfig) -> RunConfig:
    """Hold the plan on samples; images, whose presets hold it by an encoder, get the ratio of prices of vectors."""
    if config.objective.plan == "sample":
        return config
    config = _general_generator(config)
    return replace(config, objective=replace(config.objective, epsilon_code_ratio=CODE_RATIO))


def _general_generator(config: RunConfig) -> RunConfig:
    """Give images the convolutional generator, as the deformable one has its noise from the structured method.

    Every such method holds its plans, where it has any, on samples, and its codes cost what noise costs: they have no
    order. A law of the noise is learned under primal plans alone, and the ground cost of a preset for one stays there.
    """
    cost = "pixel" if config.objective.plan == "primal" else config.objective.cost
    objective = replace(config.objective, plan="sample", cost=cost, epsilon_code_ratio=(1.0, 1.0))
    # a plan on samples needs draws of the noise
    noise = IMAGE_NOISE if config.latent.noise == 0 else config.latent.noise
    latent = replace(config.latent, ordered=False, noise_law="fixed", noise=noise)
    config = replace(config, objective=objective, latent=latent)
    if config.model.generator != "deformable":
        return config
    return replace(
        config,
        model=replace(
            config.model, generator="convolutional", code_deformations=(), code_tints=0, code_blends=0
        ),
        latent=replace(config.latent, noise=IMAGE_NOISE),
    )


def _autoencoder(config: RunConfig, *, beta: float) -> RunConfig:
    """Give the method a normal code and no noise, and the optimiser that papers on disentanglement share."""
    config = _optimised(_general_generator(config), rate=1e-4, betas=(0.9, 0.999), batch=64)
    latent = LatentConfig(normal=AUTOENCODER_CODE, noise=0)
    return replace(config, latent=latent, objective=replace(config.objective, beta=beta))


def _optimised(
    config: RunConfig, *, rate: float, betas: tuple[float, float], batch: int, average: float = 0.0
) -> RunConfig:
    """Set Adam to a constant rate, and the weight average (none: the last weights)."""
    training = replace(
        config.training,
        learning_rate=rate,
        final_learning_rate=rate,
        adam_betas=betas,
        batch_size=batch,
        ema_decay=average,
        ema_from=0.0,
    )
    # The small gain of the noise belongs to plans; a critic sees shapes, and needs the noise at full scale. Against it
    # a normalised generator swings: after 800 steps on a Gaussian W2 is twice to four times as far.
    return replace(config, training=training, model=replace(config.model, noise_gain=1.0, normalise=False))
