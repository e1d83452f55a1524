"""The arrays of `evaluation.npz`, checked at the door so that no figure meets a shape it does not know."""

import zipfile
from pathlib import Path

import numpy as np

__all__ = ["class_name", "is_image_run", "read_arrays", "sweep_names"]

FLAT = {
    "traversal_values": 1,
    "posterior": 2,
    "posterior_labels": 1,
    "sample_codes": 1,
    "data": 2,
    "plan_latent_points": 2,
    "plan_latent_codes": 1,
    "plan_data_points": 2,
    "plan_pairs": 2,
    "plan_mass": 1,
    "code_label_counts": 2,
    "code_frequencies": 1,
    "code_prior": 1,
    "class_names": 1,
    "factor_information": 2,
    "column_scales": 1,
    "factor_names": 1,
    "code_names": 1,
    "traversal_names": 1,
    "code_traversal_names": 1,
    "attribute_names": 1,
    "attribute_codes": 1,
    "attribute_correlations": 2,
    "attribute_effects": 2,
}
"""Number of dimensions of the arrays that are not pictures."""

TEXTS = (
    *("class_names", "factor_names", "code_names", "traversal_names", "code_traversal_names"),
    *("attribute_names", "attribute_codes"),
)
"""Arrays of words."""

IMAGES = {
    "templates": 1,
    "posterior_data": 1,
    "reconstructions": 1,
    "samples": 2,
    "traversals": 2,
    "code_traversals": 2,
    "category_traversals": 3,
    "code_loops": 2,
}
"""Number of dimensions before the (C, H, W) of a picture."""

TOGETHER = (
    ("samples", "sample_codes"),
    ("plan_latent_points", "plan_latent_codes"),
    ("plan_pairs", "plan_mass"),
    ("posterior_data", "posterior"),
    ("posterior_data", "reconstructions"),
    ("posterior_data", "posterior_labels"),
    ("traversals", "traversal_names"),
    ("code_traversals", "code_traversal_names"),
    ("code_traversals", "category_traversals"),
)
"""Pairs of arrays that must have the same length."""


def is_image_run(arrays: dict[str, np.ndarray]) -> bool:
    """Tell pictures from vectors: samples of pictures are (codes, draws, C, H, W)."""
    return any(
        name in arrays and arrays[name].ndim == lead + 3
        for name, lead in IMAGES.items()
        if name != "traversals"
    )


def class_name(arrays: dict[str, np.ndarray], label: int) -> str:
    """Return the name of a label, or its number where it has none."""
    names = arrays.get("class_names")
    return str(names[label]) if names is not None and 0 <= label < len(names) else str(label)


def sweep_names(arrays: dict[str, np.ndarray], sweeps: str, what: str) -> list[str]:
    """Return the name of each row of sweeps, ``traversals`` or ``code_traversals``: a number where it has none.

    Args:
        arrays: Of `evaluation.npz`.
        sweeps: Name of the array of sweeps.
        what: Stands before the number.
    """
    names = arrays.get(f"{sweeps.removesuffix('s')}_names")
    n = len(arrays[sweeps])
    return [f"{what} {j + 1}" for j in range(n)] if names is None else [str(name) for name in names]


def read_arrays(path: Path, notes: list[str]) -> dict[str, np.ndarray]:
    """Read what can be drawn; whatever does not fit is left out and told in `notes`.

    Args:
        path: The file; one that is not there gives no arrays and no note.
        notes: Gets a sentence for each array that is left out.
    """
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            loaded = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        notes.append(
            f"evaluation.npz cannot be read ({type(error).__name__}: {error}); figures that need it are "
            "missing."
        )
        return {}
    images = any(
        name in loaded and loaded[name].ndim == lead + 3
        for name, lead in IMAGES.items()
        if name != "traversals"
    )
    kept = {}
    for name, array in loaded.items():
        problem = _problem(name, array, images=images)
        if problem:
            notes.append(f"evaluation.npz: `{name}` is left out, it {problem}.")
        else:
            kept[name] = array
    _drop_unequal(kept, notes)
    _drop_foreign_pairs(kept, notes)
    _drop_foreign_names(kept, notes)
    _drop_unnamed_factors(kept, notes)
    _drop_unnamed_attributes(kept, notes)
    return kept


