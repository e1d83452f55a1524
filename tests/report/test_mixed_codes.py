"""Figures of mixed codes: sweeps in every category, and the table of attributes."""

from pathlib import Path

import numpy as np
import pytest

from infot.report.arrays import read_arrays, sweep_names
from infot.report.attributes import attribute_table
from infot.report.category_sweeps import category_sweep_figures
from infot.report.sheets import code_words


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """Return arrays of two continuous codes over three categories, the first an angle."""
    sweeps = np.random.default_rng(0).random((2, 3, 27, 1, 8, 8)).astype(np.float32)
    return {
        "category_traversals": sweeps,
        "code_traversals": sweeps[:, 0],
        "code_traversal_names": np.array(["rotation", "blend 1"]),
        "code_label_counts": np.diag([5, 6, 0]),
        "attribute_codes": np.array(["blend 1"]),
        "attribute_names": np.array(["slant", "ink"]),
        "attribute_correlations": np.array([[-0.9, 0.1]]),
        "attribute_effects": np.array([[-3.04, 0.2]]),
    }


def test_each_code_has_a_film_and_a_row_for_each_category(arrays: dict[str, np.ndarray]) -> None:
    figures = category_sweep_figures(arrays, angles=1)
    assert len(figures) == 2
    for figure, name in zip(figures, ("rotation", "blend 1"), strict=True):
        assert figure.count("data:image/gif") == 1 and "prefers-reduced-motion" in figure
        assert figure.count("code-row") == 3
        assert f"{name} swept at code 2 in 9 steps." in figure and f"“{name}”" in figure
        assert figure.count("label ") == 2  # the third category has no data


def test_runs_without_them_have_no_such_figures(arrays: dict[str, np.ndarray]) -> None:
    assert category_sweep_figures({}) == []
    assert attribute_table({}) is None
    del arrays["code_traversal_names"], arrays["code_label_counts"]
    assert "“code 2”" in category_sweep_figures(arrays)[1]
    assert sweep_names(arrays, "code_traversals", "code") == ["code 1", "code 2"]
    assert code_words(0, arrays) == "code 0"


def test_the_table_tells_correlation_and_effect(arrays: dict[str, np.ndarray]) -> None:
    table = attribute_table(arrays)
    assert table is not None
    assert "-0.90 (-3.0)" in table and "+0.10 (+0.2)" in table
    assert table.count("heat-cell strong") == 1 and "--part:90%" in table


def test_tables_and_names_that_do_not_fit_are_left_out(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    arrays["attribute_effects"] = arrays["attribute_effects"].T
    arrays["code_traversal_names"] = np.array(["rotation"])
    np.savez(tmp_path / "evaluation.npz", **arrays)  # pyright: ignore[reportArgumentType]
    notes: list[str] = []
    kept = read_arrays(tmp_path / "evaluation.npz", notes)
    assert "attribute_correlations" in kept and "attribute_effects" not in kept
    assert "code_traversal_names" not in kept
    assert any("for 1 named codes and 2 named attributes" in note for note in notes)
    assert attribute_table(kept) is None
