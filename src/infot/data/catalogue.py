"""The one door to all data: load a data set by name, or list what there is."""

from pathlib import Path

from infot.data.base import Dataset, DatasetInfo
from infot.data.checks import nearest
from infot.data.digits import DIGITS, OF_MNIST, THINNED, load_digit_images, load_thinned_digits
from infot.data.factor_sets import FACTOR_SETS, load_factor_set
from infot.data.files import FILE, load_file
from infot.data.gaussians import GAUSSIANS, load_gaussians
from infot.data.measured_tables import MEASURED_TABLES, load_measured_table
from infot.errors import ConfigError

__all__ = ["catalogue", "describe", "load"]


def catalogue() -> tuple[DatasetInfo, ...]:
    """List what can be loaded; nothing is read."""
    return (*GAUSSIANS, *DIGITS, *THINNED, *MEASURED_TABLES, *FACTOR_SETS, FILE)


def describe(name: str) -> DatasetInfo:
    """Return the catalogue's entry for ``name``.

    Raises:
        ConfigError: No data set has this name; the nearest is offered.

    Example:
        >>> describe("ring8").kind
        'vectors'
    """
    known = {info.name: info for info in catalogue()}
    if name not in known:
        raise ConfigError(
            f"expected the name of a data set ({', '.join(known)}); got '{name}'.{nearest(name, known)} "
            "For data of your own give --data PATH."
        )
    return known[name]


def load(
    name: str,
    *,
    path: Path | str | None = None,
    seed: int = 0,
    image_size: int | None = None,
    standardise: bool = True,
    labels: str | None = None,
) -> Dataset:
    """Load a data set with its training and held-out parts.

    Args:
        name: A name of :func:`catalogue`; ``file`` reads the user's own data at ``path``.
        path: With ``file``: image folder, .npz, .npy, IDX, .csv, .parquet. With ``mnist`` and
            ``mnist-unbalanced``: a local copy of the former. Else unset.
        seed: Seed of drawn data, of what thinning leaves and of the split of tables and files. The splits of digits and
            of images with known factors are fixed.
        image_size: With ``file``: side in pixels to which images are cropped and resized; unset: as they are.
        standardise: With ``file``: bring the columns of vectors and tables to mean 0 and variance 1.
        labels: With ``file``: column of a table, or array of an .npz, that holds labels; never trained on.

    Returns:
        The data set; the same arguments give the same tensors.

    Raises:
        ConfigError, DataError: Unknown name or foreign options; data that cannot be read or trained on.

    Example:
        >>> digits = load("digits")
        >>> digits.shape, len(digits.train), len(digits.test)
        ((1, 8, 8), 1438, 359)
    """
    info = describe(name)
    path = None if path is None else Path(path)
    if name == FILE.name:
        if path is None:
            raise ConfigError("expected a path for the data set 'file'; got none. Give --data PATH.")
        return load_file(path, seed=seed, image_size=image_size, standardise=standardise, labels=labels)
    _refuse_options(name, path=path if name not in OF_MNIST else None, image_size=image_size, labels=labels)
    if info in THINNED:
        return load_thinned_digits(info, path, seed)
    if info in MEASURED_TABLES:
        return load_measured_table(info, seed)
    if info in FACTOR_SETS:
        return load_factor_set(info)
    return load_digit_images(info, path) if info in DIGITS else load_gaussians(info, seed)


def _refuse_options(name: str, **options: object) -> None:
    """Refuse options that the data set would ignore."""
    for option, value in options.items():
        if value is not None:
            raise ConfigError(
                f"the data set '{name}' takes no {option} (got {value}). Leave it out, or use the data set "
                "'file'."
            )
