"""A trained model: generates from codes, reads codes of data, lives in a folder of its own."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from infot import ot
from infot.assembly import build_coder, build_latents, build_nets
from infot.atomic import disk_errors, write_text
from infot.code_vector import code_vector
from infot.config import RunConfig
from infot.config_file import config_from_plain, config_to_plain
from infot.coordinate_names import code_names, noise_names
from infot.data_shape import DataShape
from infot.errors import CheckpointError, ConfigError, ProblemError
from infot.model_card import model_card
from infot.model_folder import CARD, FACTS, WEIGHTS, check_takes_model, find_model
from infot.models.encoders import GaussianNoise
from infot.models.latents import LatentSpace
from infot.models.priors import learned_latents
from infot.objectives.base import Coder, Partners, PlanCoder
from infot.random import Streams
from infot.training.tensorfile import load_weights, read_tensors, write_tensors

__all__ = ["DataShape", "Encoding", "TrainedModel", "load"]

FORMAT = "infot-model"
VERSION = 1
CHUNK = 1024  # points handled at once


class Encoding(NamedTuple):
    """The codes of data.

    Attributes:
        code: Index of the likeliest code value of each datum, shape ``(n,)``, int64.
        posterior: Probability of every code value given each datum, shape ``(n, k)``; where the code has a continuous
            block, of the code draws that the plan is held on.
        mean: Mean of the code given each datum, shape ``(n, code_dim)``: for continuous codes, the code.
    """

    code: Tensor
    posterior: Tensor
    mean: Tensor


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """The networks of a finished run (averaged weights) with what reads codes off the plan.

    Arrays are in the model's units: images in [0, 1], tables standardised if they were trained so; see :meth:`scale`
    and :meth:`unscale`. Nothing here needs the training data or the trainer.

    Attributes:
        config: The configuration of the run.
        latents: The latent space.
        nets: The networks, in evaluation mode.
        coder: Reads codes off the plan, or None where the objective has none.
        data: Shape and scaling of the data.
        steps: Number of steps trained, those of every start among them.
    """

    config: RunConfig
    latents: LatentSpace
    nets: nn.ModuleDict
    coder: Coder | None
    data: DataShape
    steps: int = 0

    @property
    def holds_plan(self) -> bool:
        """Whether codes are read off a transport plan, which also rebuilds data."""
        return isinstance(self.coder, PlanCoder)

    @property
    def route(self) -> str:
        """What codes of data are read by, in words that end a sentence."""
        return self._coder().route

    @property
    def code_names(self) -> tuple[str, ...]:
        """A name for each coordinate of the code."""
        return code_names(self.latents, self.config.model)

    @property
    def noise_names(self) -> tuple[str, ...]:
        """A name for each coordinate of the noise."""
        return noise_names(self.latents, self.config.model, self.data.shape)

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return next(self.nets.parameters()).device

    def generate(self, code: Tensor, noise: Tensor) -> Tensor:
        """Return generated data.

        Args:
            code: Shape ``(n, code_dim)``.
            noise: Shape ``(n, noise_dim)``.

        Returns:
            Shape ``(n, *shape)``, on the CPU.

        Raises:
            ProblemError: If the shapes do not fit the latent space.
        """
        wanted = (self.latents.code_dim, self.latents.noise_dim)
        if (
            code.ndim != 2
            or noise.ndim != 2
            or (code.shape[1], noise.shape[1]) != wanted
            or len(code) != len(noise)
        ):
            raise ProblemError(
                f"expected code (n, {wanted[0]}) and noise (n, {wanted[1]}), "
                f"got {tuple(code.shape)} and {tuple(noise.shape)}"
            )
        return self._in_chunks(lambda c, e: self.nets["generator"](c, e), code, noise)

    def sample(
        self, n: int, code: int | Sequence[float] | Tensor | None = None, rng: int | torch.Generator = 0
    ) -> Tensor:
        """Draw ``n`` data points.

        Args:
            n: How many.
            code: The code that all share: an index into the table of code values, one value for each block (indices of
                categorical blocks, coordinates of continuous ones), or a code vector ``(code_dim,)``; None: codes are
                drawn from the prior.
            rng: Seed or CPU generator of codes and noise.

        Returns:
            Shape ``(n, *shape)``, on the CPU.
        """
        if not isinstance(n, Integral) or n < 1:
            raise ProblemError(f"expected a number of samples, at least 1, got {n}")
        rng = Streams(rng)("sample") if isinstance(rng, int) else rng
        latent = self.latents.sample(n, rng)
        codes = latent.code if code is None else self.code_vector(code).expand(n, -1)
        return self.generate(codes, latent.noise)

    def code_vector(self, code: int | Sequence[float] | Tensor) -> Tensor:
        """Return the code vector, shape ``(code_dim,)``, that ``code`` means; see :meth:`sample`.

        Raises:
            ConfigError: If there is no such code.
        """
        return code_vector(self.latents, code)

    def posterior(self, x: Tensor) -> Tensor:
        """Return the probability of every code value given each datum, shape ``(n, k)``; rows sum to 1.

        By the plan, or by the recognition network of methods that have one.

        Args:
            x: Data in the model's units, shape ``(n, *shape)``.
        """
        return self._in_chunks(self._coder().posterior, self._checked(x))

    def by_category(self, posterior: Tensor) -> Tensor | None:
        """Sum a posterior over the code values of each category, shape ``(n, n_categories)``.

        Args:
            posterior: As from :meth:`posterior`, shape ``(n, k)``.

        Returns:
            None where the code has no categorical block.
        """
        if not self.latents.categorical:
            return None
        index = self.latents.category_index(self._coder().code_values.cpu())
        total = posterior.new_zeros(len(posterior), len(self.latents.category_weights()))
        return total.index_add_(1, index, posterior)

    def code_laws(self, x: Tensor) -> GaussianNoise | None:
        """Return the normal laws of the code's coordinates within their charts; see :meth:`Coder.laws`."""
        coder = self._coder()
        found = [coder.laws(part.to(self.device)) for part in self._checked(x).split(CHUNK)]
        held = [law for law in found if law is not None]
        if not held:
            return None
        return GaussianNoise(*(torch.cat(pieces).cpu() for pieces in zip(*held, strict=True)))

    def encode(self, x: Tensor, route: str | None = None) -> Encoding:
        """Return the code of each datum and its posterior.

        Args:
            x: As in :meth:`posterior`.
            route: ``"plan"`` or ``"encoder"`` where a model has both; left out, that of :attr:`route`.

        Raises:
            ConfigError: If the model has no such route.
        """
        coder, parts = self._coder_by(route), self._checked(x).split(CHUNK)
        with torch.no_grad():
            found = [coder.read(part.to(self.device)) for part in parts]
        posterior, mean = (torch.cat(pieces).cpu() for pieces in zip(*found, strict=True))
        return Encoding(posterior.argmax(1), posterior, mean)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return what the plan couples with each datum, shape of ``x``."""
        return self._in_chunks(self._plan_coder().reconstruct, self._checked(x))

    def plan(self, x: Tensor) -> ot.Plan:
        """Return the transport plan between latents and ``x`` under the potentials of training.

        Rows are latents, code by code, weighed as ``x`` uses them; columns are data, each of weight ``1 / n``. Where an
        encoder holds the plan, rows are codes and the cost holds what the noise costs.

        Args:
            x: Data in the model's units, shape ``(n, *shape)``.

        Returns:
            The plan: ``plan.conditional()`` summed over the noise of each code is the posterior of :meth:`encode`.
        """
        with torch.no_grad():
            return self._plan_coder().plan(self._checked(x).to(self.device))

    def partners(self, x: Tensor, count: int) -> Partners:
        """Return the heaviest couplings of each datum under the plan; see :class:`Partners`."""
        coder, parts = self._plan_coder(), self._checked(x).split(CHUNK)
        with torch.no_grad():
            found = [coder.partners(part.to(self.device), count) for part in parts]
        return Partners(*(torch.cat(pieces).cpu() for pieces in zip(*found, strict=True)))

    def scale(self, x: Tensor) -> Tensor:
        """Bring data from the user's units to the model's."""
        return x.float() if self.data.scaling is None else self.data.scaling.apply(x)

    def unscale(self, x: Tensor) -> Tensor:
        """Bring data from the model's units to the user's."""
        return x if self.data.scaling is None else self.data.scaling.undo(x)

    def to(self, device: torch.device | str) -> "TrainedModel":
        """Move the networks and return the model."""
        self.nets.to(device)
        if self.coder is not None:
            self.coder.to(device)
        return self

    def save(self, folder: Path | str, metrics: Mapping[str, float] | None = None) -> None:
        """Write ``weights.safetensors``, ``config.json`` and the model card ``README.md``.

        A folder that holds a model already is replaced once the new one is complete; no other file is ever lost.

        Args:
            folder: Where to: a new folder, an empty one, or that of another model.
            metrics: Headline metrics for the card.

        Raises:
            RunFolderError: If there is something else than a model at this place, or the disk refuses.
        """
        folder = Path(folder)
        check_takes_model(folder)
        fresh = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
        old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
        with disk_errors(folder):
            try:
                shutil.rmtree(fresh, ignore_errors=True)
                fresh.mkdir(parents=True)
                write_tensors(fresh / WEIGHTS, self._tensors(), self._facts(), notes=fresh / FACTS)
                write_text(fresh / CARD, self._card(metrics or {}))
                if folder.exists():
                    folder.rename(old)
                fresh.rename(folder)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
                if old.exists() and not folder.exists():
                    old.rename(folder)
                shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def load(
        cls, folder: Path | str, device: torch.device | str = "cpu", cost: ot.Cost | None = None
    ) -> "TrainedModel":
        """Read a model; weights only, checked against their digest, never unpickled.

        Args:
            folder: The model's folder, or the run folder that holds it as ``model``.
            device: Where the networks go.
            cost: The ground cost of a model that was trained with one of the user's own.

        Raises:
            CheckpointError: If there is no model, it is damaged or made by something else, or its cost is missing.
        """
        path = find_model(Path(folder))
        stored = read_tensors(path / WEIGHTS, notes=path / FACTS, form=FORMAT, version=VERSION)
        try:
            config = config_from_plain(stored.facts["config"])
            data = DataShape.from_plain(stored.facts["data"], _group("scaling", stored.tensors))
            steps = int(stored.facts["steps"])
        except (ConfigError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path / FACTS} does not describe a model: {error}") from error
        with torch.random.fork_rng(devices=[]):  # building draws weights that are overwritten at once
            nets = build_nets(config, data.shape)
        load_weights(nets, _group("nets", stored.tensors))
        nets.requires_grad_(False).eval()
        parts = _group("coder", stored.tensors)
        latents = learned_latents(build_latents(config, data.shape), nets)
        coder = build_coder(config, latents, nets, parts, cost).eval() if parts else None
        return cls(config, latents, nets, coder, data, steps).to(device)

    def _coder(self) -> Coder:
        if self.coder is None:
            raise ConfigError(
                f"a model of the method {self.config.objective.method} cannot read codes of data"
            )
        return self.coder

    def _coder_by(self, route: str | None) -> Coder:
        coder = self._coder()
        if route is None:
            return coder
        if route not in coder.routes:
            known = " or ".join(coder.routes)
            raise ConfigError(
                f"--route {route}: this model reads codes by {coder.route}: use --route {known}"
            )
        return coder.routes[route]

    def _plan_coder(self) -> PlanCoder:
        coder = self._coder()
        if not isinstance(coder, PlanCoder):
            raise ConfigError(
                f"a model of the method {self.config.objective.method} holds no plan that couples data with samples"
            )
        return coder

    def _checked(self, x: Tensor) -> Tensor:
        if x.ndim == 0 or tuple(x.shape[1:]) != self.data.shape:
            raise ProblemError(
                f"expected data (n, {', '.join(map(str, self.data.shape))}), got {tuple(x.shape)}"
            )
        if not bool(torch.isfinite(x).all()):
            raise ProblemError("expected finite data, got NaN or infinite values: remove them first")
        return x.float()

    @torch.no_grad()
    def _in_chunks(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        pieces = zip(*(part.split(CHUNK) for part in inputs), strict=True)
        return torch.cat([function(*(piece.to(self.device) for piece in pair)).cpu() for pair in pieces])

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"nets/{name}": value for name, value in self.nets.state_dict().items()}
        if self.coder is not None:
            tensors |= {f"coder/{name}": value for name, value in self.coder.state_dict().items()}
        if self.data.scaling is not None:
            tensors |= {"scaling/mean": self.data.scaling.mean, "scaling/std": self.data.scaling.std}
        return tensors

    def _card(self, metrics: Mapping[str, float]) -> str:
        return model_card(
            self.config,
            shape=self.data.shape,
            noise_dim=self.latents.noise_dim,
            steps=self.steps,
            metrics=metrics,
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "data": self.data.plain(),
            "steps": self.steps,
            "config": config_to_plain(self.config),
        }


def load(folder: Path | str, device: torch.device | str = "cpu", cost: ot.Cost | None = None) -> TrainedModel:
    """Read a trained model; see :meth:`TrainedModel.load`."""
    return TrainedModel.load(folder, device, cost)


def _group(kind: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{kind}/"
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
