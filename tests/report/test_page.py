"""The page as a whole: what stands on it, that it is self-contained, that it is written whole or not."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from infot.errors import RunFolderError
from infot.report import write_report
from infot.report.glossary import WORDS, term

VOID = {"circle", "img", "line", "meta", "path", "polyline", "rect", "br"}


class Outline(HTMLParser):
    """Collect what matters of a page and check that its elements nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> does not close what is open"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def headings(self, page: str) -> list[str]:
        return [re.sub("<[^>]+>", "", found) for found in re.findall(r"<h[1-4][^>]*>(.*?)</h[1-4]>", page)]


def read(page: Path) -> tuple[str, Outline]:
    content = page.read_text(encoding="utf-8")
    return content, Outline(content)


def test_a_page_about_gaussians_holds_every_part(ring_run: Path, tmp_path: Path) -> None:
    out = write_report([ring_run], tmp_path / "report.html")
    content, outline = read(out)
    headings = outline.headings(content)
    for heading in (
        *("ring8 · structured", "Result", "What each code draws", "What the noise changes", "The plan"),
        *("Codes against modes", "Training", "How it was made", "Words used here", "High-quality samples"),
        *(
            "Who is matched with whom",
            "Codes against data under the plan",
            "Loss",
            "Marginal error of the plan",
        ),
    ):
        assert heading in headings
    assert "The generator reaches 8 of 8 modes of ring8" in content
    assert f"infot train --config {ring_run}/config.yaml --run {ring_run}-again" in content
    assert "batch_size: 256" in content
    assert not outline.open


def test_a_page_about_images_holds_every_part(digits_run: Path, tmp_path: Path) -> None:
    content, outline = read(write_report([digits_run], tmp_path / "report.html"))
    headings = outline.headings(content)
    for heading in (
        *("What each code draws", "What the noise changes", "The plan: which code an image belongs to"),
        *("Codes against labels", "How the samples grew", "Codes read by the plan"),
    ):
        assert heading in headings
    assert "Ten codes, learned from digits without a label" in content
    assert content.count("samples of code") == 10
    assert content.count("Samples at step") == 6
    assert "Least sure" in content


def test_a_page_about_a_method_without_a_plan_says_what_read_the_codes(
    digits_run: Path, tmp_path: Path
) -> None:
    evaluation = json.loads((digits_run / "evaluation.json").read_text())
    evaluation["protocol"] = {"codes": "likeliest code of 359 data, by the recognition network"}
    (digits_run / "evaluation.json").write_text(json.dumps(evaluation))
    page = write_report([digits_run], tmp_path / "report.html").read_text()
    assert "The recognition network: which code an image belongs to" in page
    assert "Codes read by the recognition network" in page
    assert "the plan gives" not in page


