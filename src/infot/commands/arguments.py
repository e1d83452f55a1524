"""The arguments of each command: frozen records whose docstrings are the help. Imports no torch."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from infot.config import (
    CriticConfig,
    DataConfig,
    LatentConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
)
from infot.config_checks import PATH_DATA
from infot.errors import ConfigError

__all__ = [
    "CompareArguments",
    "DataArguments",
    "EncodeArguments",
    "EvaluateArguments",
    "ExploreArguments",
    "ReportArguments",
    "ResumeArguments",
    "SampleArguments",
    "TrainArguments",
    "TrainRequest",
]


@dataclass(frozen=True)
class TrainArguments:
    """Train a model from a preset or a configuration file; any field of the configuration can be changed by name."""

    preset: Annotated[Positional[str | None], arg(metavar="PRESET")] = None
    """Preset to start from; `infot --help` lists them."""
    config: Annotated[Path | None, arg(metavar="FILE")] = None
    """YAML file to start from, in place of a preset; a run's config.yaml repeats that run."""
    run: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder of the run; unset: runs/PRESET-SEED, numbered while that is taken."""
    dry_run: bool = False
    """Check configuration and data, do one step, write nothing."""
    data_path: Annotated[Path | None, arg(name="data", metavar="PATH")] = None
    """Your own data: image folder, .npz/.npy, IDX, .csv/.parquet. Sets data.path, and data.name to `file` unless the
    data set reads a file itself (mnist)."""
    steps: Annotated[int | None, arg(metavar="INT")] = None
    """Short for --training.steps."""
    max_minutes: Annotated[float | None, arg(metavar="FLOAT")] = None
    """Short for --training.max-minutes."""
    device: Annotated[str | None, arg(metavar="DEVICE")] = None
    """Short for --training.device."""
    method: Annotated[str | None, arg(metavar="METHOD")] = None
    """Short for --objective.method: another method in place of the preset's, with its authors' settings as defaults;
    `infot --help` lists them."""
    seed: int = 0
    """Seed of all training randomness."""
    data: DataConfig = field(default_factory=DataConfig)
    latent: LatentConfig = field(default_factory=LatentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    critic: CriticConfig = field(default_factory=CriticConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @classmethod
    def starting_from(cls, config: RunConfig) -> "TrainArguments":
        """Return arguments whose defaults are a configuration's values."""
        return cls(
            seed=config.seed,
            data=config.data,
            latent=config.latent,
            model=config.model,
            objective=config.objective,
            critic=config.critic,
            training=config.training,
        )

    def resolve(self, base: RunConfig) -> RunConfig:
        """Return the configuration that the arguments ask for.

        Args:
            base: The configuration that gave the defaults, of the method asked for.

        Raises:
            ConfigError: If a short option and the full one disagree.
        """
        training = self.training
        for name in ("steps", "max_minutes", "device"):
            short, full, default = getattr(self, name), getattr(training, name), getattr(base.training, name)
            if short is None:
                continue
            if full not in (default, short):
                raise ConfigError(
                    f"--{_dashed(name)} {short} and --training.{_dashed(name)} {full} disagree: give one"
                )
            training = replace(training, **{name: short})
        return RunConfig(
            preset=base.preset,
            seed=self.seed,
            data=self._data(base.data),
            latent=self.latent,
            model=self.model,
            objective=self.objective,
            critic=self.critic,
            training=training,
        )

    def _data(self, default: DataConfig) -> DataConfig:
        if self.data_path is None:
            return self.data
        if self.data.path not in (default.path, self.data_path):
            raise ConfigError(f"--data {self.data_path} and --data.path {self.data.path} disagree: give one")
        given = self.data.name != default.name  # a name on the command line stands, and the checks judge it
        name = self.data.name if given or self.data.name in PATH_DATA else "file"
        return replace(self.data, path=self.data_path, name=name)


@dataclass(frozen=True)
class TrainRequest:
    """What `train` does once its arguments are resolved."""

    config: RunConfig
    run: Path | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class ResumeArguments:
    """Go on with a run after a kill, an interruption or a time limit, or to more steps; the result is the same, bit
    for bit, as if it had never stopped."""

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """Folder of the run."""
    steps: Annotated[int | None, arg(metavar="INT")] = None
    """Train to this many steps in all; the schedules keep their length and stay at their final values."""
    max_minutes: Annotated[float | None, arg(metavar="FLOAT")] = None
    """Stop after this wall time, with a checkpoint."""
    checkpoint: Annotated[str | None, arg(metavar="NAME")] = None
    """Go on from this checkpoint (step-XXXXXXXX) in place of the latest; later ones are dropped."""


