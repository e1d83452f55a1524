"""The page about comparisons: goals, tables and pictures, on comparisons made by formulas."""

import io
import json
import re
import statistics
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infot.errors import RunFolderError
from infot.report import is_comparison, write_results
from infot.report.comparison import Comparison, read_comparison
from infot.report.drawings import HeatMap, heat_maps
from infot.report.goals import (
    Ahead,
    EverySeed,
    Finite,
    Mean,
    Seeds,
    StandardError,
    Sturdier,
    Within,
    judge,
)
from infot.report.leaderboard import best_mean
from infot.report.sheets import codes_sheet, loop_figure, side_by_side, sweeps_film, sweeps_sheet

from .conftest import write_digits


def metric(*values: float, better: str = "higher") -> dict[str, Any]:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    ends = {"floor": 0.1, "ceiling": 1.0, "better": better}
    return {"mean": statistics.fmean(values), "se": error, "values": list(values)} | ends


def row(
    name: str = "structured", preset: str = "digits", seconds: float = 30.0, **metrics: Any
) -> dict[str, Any]:
    seeds = list(range(max((len(m["values"]) for m in metrics.values()), default=0)))
    found = {"preset": preset, "method": name, "name": name, "seeds": seeds, "failed": [], "missing": []}
    return found | {"wall_seconds": {"mean": seconds, "se": None, "values": [seconds]}, "metrics": metrics}


def board(*rows: dict[str, Any], suite: str = "digits", **more: Any) -> dict[str, Any]:
    data = list(dict.fromkeys(r["preset"] for r in rows))
    return {"suite": suite, "data": data, "rows": list(rows), "published": {}} | more


def compared(*rows: dict[str, Any], **more: Any) -> Comparison:
    return Comparison(Path("nowhere"), board(*rows, **more))


def write_comparison(folder: Path, content: dict[str, Any]) -> Path:
    folder.mkdir(parents=True)
    (folder / "leaderboard.json").write_text(json.dumps(content))
    return folder


ACCURACY = metric(0.95, 0.93, 0.94, 0.96, 0.91)


def test_the_mean_is_held_against_its_bound_and_the_seeds_that_miss_are_named() -> None:
    comparison = compared(row(accuracy=ACCURACY))
    met = Mean("accuracy", 0.93).judge(comparison, "digits")
    assert (met.met, met.mark, met.reached) == (True, "met", "93.8 ± 0.9 %")
    missed = Mean("accuracy", 0.945).judge(comparison, "digits")
    assert (missed.met, missed.mark) == (False, "**missed** by 0.7 points")
    assert missed.why == "short of it by themselves: seeds 1, 2, 4 of 5"
    low = Mean("reverse_kl", 0.003, "lower").judge(
        compared(row(reverse_kl=metric(0.004, 0.004, better="lower"))), "digits"
    )
    assert (low.met, low.short) == (False, "0.001")


def test_the_worst_seed_counts_where_every_seed_must() -> None:
    comparison = compared(row(modes=metric(8, 8, 7)))
    verdict = EverySeed("modes", 8).judge(comparison, "digits")
    assert (verdict.met, verdict.reached, verdict.short) == (False, "7 at worst", "1")
    assert verdict.why == "short of it by themselves: seed 2 of 3"
    assert EverySeed("modes", 7).judge(comparison, "digits").met


def test_the_standard_error_has_a_bound_of_its_own() -> None:
    comparison = compared(row(accuracy=ACCURACY))
    verdict = StandardError("accuracy", 0.005).judge(comparison, "digits")
    assert verdict.met is False and verdict.why == "the seeds reach from 91.0 % to 96.0 %"
    assert StandardError("accuracy", 0.01).judge(comparison, "digits").met
    single = compared(row(accuracy=metric(0.9)))
    assert StandardError("accuracy", 0.01).judge(single, "digits").met is None


