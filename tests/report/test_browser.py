"""The page in a real browser: it renders, fits narrow screens and sends no request."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from infot.report import write_report

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs a Chromium on the PATH: apt-get install chromium"
)

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND",  # the browser's own errands must not leave the machine either
)

PROBE = """<script>addEventListener("load", () => {
  const parts = [...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll, pre, svg"));
  const images = [...document.images];
  const requests = performance.getEntriesByType("resource").filter(r => !r.name.startsWith("data:"));
  parent.postMessage({
    wide: document.documentElement.scrollWidth,
    right: Math.ceil(Math.max(...parts.map(e => e.getBoundingClientRect().right))),
    images: images.length,
    loaded: images.filter(i => i.naturalWidth > 0).length,
    requests: requests.length,
  }, "*");
});</script>"""
"""Measures the page from within; only a copy without the page's policy lets it run."""

FRAME = """<body><script>onmessage = e => { document.body.innerText =
Object.entries(e.data).map(([k, v]) => k + "=" + v).join(" ") }</script>
<iframe src="copy.html" style="width:400px;height:900px;border:0"></iframe></body>"""
"""Shows the copy as on a narrow screen and writes down what the probe tells."""


def browse(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the browser once with a profile of its own."""
    profile = tmp_path / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def measured(page: Path, tmp_path: Path, *, addition: str = "") -> dict[str, int]:
    """Open a copy of the page, with an addition, 400 pixels wide and measure it."""
    policy = r'<meta http-equiv="Content-Security-Policy"[^>]*>'
    content = re.sub(policy, "", page.read_text(encoding="utf-8"))
    copy, outer = tmp_path / "copy.html", tmp_path / "outer.html"
    copy.write_text(content.replace("</main>", addition + "</main>" + PROBE), encoding="utf-8")
    outer.write_text(FRAME, encoding="utf-8")
    told = browse(tmp_path, "--virtual-time-budget=5000", "--dump-dom", outer.as_uri()).stdout
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", told.split("<body>")[1])}


def test_the_page_fits_a_narrow_screen_and_loads_its_pictures(digits_run: Path, tmp_path: Path) -> None:
    page = write_report([digits_run], tmp_path / "report.html")
    seen = measured(page, tmp_path)
    assert seen["wide"] == 400
    assert seen["right"] <= 400
    assert seen["images"] > 40
    assert seen["loaded"] == seen["images"]


def test_several_runs_fit_a_narrow_screen(make_ring: Callable[..., Path], tmp_path: Path) -> None:
    runs = [make_ring(tmp_path / "good"), make_ring(tmp_path / "plain", method="sinkhorn")]
    seen = measured(write_report(runs, tmp_path / "report.html"), tmp_path)
    assert seen["wide"] == 400
    assert seen["right"] <= 400


def test_the_page_sends_no_request(ring_run: Path, digits_run: Path, tmp_path: Path) -> None:
    page = write_report([ring_run, digits_run], tmp_path / "report.html")
    seen = measured(page, tmp_path)
    assert seen["requests"] == 0
    assert seen["wide"] == 400
    foreign = '<img src="http://localhost:9/x.png" alt="">'  # what the measurement would show if it did
    assert measured(page, tmp_path, addition=foreign)["requests"] == 1


def test_the_page_is_drawn(ring_run: Path, tmp_path: Path) -> None:
    page, shot = write_report([ring_run], tmp_path / "report.html"), tmp_path / "shot.png"
    browse(tmp_path, "--window-size=1280,2400", f"--screenshot={shot}", page.as_uri())
    with Image.open(shot) as picture:
        colours = picture.convert("RGB").getcolors(maxcolors=1 << 24)
    assert picture.size == (1280, 2400)
    assert colours is not None
    assert len(colours) > 200