def _problem(name: str, array: np.ndarray, *, images: bool) -> str | None:
    wanted, kinds = ("text", "U") if name in TEXTS else ("numbers", "fiub")
    if array.dtype.kind not in kinds:
        return f"holds {array.dtype} where {wanted} {'was' if wanted == 'text' else 'were'} expected"
    if array.size == 0:
        return "is empty"
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return f"holds {int((~np.isfinite(array)).sum())} values that are not finite"
    if images and name in IMAGES:
        expected = IMAGES[name] + 3
    else:
        expected = FLAT.get(name) or {"samples": 2, "traversals": 4}.get(name, array.ndim)
    return (
        None
        if array.ndim == expected
        else f"has shape {array.shape} where {expected} dimensions were expected"
    )


def _drop_unequal(arrays: dict[str, np.ndarray], notes: list[str]) -> None:
    for first, second in TOGETHER:
        if first in arrays and second in arrays and not (first == "samples" and arrays[first].ndim != 2):
            lengths = len(arrays[first]), len(arrays[second])
            if lengths[0] != lengths[1]:
                del arrays[second]
                notes.append(
                    f"evaluation.npz: `{second}` is left out, it has {lengths[1]} entries where `{first}` "
                    f"has {lengths[0]}."
                )


def _drop_foreign_names(arrays: dict[str, np.ndarray], notes: list[str]) -> None:
    """Leave out names of classes that do not belong to the columns of the table of codes and labels."""
    if "class_names" not in arrays:
        return
    columns = arrays["code_label_counts"].shape[1] if "code_label_counts" in arrays else 0
    if len(arrays["class_names"]) != columns:
        found = len(arrays.pop("class_names"))
        notes.append(f"evaluation.npz: `class_names` is left out, it has {found} names for {columns} labels.")


def _drop_unnamed_factors(arrays: dict[str, np.ndarray], notes: list[str]) -> None:
    """Leave out the table of factors by code dimensions unless all its rows and columns have names."""
    if "factor_information" not in arrays:
        return
    names = tuple(len(arrays[name]) if name in arrays else 0 for name in ("factor_names", "code_names"))
    shape = arrays["factor_information"].shape
    if shape != names:
        del arrays["factor_information"]
        notes.append(
            f"evaluation.npz: `factor_information` is left out, it has shape {shape} for {names[0]} named factors and "
            f"{names[1]} named code dimensions."
        )


def _drop_unnamed_attributes(arrays: dict[str, np.ndarray], notes: list[str]) -> None:
    """Leave out tables of codes by attributes of images unless all their rows and columns have names."""
    shape = tuple(
        len(arrays[name]) if name in arrays else 0 for name in ("attribute_codes", "attribute_names")
    )
    for table in ("attribute_correlations", "attribute_effects"):
        if table in arrays and arrays[table].shape != shape:
            found = arrays.pop(table).shape
            notes.append(
                f"evaluation.npz: `{table}` is left out, it has shape {found} for {shape[0]} named codes and "
                f"{shape[1]} named attributes."
            )


def _drop_foreign_pairs(arrays: dict[str, np.ndarray], notes: list[str]) -> None:
    """Leave out pairs that point past the end of the points they join."""
    pairs = arrays.get("plan_pairs")
    if pairs is None:
        return
    ends = [len(arrays[name]) if name in arrays else 0 for name in ("plan_latent_points", "plan_data_points")]
    if pairs.shape[1] != 2 or pairs.min() < 0 or pairs[:, 0].max() >= ends[0] or pairs[:, 1].max() >= ends[1]:
        del arrays["plan_pairs"]
        notes.append("evaluation.npz: `plan_pairs` is left out, it does not index the points of the plan.")
