"""The table of factors by code dimensions, and where the page shows it."""

from pathlib import Path

import numpy as np

from infot.report.factors import factor_table
from infot.report.page import render
from infot.report.record import read_run

SHARES = np.array([[0.98, 0.004, 0.0], [0.0, 0.3, 0.56]])


def test_cells_are_percents_shaded_by_share() -> None:
    table = factor_table(SHARES, factors=["shape", "<x>"], codes=["categorical 1", "uniform 1", "uniform 2"])
    assert '<th scope="row">shape</th>' in table
    assert "&lt;x&gt;" in table
    assert '<th scope="col">uniform 2</th>' in table
    assert 'class="heat-cell strong" style="--part:98%">98</td>' in table
    assert 'class="heat-cell" style="--part:30%">30</td>' in table
    assert table.count('<span class="nil">') == 3


def test_large_tables_are_pictures() -> None:
    table = factor_table(
        np.full((5, 400), 0.5), factors=list("abcde"), codes=[f"normal {k}" for k in range(400)]
    )
    assert "Heat map of 5 factors by 400 code dimensions" in table


def test_the_page_shows_the_table_where_there_is_one(digits_run: Path) -> None:
    title = "What the code tells of the factors"
    assert title not in render([read_run(digits_run)])
    with np.load(digits_run / "evaluation.npz") as archive:
        arrays = dict(archive)
    arrays |= {
        "factor_information": SHARES.astype(np.float32),
        "factor_names": np.array(["shape", "x"]),
        "code_names": np.array(["categorical 1", "uniform 1", "uniform 2"]),
    }
    np.savez(digits_run / "evaluation.npz", **arrays)  # pyright: ignore[reportArgumentType]
    run = read_run(digits_run)
    assert not [note for note in run.notes if "factor" in note]
    assert title in render([run])
