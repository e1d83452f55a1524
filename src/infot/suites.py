"""Suites of `infot compare`: which methods meet on which presets, and what their papers report. Torch-free."""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from infot.config import LatentConfig, RunConfig
from infot.config_file import nearest, preset_config
from infot.errors import ConfigError
from infot.methods import AUTOENCODERS, CONTINUOUS, METHODS, with_method
from infot.presets import PRESETS

__all__ = ["SUITES", "Contestant", "Suite", "find_suite"]

LONGER = 10
"""Factor on the steps of the rows that are given more than the structured method."""

GAN_UNITS = 128
"""Units of the layer between convolutions and code in InfoGAN-CR's networks (github.com/fjxmlzn/InfoGAN-CR)."""

AUTOENCODER_UNITS = 256
"""The same in the autoencoders of the study of arXiv 1811.12359."""

Change = Callable[[RunConfig], RunConfig]


def _unchanged(config: RunConfig) -> RunConfig:
    return config


@dataclass(frozen=True)
class Contestant:
    """A row of a leaderboard: a method, and what is changed of its settings.

    Attributes:
        name: What the row is called, and part of the names of its run folders.
        method: One of :data:`infot.methods.METHODS`.
        change: Applied to the configuration of the method.
        knobs: Factors by which a study of stability moved the settings; empty otherwise.
    """

    name: str
    method: str
    change: Change = _unchanged
    knobs: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def config(self, preset: str) -> RunConfig:
        """Return the configuration of this row on a preset."""
        return self.change(with_method(preset_config(preset), self.method))


@dataclass(frozen=True)
class Suite:
    """A comparison.

    Attributes:
        name: Its name.
        presets: The data, by preset.
        contestants: The rows.
        seeds: Seeds of each row where the caller names no number.
        scores: For a study of stability, the metric by which a run counts as good on each preset.
    """

    name: str
    presets: tuple[str, ...]
    contestants: tuple[Contestant, ...]
    seeds: int = 5
    scores: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def restricted(self, methods: Iterable[str] = (), presets: Iterable[str] = ()) -> "Suite":
        """Return the suite with some of its rows and some of its presets.

        A row is chosen by its name; what is no row's name chooses all rows of that method.

        Raises:
            ConfigError: If a name is not of this suite.
        """
        methods, presets = tuple(methods), tuple(presets)
        known = list(dict.fromkeys([c.name for c in self.contestants] + [c.method for c in self.contestants]))
        _check_known("--methods", methods, known)
        _check_known("--presets", presets, self.presets)
        names = {c.name for c in self.contestants} & set(methods)
        of_methods = set(methods) - names
        rows = tuple(c for c in self.contestants if not methods or c.name in names or c.method in of_methods)
        return replace(
            self, contestants=rows, presets=tuple(p for p in self.presets if not presets or p in presets)
        )


