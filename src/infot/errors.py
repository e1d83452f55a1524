"""Named errors and warnings, each with the exit code that the command line ends with."""

__all__ = [
    "CacheWarning",
    "CheckpointError",
    "ConfigError",
    "ConvergenceError",
    "ConvergenceWarning",
    "DataError",
    "DivergenceWarning",
    "InfotError",
    "NumericalError",
    "ProblemError",
    "RunFolderError",
]


class InfotError(Exception):
    """Base of every error that infot raises on purpose: one or two lines, what was expected and what to do."""

    exit_code = 1


class ConfigError(InfotError):
    """A configuration that cannot be run: unknown name, impossible value, fields that contradict each other."""

    exit_code = 2


class RunFolderError(InfotError):
    """A run folder that is missing, foreign, already in use or not writable."""

    exit_code = 2


class ProblemError(InfotError, ValueError):
    """Arrays that do not form a problem: wrong shapes, negative weights, non-finite costs."""

    exit_code = 2


class DataError(InfotError):
    """Data that cannot be read or cannot be trained on."""

    exit_code = 3


class CheckpointError(InfotError):
    """A checkpoint or model that is truncated, altered or made by something else."""

    exit_code = 3


class NumericalError(InfotError):
    """A computation that left the finite numbers."""

    exit_code = 4


class ConvergenceError(NumericalError):
    """A solve that missed its tolerance where the caller asked for an error."""


class ConvergenceWarning(UserWarning):
    """A solve that missed its tolerance; the message tells the reached error, the reason and the remedy."""


class DivergenceWarning(UserWarning):
    """One of several starts that left the finite numbers, while another went on; the message tells which and where."""


class CacheWarning(UserWarning):
    """Something that could not be kept for the next time, and will have to be made again; the message tells why."""