@dataclass(frozen=True)
class EvaluateArguments:
    """Measure a trained model on held-out data and write evaluation.json."""

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """Folder of the run."""
    data: Annotated[Path | None, arg(metavar="PATH")] = None
    """Data to evaluate on in place of the run's held-out part, all of it, scaled as the training data was."""


@dataclass(frozen=True)
class ReportArguments:
    """Write one self-contained HTML page about a run, or about several side by side; of comparisons a Markdown page
    with pictures, which holds them against their goals."""

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN [RUN ...]")]
    """Folders of runs, or of comparisons that `infot compare` wrote."""
    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """The page; unset: report.html in the first run, results.md in the first comparison."""


@dataclass(frozen=True)
class SampleArguments:
    """Draw samples from a trained model, in the units of the data it was trained on."""

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """Folder of the run or of a saved model."""
    out: Annotated[Path, arg(metavar="FILE")]
    """.png (a grid of images) or .npz (arrays: samples, code, noise)."""
    n: int = 64
    """How many."""
    code: Annotated[tuple[float, ...] | None, arg(metavar="VALUE [VALUE ...]")] = None
    """Fix the code: an index of a categorical block, a number for each continuous dimension, in the order of the
    blocks; unset: drawn from the prior."""
    seed: int = 0
    """Seed of codes and noise."""


@dataclass(frozen=True)
class EncodeArguments:
    """Read the codes of data of your own off the transport plan."""

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """Folder of the run or of a saved model."""
    data: Annotated[Path, arg(metavar="PATH")]
    """Image folder, .npz/.npy, IDX, .csv/.parquet table, of the same kind and size as the training data."""
    out: Annotated[Path, arg(metavar="FILE")]
    """.npz (arrays: code, posterior, names) or .csv (a row a datum)."""
    route: Literal["plan", "encoder"] | None = None
    """How codes are read: by the transport plan, or by the encoder where it holds the plan; unset: as trained."""


@dataclass(frozen=True)
class CompareArguments:
    """Run several methods on the same data with several seeds, and write a leaderboard; called again, it goes on."""

    suite: Annotated[Positional[str], arg(metavar="SUITE")]
    """gaussians, balance, mnist5k, mnist, disentanglement, stability, or the name of a preset: all methods on it."""
    methods: Annotated[str | None, arg(metavar="A[,B...]")] = None
    """Only these rows of the suite, by name or by method."""
    presets: Annotated[str | None, arg(metavar="A[,B...]")] = None
    """Only these presets of the suite."""
    seeds: Annotated[int | None, arg(metavar="INT")] = None
    """Seeds of each row, counted from 0; unset: as the suite has it."""
    out: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder for leaderboard.json, .md and .html and for the runs; unset: runs/compare-SUITE."""
    jobs: int = 1
    """Runs at a time."""
    threads: int = 1
    """Threads of each run."""
    steps: Annotated[int | None, arg(metavar="INT")] = None
    """Steps of every run; unset: as the presets have it."""
    max_minutes: Annotated[float | None, arg(metavar="FLOAT")] = None
    """Stop every run after this wall time: with many --steps, a comparison at equal time."""
    data: Annotated[Path | None, arg(metavar="PATH")] = None
    """Where the data lies, for presets that read a file (mnist, custom)."""
    device: Annotated[str | None, arg(metavar="DEVICE")] = None
    """Device of every run; unset: cuda where there is one."""
    slurm: Annotated[str | None, arg(metavar="NAME=VALUE[,...]")] = None
    """Submit every run to Slurm, --jobs at a time, with these parameters of sbatch (partition=cpu,time=60); unset: run
    here."""


@dataclass(frozen=True)
class ExploreArguments:
    """Serve a page on this machine with sliders for the code and a view of the plan."""

    run: Annotated[Positional[Path], arg(metavar="RUN")]
    """Folder of the run or of a saved model."""
    data: Annotated[Path | None, arg(metavar="PATH")] = None
    """Data to hold against the model in place of the run's held-out part."""
    port: int = 8765
    """Port to listen on; 0: any that is free."""
    host: str = "127.0.0.1"
    """Address to listen on; any other than this one lets other machines in."""
    browser: bool = True
    """Whether to open the page in the browser."""


@dataclass(frozen=True)
class DataArguments:
    """Say what data there is, where it comes from, and its licence."""

    action: Positional[Literal["list", "info"]] = "list"
    """list: all data sets; info: one of them."""
    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """The data set that `info` tells about."""


def _dashed(name: str) -> str:
    return name.replace("_", "-")