def test_seeds_that_diverged_or_were_not_run_are_no_success() -> None:
    whole = row(accuracy=ACCURACY)
    assert Seeds(5).judge(compared(whole), "digits").met
    assert Seeds(10).judge(compared(whole), "digits").short == "5 seeds"
    lost = whole | {"failed": [5], "missing": [6]}
    verdict = Seeds(5).judge(compared(lost), "digits")
    assert (verdict.met, verdict.reached) == (False, "5 of 7")
    assert verdict.why == "diverged: seed 5; not run yet: seed 6"


def test_each_of_our_rows_is_held_against_the_goals_and_none_against_another(tmp_path: Path) -> None:
    named = row(preset="sprites", mig=metric(0.7), factor_vae=metric(0.99))
    general = row("structured-convolutional", preset="sprites", mig=metric(0.5), factor_vae=metric(0.96))
    rival = row("factor-vae", preset="sprites", mig=metric(0.2), factor_vae=metric(0.7))
    views = compared(named, general, rival).views("sprites")
    assert [view.own for view in views] == ["structured", "structured-convolutional"]
    assert [Mean("mig", 0.55).judge(view, "sprites").met for view in views] == [True, False]
    assert all(Ahead("mig").judge(view, "sprites").met for view in views)
    folder = write_comparison(tmp_path / "both", board(named, general, rival, suite="disentanglement"))
    page = write_results([folder], tmp_path / "results.md").read_text()
    assert "| sprites | MIG ≥ 0.55, mean of the seeds | 0.7 | met |" in page
    assert (
        "| sprites, structured-convolutional | MIG ≥ 0.55, mean of the seeds | 0.5 | **missed** by 0.05 |"
        in page
    )


def test_others_are_beaten_only_where_they_were_run() -> None:
    ours = row(accuracy=metric(0.9), frechet=metric(20.0, better="lower"))
    rival = row("infogan", accuracy=metric(0.95), frechet=metric(30.0, better="lower"))
    both = compared(ours, rival)
    behind = Ahead("accuracy").judge(both, "digits")
    assert (behind.met, behind.short, behind.why) == (False, "5 points", "infogan is ahead")
    assert Ahead("frechet", "lower").judge(both, "digits").met
    assert Ahead("frechet", "lower", ("wgan-gp",)).judge(both, "digits").met is None
    assert Ahead("accuracy").judge(compared(ours), "digits").met is None


def test_the_best_width_is_the_right_one_and_not_the_largest() -> None:
    rows = [
        row(name, variance_ratio_mean=metric(value)) for name, value in (("a", 0.9), ("b", 1.05), ("c", 2.2))
    ]
    assert best_mean(rows, "variance_ratio_mean") == 1.05
    assert best_mean([row(modes=metric(7.0)), row(modes=metric(8.0))], "modes") == 8.0
    assert best_mean(rows[:1], "variance_ratio_mean") is None


def test_time_has_a_limit() -> None:
    assert Within(60).judge(compared(row(accuracy=ACCURACY)), "digits").met
    late = Within(20).judge(compared(row(accuracy=ACCURACY)), "digits")
    assert (late.met, late.short) == (False, "10.0 s")


def study(ours: tuple[float, float], theirs: float) -> dict[str, Any]:
    knobs = [
        {"epsilon": e, "ratio": r, "rate": t} for e in (1 / 30, 1.0) for r in (0.1, 1.0) for t in (1.0, 30.0)
    ]
    rows = [
        row(f"{method} {k}", "ring8", high_quality=metric(0.9 - 0.05 * k, 0.9))
        | {"method": method, "knobs": knob}
        for method in ("structured", "infogan")
        for k, knob in enumerate(knobs)
    ]
    rows[3] |= {"metrics": {}, "seeds": [], "failed": [0, 1]}
    rows[5] |= {"failed": [2]}  # a mean of the others does not hide it
    entry = {"preset": "ring8", "score": "high_quality", "runs": 20, "best": 0.9}
    stability = [
        entry | {"method": "structured", "finite_share": ours[0], "good_share": ours[1]},
        entry | {"method": "infogan", "finite_share": 0.9, "good_share": theirs},
    ]
    return board(*rows, suite="stability", stability=stability, command="infot compare stability")