@pytest.mark.parametrize("kind", ["ring_run", "digits_run"])
def test_the_page_asks_for_nothing_outside(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    content, outline = read(write_report([request.getfixturevalue(kind)], tmp_path / "report.html"))
    assert "default-src &#x27;none&#x27;" in content
    for tag, attributes in outline.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base"}
        for name in ("src", "href", "xlink:href", "srcset", "poster", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/", "#")), f"<{tag} {name}={value}>"
    assert not re.search(r"https?://|url\(|@import", re.sub(r"base64,[A-Za-z0-9+/=]+", "", content))


@pytest.mark.parametrize("kind", ["ring_run", "digits_run"])
def test_every_picture_is_told_in_words(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    _, outline = read(write_report([request.getfixturevalue(kind)], tmp_path / "report.html"))
    pictures = [attributes.get("alt") for tag, attributes in outline.tags if tag == "img"]
    drawings = [a.get("aria-label") for tag, a in outline.tags if tag == "svg" and a.get("role") == "img"]
    assert len(drawings) >= 8
    assert all(pictures) and all(drawings)


def test_text_of_a_run_is_escaped(ring_run: Path, tmp_path: Path) -> None:
    config = ring_run / "config.yaml"
    config.write_text(config.read_text().replace("name: ring8", "name: '<script>alert(1)</script>'"))
    evaluation = json.loads((ring_run / "evaluation.json").read_text())
    evaluation["metrics"]["<b>odd</b>"] = {"value": 1.0, "better": "higher"}
    evaluation["protocol"] = {"note": "<img src=x>"}
    (ring_run / "evaluation.json").write_text(json.dumps(evaluation))
    content, _ = read(write_report([ring_run], tmp_path / "report.html"))
    for forbidden in ("<script", "<b>odd", "<img src=x"):
        assert forbidden not in content
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in content


def test_several_runs_stand_side_by_side(
    make_ring: Callable[..., Path], digits_run: Path, tmp_path: Path
) -> None:
    runs = [make_ring(tmp_path / f"s{seed}", seed=seed) for seed in (0, 1)]
    runs += [make_ring(tmp_path / "plain", method="sinkhorn"), digits_run]
    content, outline = read(write_report(runs, tmp_path / "report.html"))
    headings = outline.headings(content)
    assert headings[:2] == ["4 runs compared", "Side by side"]
    assert headings.index("Side by side") < headings.index("Curves over each other") < headings.index("s1")
    assert "Mean by method" in headings
    assert [h for h in headings if h in ("s0", "s1", "plain")] == ["s0", "s1", "plain"]
    targets = {attributes.get("id") for _, attributes in outline.tags}
    links = {a["href"] for tag, a in outline.tags if tag == "a" and a.get("href")}
    assert links == {"#run-1", "#run-2", "#run-3", "#run-4"}
    assert {f"run-{k}" for k in (1, 2, 3, 4)} <= targets
    ids = [a["id"] for _, a in outline.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_the_best_of_several_runs_is_marked(make_ring: Callable[..., Path], tmp_path: Path) -> None:
    runs = [make_ring(tmp_path / "good"), make_ring(tmp_path / "plain", method="sinkhorn")]
    content = write_report(runs, tmp_path / "report.html").read_text()
    table = content[content.index("<table") : content.index("</table")]
    assert "<strong>0.9996</strong>" in table  # code NMI: higher is better
    assert "<strong>0.003</strong>" in table  # noise NMI: lower is better
    assert "<strong>8</strong>" not in table  # all alike: nothing to mark


def test_runs_of_one_name_are_told_apart(make_ring: Callable[..., Path], tmp_path: Path) -> None:
    runs = [make_ring(tmp_path / parent / "ring8") for parent in ("monday", "tuesday")]
    content = write_report(runs, tmp_path / "report.html").read_text()
    assert "monday/ring8" in content and "tuesday/ring8" in content


def test_the_mean_by_method_has_its_standard_error(make_ring: Callable[..., Path], tmp_path: Path) -> None:
    runs = [make_ring(tmp_path / f"s{k}") for k in range(2)]
    for run, accuracy in zip(runs, (0.90, 0.94), strict=True):
        metrics = {
            "accuracy": {"value": accuracy, "floor": 0.1, "ceiling": 1.0, "better": "higher", "n": 100}
        }
        (run / "evaluation.json").write_text(json.dumps({"metrics": metrics}))
    content = write_report(runs, tmp_path / "report.html").read_text()
    assert "92.0 ± 2.0 %" in content


def test_many_runs_stay_small(make_ring: Callable[..., Path], tmp_path: Path) -> None:
    runs = [make_ring(tmp_path / f"s{seed}", seed=seed) for seed in range(10)]
    assert write_report(runs, tmp_path / "report.html").stat().st_size < 3_000_000


def test_large_colour_pictures_stay_small(digits_run: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.random((10, 12, 3, 8, 8)), np.ones((16, 16))).astype(np.float32)
    arrays = {"samples": smooth, "templates": smooth[:, 0], "traversals": smooth[:9, :9]}
    np.savez(digits_run / "evaluation.npz", **arrays)  # pyright: ignore[reportArgumentType]
    assert write_report([digits_run], tmp_path / "report.html").stat().st_size < 1_500_000


def test_no_run_given(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="at least one run folder"):
        write_report([], tmp_path / "report.html")


def test_a_page_that_cannot_be_written_leaves_nothing_behind(ring_run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFolderError, match="cannot write .*or give another place with --out"):
        write_report([ring_run], tmp_path / "file" / "report.html")
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises(RunFolderError, match="cannot write"):
        write_report([ring_run], taken)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "ring8", "taken"]


def test_a_page_is_written_over_an_older_one(ring_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "report.html"
    assert write_report([ring_run], out) == out
    first = out.read_text()
    assert write_report([ring_run], out) == out
    assert out.read_text() == first
    assert [p.name for p in out.parent.iterdir()] == ["report.html"]


def test_the_report_does_without_torch() -> None:
    code = (
        "import sys, infot.report; sys.exit(any(m in sys.modules for m in ('torch', 'matplotlib', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


TERMS = (
    "mode", "label", "held-out", "template", "transport plan", "I(c;x)", "r(c|x)", "posterior", "marginal error",
    "solver steps", "nats", "ε_c", "floor", "ceiling", "noise", "code", "standard error", "critic",
    "recognition network",
)  # fmt: skip
"""Words that a reader new to the matter cannot be expected to know."""


@pytest.mark.parametrize("term", TERMS)
def test_the_words_at_the_end_explain_the_terms_of_the_page(term: str) -> None:
    told = " ".join(f"{word} {meaning}" for word, meaning in WORDS)
    assert term.lower() in told.lower()


def test_every_metric_of_the_recorded_results_is_explained() -> None:
    measured = set()
    for file in (Path(__file__).parents[2] / "docs" / "results").glob("*.json"):
        for row in json.loads(file.read_text()).get("rows", ()):
            measured |= row["metrics"].keys()
    assert measured
    assert [name for name in sorted(measured) if not term(name).meaning] == []
    assert term("code_axis_cosine_2").title.endswith(", code 2")


def test_commands_on_the_page_can_be_pasted(make_ring: Callable[..., Path], tmp_path: Path) -> None:
    run = make_ring(tmp_path / "my run")
    content = write_report([run], tmp_path / "report.html").read_text()
    assert f"--config '{run}/config.yaml' --run '{run}-again'" in content


def test_runs_on_different_data_are_shown_at_a_glance(
    ring_run: Path, digits_run: Path, tmp_path: Path
) -> None:
    content, outline = read(write_report([ring_run, digits_run], tmp_path / "report.html"))
    assert outline.headings(content)[:4] == ["ring8 and digits", "At a glance", "ring8", "digits"]
    start = content[content.index("At a glance") : content.index('id="run-1"')]
    assert "8 of 8 modes of ring8" in start
    assert "Ten codes, learned from digits" in start
    assert "Templates of codes 5 to 9." in start
