"""The informative GAN as an estimator with scikit-learn's conventions."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from infot import ot
from infot.assembly import build_latents
from infot.config import DataConfig, RunConfig
from infot.config_file import config_from_plain
from infot.data import ARRAY, array_dataset, array_examples
from infot.errors import ConfigError, DivergenceWarning, ProblemError
from infot.model import TrainedModel
from infot.models.blocks import Block, Categorical, Circle, Normal, Uniform
from infot.session import Session, session_on, trained_model
from infot.training import Callback
from infot.training.callbacks import Progress, TimeLimit

__all__ = ["InformativeGAN"]

_PRESETS = {"vectors": "custom", "images": "mnist5k"}  # whose settings suit data of the user's own
_ORDER = (Categorical, Circle, Uniform, Normal)


class InformativeGAN(ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, BaseEstimator):
    """Learn a generator whose code is informative, and the transport plan that reads codes of data.

    Vectors start from the settings of the preset ``custom`` (and are standardised), images from those of ``mnist5k``.
    :meth:`fit` trains exactly as ``infot train`` does, without a run folder.

    Args:
        code: The informative latent: a number of categories, a block (:class:`Categorical`, :class:`Circle`,
            :class:`Uniform`, :class:`Normal`), or several blocks in that order.
        method: ``"structured"``, or a method to compare with.
        epsilon_code_ratio: Price of a nat of information through the code relative to that through the noise, the knob
            of informativeness: a number, or one at the start and one at the end of training.
        steps: Number of generator updates.
        n_init: Number of starts; the one whose code tells most of the data, I(c;x) under the plan, goes on (structured
            methods). Each further one costs ``training.starts_until`` of a training, 0.3.
        batch_size: Data points in a batch; left out, the preset's, or all data where they are fewer.
        learning_rate: Adam's learning rate at the start.
        cost: Ground cost between flattened data in the model's units, any :class:`infot.ot.Cost`; left out, the
            squared distance. A saved model does not hold it: ``infot.load(folder, cost=...)``.
        device: ``"cpu"``, ``"cuda"``, ``"mps"`` or ``"auto"`` (cuda where there is one).
        config: Any other field of the configuration, as in a configuration file: nested by section, for instance
            ``{"objective": {"noise_per_code": 16}}``; ``{"preset": NAME}`` starts from other settings.
        random_state: An integer is the seed of the run; a ``RandomState`` draws one, None draws one at random.
        verbose: Show how far training is.

    What is left out keeps the preset's value.

    Attributes:
        model_: The :class:`~infot.model.TrainedModel`.
        config_: The resolved configuration.
        labels_: Code index of each training datum, where the code is categorical and the method reads codes.
        n_features_in_: Number of values in a datum.
        feature_names_in_: Names of the columns, where ``X`` was a data frame.

    Example:
        >>> import numpy as np
        >>> from infot import Categorical, InformativeGAN
        >>> X = np.concatenate([np.random.default_rng(0).normal(m, 0.1, size=(50, 2)) for m in (0, 5)])
        >>> small = {"model": {"width": 16, "depth": 1}}
        >>> model = InformativeGAN(code=Categorical(2), steps=60, config=small, random_state=0).fit(X)
        >>> model.predict(X).shape, model.sample(4, code=1).shape
        ((100,), (4, 2))
    """

    model_: TrainedModel
    config_: RunConfig
    n_features_in_: int

    def __init__(  # noqa: PLR0913  # scikit-learn's convention: every setting is a parameter
        self,
        code: int | Block | Sequence[Block] = 10,
        *,
        method: str = "structured",
        epsilon_code_ratio: float | tuple[float, float] | None = None,
        steps: int | None = None,
        n_init: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        cost: ot.Cost | None = None,
        device: str | None = None,
        config: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.code = code
        self.method = method
        self.epsilon_code_ratio = epsilon_code_ratio
        self.steps = steps
        self.n_init = n_init
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.cost = cost
        self.device = device
        self.config = config
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Train on ``X``.

        Args:
            X: Vectors (n, d) in units of the user's own, or images (n, h, w) or (n, channels, h, w) with 1 or 3
                channels and values in [0, 1] (or unsigned integers).
            y: Ignored, as scikit-learn's conventions have it.

        Raises:
            ValueError: If ``X`` is not finite, has another shape, or fewer rows than there are codes.
            ConfigError: If the parameters cannot be run.
            NumericalError: If training diverged.
        """
        names = _column_names(X)
        points = check_array(X, allow_nd=True, ensure_min_samples=2, estimator=self)
        config = self._resolved(points)
        dataset = array_dataset(points, standardise=config.data.standardise, feature_names=names)
        _check_count(len(points), build_latents(config, dataset.shape).n_codes)
        session = session_on(dataset, config, self.cost)
        session.fit(self._callbacks(session))
        _warn_of_divergence(session)
        self._forget()
        self.config_, self.model_ = config, trained_model(session)
        self._shape: tuple[int, ...] = points.shape[1:]
        self.n_features_in_ = math.prod(self._shape)
        if names:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        if self.model_.coder is not None and session.latents.n_codes is not None:
            self.labels_ = self.predict(X)
        return self

    def fit_predict(self, X: ArrayLike, y: object = None, **kwargs: object) -> NDArray[np.int64]:
        """Train on ``X`` and return the code index of each of its rows."""
        return self.fit(X).predict(X)

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the index of the likeliest code of each datum, by the plan, shape (n,).

        Raises:
            NotFittedError: Before :meth:`fit`.
            ConfigError: If the code has a continuous block, or the method reads no codes.
        """
        points = self._points(X)
        if self.model_.latents.n_codes is None:
            raise ConfigError(
                "predict: a code with a continuous block has no index; transform returns its mean"
            )
        return self.model_.encode(points).code.numpy()

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return what the plan tells of each datum's code.

        Returns:
            For categorical codes the probability of every code value, shape (n, k), rows summing to 1; for codes with
            a continuous block the mean of the code vector, shape (n, code_dim).
        """
        points = self._points(X)
        found = self.model_.encode(points)
        return (found.mean if self.model_.latents.n_codes is None else found.posterior).numpy()

    def sample(
        self,
        n: int = 1,
        code: int | Sequence[float] | None = None,
        rng: int | torch.Generator = 0,
    ) -> NDArray[np.float32]:
        """Draw data shaped as those of :meth:`fit`, (n, \\*shape): vectors in their units, images in [0, 1].

        Args:
            n: How many.
            code: Code that all share, see :meth:`TrainedModel.sample`; None: codes are drawn from the prior.
            rng: Seed or CPU generator of codes and noise.
        """
        check_is_fitted(self, "model_")
        code = int(code) if isinstance(code, Integral) else code
        drawn = self.model_.unscale(self.model_.sample(n, code, rng))
        return drawn.reshape(n, *self._shape).numpy()

    def plan(self, X: ArrayLike) -> ot.Plan:
        """Return the transport plan between latents (rows, code by code) and ``X`` (columns).

        It is the plan of training carried to ``X`` (:func:`infot.ot.carried_plan`): its conditional given a datum,
        summed over the noise of each code, is what :meth:`transform` returns for that datum.

        Raises:
            NotFittedError: Before :meth:`fit`.
            ConfigError: If the method holds no plan.
        """
        points = self._points(X)
        return self.model_.plan(points)

    def save(self, folder: Path | str) -> None:
        """Write the model to a folder; ``infot.load(folder)`` reads it as a :class:`TrainedModel`."""
        check_is_fitted(self, "model_")
        self.model_.save(folder)

    @property
    def _n_features_out(self) -> int:
        latents = self.model_.latents
        return latents.code_dim if latents.n_codes is None else latents.n_codes

    def _points(self, X: ArrayLike) -> Tensor:
        """Return new data in the model's units."""
        check_is_fitted(self, "model_")
        names = _column_names(X)
        known = tuple(getattr(self, "feature_names_in_", ()))
        if names and known and names != known:
            raise ProblemError(
                f"expected the columns of fit, in their order: {', '.join(known)}; got {', '.join(names)}"
            )
        points = check_array(X, allow_nd=True, estimator=self)
        if points.shape[1:] != self._shape:
            raise ProblemError(_misfit(points.shape[1:], self._shape))
        return array_examples(points, scaling=self.model_.data.scaling)

    def _resolved(self, points: NDArray[Any]) -> RunConfig:
        """Return the configuration: a preset by the kind of data, then ``config``, then the named parameters."""
        given = {} if self.config is None else self.config
        if not isinstance(given, Mapping):
            raise ConfigError(f"config: expected fields by section, a dictionary, got {type(given).__name__}")
        data = given.get("data")
        foreign = set(data) - {"standardise"} if isinstance(data, Mapping) else set()
        if foreign:
            raise ConfigError(f"config: data.{min(foreign)}: fit is given the data itself: leave it out")
        preset = {"preset": _PRESETS["vectors" if points.ndim == 2 else "images"]}
        plain = _merged(preset | dict(given), self._named(given))
        config = config_from_plain(plain)
        config = replace(config, data=DataConfig(name=ARRAY, standardise=config.data.standardise))
        if "batch_size" in plain["training"]:
            return config
        batch_size = min(config.training.batch_size, len(points))
        return replace(config, training=replace(config.training, batch_size=batch_size))

    def _named(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as fields of the configuration."""
        ratio = _plain(self.epsilon_code_ratio)
        ends = (ratio, ratio) if isinstance(ratio, float | int) else ratio
        objective = {
            "method": self.method,
            "epsilon_code_ratio": ends,
            "cost": None if self.cost is None else "given",
        }
        training = {
            "steps": self.steps,
            "starts": self.n_init,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "device": self.device,
        }
        seed = {} if self.random_state is None and "seed" in given else {"seed": _seed(self.random_state)}
        return {
            **seed,
            "latent": _latent_fields(self.code),
            "objective": {name: value for name, value in objective.items() if value is not None},
            "training": {name: _plain(value) for name, value in training.items() if value is not None},
        }

    def _callbacks(self, session: Session) -> list[Callback]:
        training, kind = session.config.training, session.dataset.kind
        callbacks: list[Callback] = []
        if self.verbose:
            unit = "images" if kind == "images" else "examples"
            callbacks.append(
                Progress(
                    steps=session.schedule.total,
                    every=training.log_every,
                    unit=unit,
                    starts=session.schedule.starts,
                )
            )
        if training.max_minutes is not None:
            callbacks.append(TimeLimit(training.max_minutes))
        return callbacks

    def _forget(self) -> None:
        """Drop what an earlier fit may have found and this one may not."""
        for name in ("labels_", "feature_names_in_"):
            self.__dict__.pop(name, None)


def _warn_of_divergence(session: Session) -> None:
    for index, outcome in enumerate(session.state.starts.outcomes):
        if outcome.error is not None:
            told = f"start {index + 1} of {session.schedule.starts} {outcome}; another one went on"
            warnings.warn(told, DivergenceWarning, stacklevel=3)


def _column_names(X: ArrayLike) -> tuple[str, ...]:
    """Return the names of a data frame's columns where all are text, as scikit-learn's conventions have it."""
    names = tuple(getattr(X, "columns", ()))
    return names if all(isinstance(name, str) for name in names) else ()


def _misfit(got: tuple[int, ...], known: tuple[int, ...]) -> str:
    if len(got) == len(known) == 1:
        return f"X has {got[0]} features, but InformativeGAN is expecting {known[0]} features as input, as in fit"
    return f"X has data of shape {got}, but InformativeGAN is expecting data of shape {known}, as in fit"


def _check_count(n: int, n_codes: int | None) -> None:
    if n_codes is not None and n < n_codes:
        raise ProblemError(
            f"expected at least as many data as code values, {n_codes}, got n_samples = {n}: "
            "give more data, or a smaller code"
        )


def _seed(random_state: int | np.random.RandomState | None) -> int:
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _plain(value: Any) -> Any:
    """Return numbers of numpy, which grids of parameters are made of, as Python's own."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _latent_fields(code: int | Block | Sequence[Block]) -> dict[str, Any]:
    """Return the fields of a configuration that describe a code.

    Raises:
        ConfigError: If a configuration cannot.
    """
    if isinstance(code, int | Integral):
        blocks: list[Block] = [Categorical(int(code))]
    else:
        blocks = list(code) if isinstance(code, Sequence) else [code]
    kinds = [type(block) for block in blocks]
    if not all(kind in _ORDER for kind in kinds) or kinds != sorted(kinds, key=_ORDER.index):
        raise ConfigError(
            "code: expected a number of categories, or blocks in the order Categorical, Circle, Uniform, Normal, "
            f"got {code!r}"
        )
    if any(isinstance(block, Categorical) and block.weights is not None for block in blocks):
        raise ConfigError("code: expected categories of equal prior weight; leave out the weights")
    circles = [block for block in blocks if isinstance(block, Circle)]
    if len(set(circles)) > 1:
        raise ConfigError(f"code: expected circles of one number of sectors, got {code!r}")
    return {
        **({"circle": len(circles), "sectors": circles[0].sectors} if circles else {"circle": 0}),
        "categorical": tuple(block.n for block in blocks if isinstance(block, Categorical)),
        "uniform": sum(block.size for block in blocks if isinstance(block, Uniform)),
        "normal": sum(block.size for block in blocks if isinstance(block, Normal)),
    }


def _merged(base: Mapping[str, Any], named: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return ``base`` with the named fields added.

    Raises:
        ConfigError: If a field is in both.
    """
    merged = dict(base)
    for name, value in named.items():
        if isinstance(value, Mapping) and isinstance(base.get(name, {}), Mapping):
            merged[name] = _merged(base.get(name, {}), value, f"{prefix}{name}.")
        elif name in base:
            raise ConfigError(f"config: {prefix}{name} has a parameter of its own, got both: keep one")
        else:
            merged[name] = value
    return merged