def test_a_study_of_stability_has_goals_and_maps_of_its_own(tmp_path: Path) -> None:
    good = Comparison(tmp_path, study((1.0, 0.8), 0.4))
    assert [verdict.met for _, verdict in judge(good, "ring8")] == [True, True]
    bad = Comparison(tmp_path, study((0.95, 0.5), 0.4))
    assert Finite().judge(bad, "ring8").short == "1 run"
    assert Sturdier(2).judge(bad, "ring8").short == "30 points"
    assert Sturdier(2).judge(bad, "ring8").reached == "50 %; infogan 40 %"
    page = write_results([write_comparison(tmp_path / "study", dict(bad.board))], tmp_path / "results.md")
    text = page.read_text()
    assert "| structured | 20 | 95 % | 50 % |" in text
    assert "![structured](results/stability-ring8-structured.svg)" in text
    drawn = (tmp_path / "results" / "stability-ring8-structured.svg").read_text()
    ET.fromstring(drawn)
    assert drawn.count('class="title"') == 2 and ">∞</text>" in drawn and "epsilon × 1/30" in drawn
    assert ">77.5 1∞</text>" in drawn


def test_the_page_has_goals_tables_and_pictures(tmp_path: Path, make_ring: Callable[..., Path]) -> None:
    ring = tmp_path / "gaussians" / "runs" / "ring8-structured-0"
    make_ring(ring)
    ours = row("structured", "ring8", modes=metric(8, 8), high_quality=metric(0.97, 0.974))
    other = row("infogan", "ring8", modes=metric(7, 6))
    published = {
        "ring8": [{"method": "ALI", "source": "a | table", "metrics": {"modes": {"mean": 6.6, "se": 0.3}}}]
    }
    first = tmp_path / "gaussians"
    (first / "leaderboard.json").write_text(
        json.dumps(
            board(ours, other, suite="gaussians", published=published, command="infot compare gaussians")
        )
    )
    second = tmp_path / "digits"
    write_digits(second / "runs" / "digits-structured-0")
    saved = second / "runs" / "digits-structured-0" / "evaluation.npz"
    with np.load(saved) as archive:
        loops = (
            np.repeat(archive["templates"][:, None], 24, axis=1)
            * np.linspace(0, 1, 24)[None, :, None, None, None]
        )
        np.savez(saved, **archive, code_loops=loops)
    (second / "leaderboard.json").write_text(json.dumps(board(row(accuracy=ACCURACY))))
    page = write_results([first, second], tmp_path / "docs" / "results.md")
    text = page.read_text()

    assert "```\ninfot compare gaussians\n```" in text
    assert "```\ninfot compare digits --methods structured --seeds 5\n```" in text
    assert "| structured | 2 | **8 ± 0** | 97.2 ± 0.2 % | 30.0 s |" in text
    assert "| ALI (a ∣ table) | published | 6.6 ± 0.3 | – | – |" in text
    assert "- High-quality samples ≥ 98 %, mean of the seeds: 97.2 ± 0.2 %, missed by 0.8 points." in text
    assert "Why: short of it by themselves: seeds 0, 1 of 2." in text
    assert "| ring8 | Code–mode NMI ≥ 0.999, mean of the seeds | – | not measured |" in text
    assert re.search(r"^\d+ of \d+ goals that were measured are met\.$", text, re.MULTILINE)
    assert text.count("structured, seed 0.") >= 5
    links = re.findall(r'\]\(([^)]+)\)|(?:src|srcset)="([^"]+)"', text)
    named = {a or b for a, b in links}
    assert {f"results/{p.name}" for p in (page.parent / "results").iterdir()} == named
    assert {
        "results/digits-loop.gif",
        "results/gaussians-ring8-samples.svg",
        "results/digits-codes.png",
        "results/digits.json",
    } <= named
    for path in (page.parent / "results").glob("*.svg"):
        ET.fromstring(path.read_text())
    for path in [*(page.parent / "results").glob("*.png"), *(page.parent / "results").glob("*.gif")]:
        with Image.open(path) as picture:
            picture.load()


