"""Run folders that are incomplete, broken or no runs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from infot.errors import RunFolderError
from infot.report import write_report
from infot.report.record import read_run


def page(run: Path) -> str:
    return write_report([run], run.parent / "report.html").read_text(encoding="utf-8")


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="nowhere does not exist"):
        read_run(tmp_path / "nowhere")


def test_a_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(b"")
    with pytest.raises(RunFolderError, match="data.npz is a file"):
        read_run(tmp_path / "data.npz")


def test_a_foreign_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder: it holds no config.yaml"):
        read_run(tmp_path)


def test_a_run_that_has_only_begun(tmp_path: Path) -> None:
    run = tmp_path / "new"
    run.mkdir()
    (run / "config.yaml").write_text("preset: ring8\ndata:\n  name: ring8\n")
    content = page(run)
    for told in ("no summary.json", "no metrics.jsonl", "has not been evaluated yet", "Nothing was logged"):
        assert told in content


def test_an_empty_log(ring_run: Path) -> None:
    (ring_run / "metrics.jsonl").write_text("")
    content = page(ring_run)
    assert "holds no measurement yet" in content
    assert "8 of 8 modes" in content


def test_a_log_cut_off_by_a_kill(ring_run: Path) -> None:
    log = ring_run / "metrics.jsonl"
    log.write_text(log.read_text()[:-60])
    run = read_run(ring_run)
    assert run.steps[-1] == 2980
    assert [note for note in run.notes if "cut off" in note]
    assert "last line of metrics.jsonl is cut off" in page(ring_run)


def test_broken_lines_within_a_log_are_named(ring_run: Path) -> None:
    log = ring_run / "metrics.jsonl"
    lines = log.read_text().splitlines()
    lines[3], lines[7] = "{", '"no object"'
    log.write_text("\n".join(lines) + "\n")
    run = read_run(ring_run)
    assert len(run.steps) == len(lines) - 2
    assert any("unreadable lines are left out (4, 8)" in note for note in run.notes)


def test_of_two_lines_for_a_step_the_later_counts(ring_run: Path) -> None:
    with (ring_run / "metrics.jsonl").open("a") as log:
        log.write(json.dumps({"step": 2000, "loss": 123.0}) + "\n")
    run = read_run(ring_run)
    assert np.all(np.diff(run.steps) > 0)
    at = int(np.flatnonzero(run.steps == 2000)[0])
    assert run.columns["loss"][at] == 123.0
    assert math.isnan(run.columns["plan_information"][at])


def test_a_diverged_run(ring_run: Path) -> None:
    rows = [json.loads(line) for line in (ring_run / "metrics.jsonl").read_text().splitlines()][:30]
    for row in rows[-3:]:
        row |= {"loss": math.nan, "plan_information": math.inf, "marginal_error": 0.0}
    (ring_run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = json.loads((ring_run / "summary.json").read_text()) | {"status": "diverged", "steps": 580}
    (ring_run / "summary.json").write_text(json.dumps(summary))
    (ring_run / "evaluation.json").unlink()
    (ring_run / "evaluation.npz").unlink()
    content = page(ring_run)
    assert "left the finite numbers at step 580 of 3,000" in content
    assert "NaN" not in content and "nan" not in content.replace("finance", "")


def test_nothing_finite_gives_no_chart(ring_run: Path) -> None:
    rows = [{"step": step, "loss": math.nan, "plan_information": 0.5} for step in range(5)]
    (ring_run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    content = page(ring_run)
    assert "<h4>Loss</h4>" not in content
    assert "<h4>Information under the plan</h4>" in content


def test_an_interrupted_run_says_how_to_go_on(ring_run: Path) -> None:
    summary = json.loads((ring_run / "summary.json").read_text()) | {"status": "interrupted", "steps": 1200}
    (ring_run / "summary.json").write_text(json.dumps(summary))
    content = page(ring_run)
    assert "interrupted at step 1,200 of 3,000" in content
    assert f"infot resume {ring_run}" in content


def test_a_run_with_several_starts_counts_their_steps_and_names_the_best(ring_run: Path) -> None:
    config = (ring_run / "config.yaml").read_text()
    config = config.replace("  steps: 3000\n", "  steps: 3000\n  starts: 3\n  starts_until: 0.3\n")
    (ring_run / "config.yaml").write_text(config)
    ended = [{"information": 2.0, "error": None}, {"information": None, "error": "step 7: …"}]
    starts = {"of": 3, "best": 2, "ended": [*ended, {"information": 2.1, "error": None}]}
    whole = json.loads((ring_run / "summary.json").read_text())
    assert read_run(ring_run).starts is None
    (ring_run / "summary.json").write_text(
        json.dumps(whole | {"status": "interrupted", "steps": 1200, "starts": starts})
    )
    assert read_run(ring_run).starts == "3 of 3, 1 diverged"
    content = page(ring_run)
    assert "interrupted at step 1,200 of 4,800" in content
    assert "<span>start</span> 3 of 3, 1 diverged" in content


@pytest.mark.parametrize("name", ["summary.json", "evaluation.json"])
def test_json_that_cannot_be_read(ring_run: Path, name: str) -> None:
    (ring_run / name).write_text('{"metrics": {')
    assert f"{name} cannot be read" in page(ring_run)


def test_json_of_another_kind(ring_run: Path) -> None:
    (ring_run / "evaluation.json").write_text("[1, 2]")
    assert "evaluation.json holds list where an object was expected" in page(ring_run)
    (ring_run / "evaluation.json").write_text('{"metrics": {"modes": {"value": "many"}, "nmi": 0.5}}')
    run = read_run(ring_run)
    assert [m.name for m in run.measurements] == ["nmi"]
    assert any("`modes` has no value" in note for note in run.notes)


def test_a_configuration_that_is_no_yaml(ring_run: Path) -> None:
    (ring_run / "config.yaml").write_text("data: [unclosed")
    content = page(ring_run)
    assert "config.yaml cannot be read as YAML" in content
    assert "data: [unclosed" in content


def test_arrays_that_cannot_be_read(ring_run: Path) -> None:
    archive = ring_run / "evaluation.npz"
    archive.write_bytes(archive.read_bytes()[:500])
    assert "evaluation.npz cannot be read" in page(ring_run)


def test_pickled_arrays_are_refused(ring_run: Path) -> None:
    np.savez(ring_run / "evaluation.npz", samples=np.array([{"a": 1}], dtype=object))
    assert "evaluation.npz cannot be read" in page(ring_run)


@pytest.mark.parametrize(
    ("name", "array", "told"),
    [
        ("samples", np.zeros((4, 2, 2)), "`samples` is left out, it has shape"),
        ("data", np.full((10, 2), np.nan), "`data` is left out, it holds 20 values that are not finite"),
        ("plan_pairs", np.array([[0, 10_000]]), "`plan_pairs` is left out, it does not index"),
        ("plan_mass", np.ones(3), "`plan_mass` is left out, it has 3 entries where `plan_pairs` has"),
        ("sample_codes", np.array(["a", "b"]), "`sample_codes` is left out, it holds <U1"),
        ("code_frequencies", np.zeros(0), "`code_frequencies` is left out, it is empty"),
        ("class_names", np.array(["a"]), "`class_names` is left out, it has 1 names for 8 labels"),
        (
            "factor_information",
            np.eye(2),
            "`factor_information` is left out, it has shape (2, 2) for 0 named factors",
        ),
        ("factor_names", np.arange(3), "`factor_names` is left out, it holds int64 where text"),
        ("class_names", np.arange(8), "`class_names` is left out, it holds int64 where text"),
    ],
)
def test_arrays_that_do_not_fit_are_left_out_and_named(
    ring_run: Path, name: str, array: np.ndarray, told: str
) -> None:
    with np.load(ring_run / "evaluation.npz") as archive:
        arrays = {key: archive[key] for key in archive.files} | {name: array}
    np.savez(ring_run / "evaluation.npz", **arrays)  # pyright: ignore[reportArgumentType]
    assert any(told in note for note in read_run(ring_run).notes)
    assert "What is missing here" in page(ring_run)


@pytest.mark.parametrize("kind", ["ring_run", "digits_run"])
def test_any_array_may_be_missing(kind: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(kind)
    with np.load(run / "evaluation.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    for name in arrays:
        rest = {key: array for key, array in arrays.items() if key != name}
        np.savez(run / "evaluation.npz", **rest)  # pyright: ignore[reportArgumentType]
        assert "Words used here" in page(run)


def test_a_broken_sample_grid_is_counted(digits_run: Path) -> None:
    grids = sorted((digits_run / "samples").iterdir())
    grids[0].write_bytes(grids[0].read_bytes()[:40])
    grids[1].write_bytes(b"no picture")
    content = page(digits_run)
    assert "2 files could not be read" in content
    assert content.count("Samples at step") == 4
