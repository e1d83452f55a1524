import json
import math
import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from infot.leaderboard import Outcome, leaderboard, markdown, read_outcome
from infot.report import leaderboard_page
from infot.suites import SUITES, find_suite


def outcome(name: str, seed: int, value: float | None, **changes: Any) -> Outcome:
    metric = {"value": value, "floor": 0.1, "ceiling": 1.0, "better": "higher", "n": 10}
    fields: dict[str, Any] = {
        "preset": "ring8", "name": name, "method": name, "seed": seed, "status": "finished",
        "wall_seconds": 10.0 + seed, "metrics": {"high_quality": metric}, "knobs": {},
    }  # fmt: skip
    if value is None:
        fields |= {"status": "diverged", "wall_seconds": None, "metrics": {}}
    return Outcome(**(fields | changes))


@pytest.fixture
def board() -> dict[str, Any]:
    suite = find_suite("gaussians").restricted(["structured", "infogan"], ["ring8"])
    values = [0.97, 0.98, 0.99]
    outcomes = [outcome("structured", seed, value) for seed, value in enumerate(values)]
    outcomes += [outcome("infogan", 0, 0.5), outcome("infogan", 1, None)]
    outcomes += [outcome("infogan", 2, None, status="missing")]
    return leaderboard(suite, outcomes)


def test_a_row_has_mean_standard_error_and_every_seed(board: dict[str, Any]) -> None:
    ours, other = board["rows"]
    metric = ours["metrics"]["high_quality"]
    assert metric["mean"] == pytest.approx(0.98)
    assert metric["se"] == pytest.approx(statistics.stdev([0.97, 0.98, 0.99]) / math.sqrt(3))
    assert metric["values"] == [0.97, 0.98, 0.99]
    assert (metric["floor"], metric["ceiling"], metric["better"]) == (0.1, 1.0, "higher")
    assert ours["wall_seconds"]["mean"] == 11.0
    assert (other["seeds"], other["failed"], other["missing"]) == ([0], [1], [2])
    assert other["metrics"]["high_quality"]["se"] is None
    json.dumps(board, allow_nan=False)


def test_published_numbers_stand_beside(board: dict[str, Any]) -> None:
    assert {row["method"] for row in board["published"]["ring8"]} >= {"GAN", "PacGAN2", "WGAN-GP"}


def test_the_text_holds_every_row_and_failure(board: dict[str, Any]) -> None:
    text = markdown(board)
    assert "| metric | structured (3 seeds) | infogan (1 seeds) | floor | ceiling |" in text
    assert "| `high_quality` | 0.98 ± 0.0058 [0.97, 0.99] | 0.5 [0.5, 0.5] | 0.1 | 1 |" in text
    assert "| seeds that failed | none | 1 |" in text
    assert "| seeds not run yet | none | 2 |" in text
    assert "Published, PacGAN2: `modes` 7.9 ± 0.1" in text


def test_the_page_marks_the_best_and_names_failures_and_sources(board: dict[str, Any]) -> None:
    page = leaderboard_page(board)
    assert "<strong>98.0 ± 0.6 %</strong>" in page and "50.0 %" in page
    assert "diverged: seeds 1; not run yet: seeds 2" in page
    assert "PacGAN, table 1, 10 runs" in page
    assert "Every seed" in page or "every seed" in page
    assert "<script" not in page and not re.search(r'(src|href)="(?!#|data:)', page)


def test_a_comparison_that_has_not_begun_is_a_page_too() -> None:
    suite = find_suite("gaussians").restricted(["structured"], ["ring8"])
    board = leaderboard(suite, [outcome("structured", 0, None, status="missing")])
    assert "not run yet: seeds 0" in leaderboard_page(board)
    assert "(0 seeds)" in markdown(board)


def test_stability_counts_finite_and_good_runs() -> None:
    suite = SUITES["stability"].restricted(["structured", "infogan"], ["ring8"])
    outcomes = []
    for row in suite.contestants:
        sane = all(factor == 1.0 for name, factor in row.knobs.items() if name != "learning_rate")
        value = (1.0 if sane else 0.4) if row.method == "structured" else 0.9
        fast = row.knobs["learning_rate"] > 1
        value = None if fast and row.method == "infogan" else value
        outcomes.append(outcome(row.name, 0, value, method=row.method, knobs=row.knobs))
    board = leaderboard(suite, outcomes)
    ours, other = board["stability"]
    assert (ours["method"], ours["runs"], ours["finite_share"]) == ("structured", 36, 1.0)
    assert ours["good_share"] == pytest.approx(3 / 36)
    assert (other["finite_share"], other["good_share"]) == (pytest.approx(2 / 3), 0.0)
    page = leaderboard_page(board)
    assert "8 %" in page and "67 %" in page and "∞" in page
    assert "epsilon × 1/30" in page
    text = markdown(board)
    assert "ring8, structured: 100 % of 36 runs ended finite" in text
    assert text.count("\n| structured ") == 36
    assert text.count("\n| infogan ") == 27


@pytest.mark.parametrize(
    ("summary", "evaluation", "status"),
    [
        ({"status": "finished", "wall_seconds": 3.0}, {"metrics": {}}, "finished"),
        ({"status": "finished", "wall_seconds": 3.0}, None, "missing"),
        ({"status": "interrupted"}, None, "missing"),
        ({"status": "diverged"}, None, "diverged"),
        (None, None, "missing"),
    ],
)
def test_how_a_run_ended_is_read_off_its_folder(
    tmp_path: Path, summary: dict[str, Any] | None, evaluation: dict[str, Any] | None, status: str
) -> None:
    for name, content in (("summary", summary), ("evaluation", evaluation)):
        if content is not None:
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
    found = read_outcome(tmp_path, preset="ring8", name="a", method="a", seed=0, knobs={})
    assert found.status == status