def _check_known(option: str, names: tuple[str, ...], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{option}: there is no {name!r} in this suite; {nearest(name, known)}")


def find_suite(name: str) -> Suite:
    """Return a suite by name; the name of a preset gives a comparison of the plain methods on it alone.

    Raises:
        ConfigError: If there is neither.
    """
    if name in SUITES:
        return SUITES[name]
    if name in PRESETS:
        return Suite(name, (name,), _PLAIN)
    known = [*SUITES, *PRESETS]
    raise ConfigError(f"there is no suite {name!r}; {nearest(name, known)}")


def _packed(pack: int) -> Change:
    """Judge packs of samples; a batch holds as many packs as it held samples, as in PacGAN's code."""

    def change(config: RunConfig) -> RunConfig:
        size = config.training.batch_size * pack
        return replace(
            config,
            critic=replace(config.critic, pack=pack),
            training=replace(config.training, batch_size=size),
        )

    return change


def _longer(config: RunConfig) -> RunConfig:
    """Train ten times as long: on vectors these methods then take about the time that the structured one does."""
    return replace(config, training=replace(config.training, steps=LONGER * config.training.steps))


def _deformable(config: RunConfig) -> RunConfig:
    """Give a method the generator of the structured one on images, noise included."""
    return replace(
        config,
        model=replace(config.model, generator="deformable"),
        latent=replace(config.latent, noise=None),
    )


def _uniform_code(config: RunConfig) -> RunConfig:
    """Give InfoGAN the latent that it has on dSprites in the papers: five uniform codes, five dimensions of noise."""
    return replace(config, latent=LatentConfig(uniform=5, noise=5))


def _compact(width: int) -> Change:
    """Give a method the small networks that the papers have on dSprites, with one hidden layer of ``width`` units."""

    def change(config: RunConfig) -> RunConfig:
        return replace(config, model=replace(config.model, generator="compact", width=width))

    return change


def _convolutional(config: RunConfig) -> RunConfig:
    """Give the structured method a convolutional generator: nothing says what a dimension of the code means."""
    return replace(
        config,
        model=replace(config.model, generator="posed", code_deformations=(), code_tints=0),
        latent=replace(config.latent, noise=0, noise_law="fixed"),
    )


def _fixed_prior(config: RunConfig) -> RunConfig:
    """Hold every batch to equal shares of the codes."""
    objective = replace(config.objective, relaxation=None)
    return replace(config, objective=objective, latent=replace(config.latent, prior="fixed"))


def _relaxed_prior(config: RunConfig) -> RunConfig:
    """Let each batch leave the equal shares at a price, from which codes are still drawn."""
    return replace(config, latent=replace(config.latent, prior="fixed"))


def _learned_prior(config: RunConfig) -> RunConfig:
    """Let the shares from which codes are drawn follow those of the batches."""
    return replace(config, latent=replace(config.latent, prior="learned"))


def _between(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return the geometric means of the first and of the second numbers."""
    first, second = zip(*pairs, strict=True)
    return math.prod(first) ** (1 / len(first)), math.prod(second) ** (1 / len(second))


def _knobs_of(*others: RunConfig) -> Change:
    """Set the three knobs (docs/knobs.md) as another configuration has them, or between those of several."""

    def change(config: RunConfig) -> RunConfig:
        objective = replace(
            config.objective,
            epsilon=_between(other.objective.epsilon for other in others),
            epsilon_code_ratio=_between(other.objective.epsilon_code_ratio for other in others),
        )
        rates = ((other.training.learning_rate, other.training.final_learning_rate) for other in others)
        first, last = _between(rates)
        training = replace(config.training, learning_rate=first, final_learning_rate=last)
        return replace(config, objective=objective, training=training)

    return change


_PLAIN = tuple(Contestant(method, method) for method in METHODS if method not in CONTINUOUS)
_PACGAN = tuple(Contestant(f"pacgan{pack}", "nonsaturating", _packed(pack)) for pack in (2, 4))
_LONGER = (
    Contestant("nonsaturating-long", "nonsaturating", _longer),
    Contestant("pacgan2-long", "nonsaturating", lambda config: _longer(_packed(2)(config))),
    Contestant("infogan-long", "infogan", _longer),
)
_DISENTANGLERS = (
    Contestant("structured", "structured"),
    Contestant("structured-convolutional", "structured", _convolutional),
    Contestant("infogan", "infogan", lambda config: _compact(GAN_UNITS)(_uniform_code(config))),
    Contestant("infogan-cr", "infogan-cr", _compact(GAN_UNITS)),
    *(Contestant(method, method, _compact(AUTOENCODER_UNITS)) for method in AUTOENCODERS),
)
_SAME_GENERATOR = Contestant("infogan-deformable", "infogan", _deformable)


def _scaled(config: RunConfig, knobs: Mapping[str, float]) -> RunConfig:
    """Move the knobs of a study of stability by factors."""

    def pair(values: tuple[float, float], factor: float) -> tuple[float, float]:
        return values[0] * factor, values[1] * factor

    objective, training, critic = config.objective, config.training, config.critic
    rate = knobs.get("learning_rate", 1.0)
    training = replace(
        training,
        learning_rate=training.learning_rate * rate,
        final_learning_rate=training.final_learning_rate * rate,
    )
    objective = replace(
        objective,
        epsilon=pair(objective.epsilon, knobs.get("epsilon", 1.0)),
        epsilon_code_ratio=pair(objective.epsilon_code_ratio, knobs.get("epsilon_code_ratio", 1.0)),
    )
    critic = replace(
        critic,
        code_weight=pair(critic.code_weight, knobs.get("code_weight", 1.0)),
        rate=critic.rate * knobs.get("critic_rate", 1.0),
        clip=critic.clip * knobs.get("clip", 1.0),
    )
    return replace(config, objective=objective, training=training, critic=critic)


def _at(method: str, knobs: Mapping[str, float]) -> Contestant:
    told = " ".join(f"{name}x{factor:.3g}" for name, factor in knobs.items())
    return Contestant(f"{method} {told}", method, lambda config: _scaled(config, knobs), knobs)


def _grid(method: str, **factors: tuple[float, ...]) -> Iterable[Contestant]:
    for point in itertools.product(*factors.values()):
        yield _at(method, dict(zip(factors, point, strict=True)))


_DECADES = (1 / 30, 1.0, 30.0)  # three decades around the default
_DOWN = (
    1 / 100,
    1 / 10,
    1.0,
    10.0,
)  # a ratio of prices beyond 1 rewards nothing: at most ten times the default

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("gaussians", ("ring8", "grid25"), (*_PLAIN, *_PACGAN, *_LONGER), seeds=10),
        Suite("mnist5k", ("mnist5k",), (*_PLAIN, _SAME_GENERATOR)),
        Suite("mnist", ("mnist",), (*_PLAIN, _SAME_GENERATOR)),
        Suite(
            "balance",
            (
                "ring8-unbalanced",
                "mnist5k-unbalanced",
                "mnist5k-20codes",
                "mnist-unbalanced",
                "mnist-20codes",
            ),
            (
                Contestant("fixed", "structured", _fixed_prior),
                Contestant("relaxed", "structured", _relaxed_prior),
                Contestant("learned", "structured", _learned_prior),
            ),
            seeds=3,
        ),
        Suite(
            "defaults",
            ("ring8", "wine", "iris", "digits", "mnist5k"),
            (
                Contestant("own", "structured"),
                Contestant("defaults", "structured", _knobs_of(RunConfig())),
                Contestant("as-ring8", "structured", _knobs_of(PRESETS["ring8"])),
                Contestant("between", "structured", _knobs_of(PRESETS["ring8"], PRESETS["mnist5k"])),
            ),
            seeds=3,
        ),
        Suite(
            "disentanglement",
            ("sprites", "sprites-noise", "sprites-colour", "xyobject", "squares"),
            _DISENTANGLERS,
        ),
        Suite(
            "stability",
            ("ring8", "mnist5k"),
            (
                *_grid("structured", epsilon=_DECADES, epsilon_code_ratio=_DOWN, learning_rate=_DECADES),
                *_grid("infogan", code_weight=_DECADES, critic_rate=_DECADES, learning_rate=_DECADES),
                *_grid("sinkhorn-gan", epsilon=_DECADES, clip=_DECADES, learning_rate=_DECADES),
            ),
            seeds=3,
            scores=MappingProxyType({"ring8": "high_quality", "mnist5k": "accuracy"}),
        ),
    )
}
"""Suites by name."""