def test_two_comparisons_of_one_suite_keep_their_files_apart(tmp_path: Path) -> None:
    content = board(row(accuracy=ACCURACY))
    folders = [write_comparison(tmp_path / name, content) for name in ("a", "b")]
    write_results(folders, tmp_path / "results.md")
    assert {p.name for p in (tmp_path / "results").iterdir()} == {"digits.json", "digits-2.json"}


def test_what_is_no_comparison_is_refused(tmp_path: Path) -> None:
    assert not is_comparison(tmp_path)
    with pytest.raises(RunFolderError, match=r"is no comparison: it holds no leaderboard.json"):
        read_comparison(tmp_path)
    (tmp_path / "leaderboard.json").write_text("{")
    with pytest.raises(RunFolderError, match="cannot be read"):
        read_comparison(tmp_path)
    (tmp_path / "leaderboard.json").write_text('{"suite": "x"}')
    with pytest.raises(RunFolderError, match="it lacks data, published, rows"):
        read_comparison(tmp_path)
    with pytest.raises(RunFolderError, match="expected at least one comparison"):
        write_results([], tmp_path / "results.md")


def test_sheets_show_every_code_and_sweep() -> None:
    rng = np.random.default_rng(0)
    samples = rng.random((3, 4, 1, 8, 8)).astype(np.float32)
    sheet = codes_sheet({"samples": samples, "templates": samples[:, 0], "code_label_counts": np.eye(3) * 5})
    assert sheet is not None
    pixels = np.asarray(Image.open(io.BytesIO(sheet)))
    assert pixels.shape == (3 * 42 - 2, 92 + 5 * 42 - 2, 3)
    expected = (samples[1, 3, 0] * 255).round().repeat(5, 0).repeat(5, 1)
    assert np.array_equal(pixels[42:82, 92 + 4 * 42 : 92 + 4 * 42 + 40, 0], expected)
    sweeps = rng.random((2, 27, 1, 8, 8)).astype(np.float32)
    still = Image.open(io.BytesIO(sweeps_sheet(sweeps, ["a", "b"], angles=1)))
    assert still.size == (92 + 9 * 42 - 2, 2 * 42 - 2)
    moving = sweeps_film(sweeps)
    assert moving is not None
    with Image.open(io.BytesIO(moving)) as film:
        assert film.size == (82, 40) and getattr(film, "n_frames", 1) >= 5


def test_every_code_moves_with_the_noise() -> None:
    t = np.arange(24) * 2 * np.pi / 24
    level = 0.5 + 0.25 * np.cos(t)[None, :, None, None, None] * np.array([1, -1])[:, None, None, None, None]
    loops = level * np.ones((2, 24, 1, 8, 8))
    drawn = loop_figure({"code_loops": loops})
    assert drawn is not None and "The first 2 codes" in drawn
    assert "prefers-reduced-motion" in drawn and drawn.count("data:image/gif") == 1
    pixels = side_by_side(loops)
    assert pixels.shape == (24, 40, 82, 3)
    assert pixels[0, 0, 0, 0] == 191 and pixels[0, 0, 81, 0] == 64 and pixels[0, 0, 40, 0] == 255
    assert loop_figure({}) is None


def test_heat_maps_are_files_of_their_own() -> None:
    found = HeatMap("a < b", np.array([[1.0, 0.0]]), [["7", ""]], ["r"], ["x", "y"])
    root = ET.fromstring(heat_maps([found, found]))
    rectangles = [e for e in root.iter() if e.tag.endswith("rect")]
    assert len(rectangles) == 5  # the paper, and four cells
    assert float(root.attrib["width"]) == 2 * found.width
