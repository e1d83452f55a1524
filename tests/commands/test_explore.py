"""The page with sliders: every question that its script asks, and those that nobody should."""

import contextlib
import http.client
import io
import json
import re
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from PIL import Image

from infot.assembly import build_dataset
from infot.cli import main
from infot.config import ModelConfig
from infot.errors import ConfigError, DataError
from infot.explore import ExploreServer, HeldOut, Studio
from infot.explore.controls import code_controls, code_of, noise_of
from infot.explore.held_out import picture_of
from infot.model import load
from infot.models.blocks import Categorical, Circle, Normal, Uniform
from infot.models.latents import LatentSpace

from .conftest import OPTIONS, Invoke, start

HEADERS = {"Host": "localhost"}
Answer = tuple[int, str, bytes]


def studio_of(run: Path) -> Studio:
    model = load(run)
    return Studio(model, HeldOut.of_dataset(build_dataset(model.config)))


@contextlib.contextmanager
def serving(studio: Studio) -> Iterator[ExploreServer]:
    with ExploreServer(studio, name="a run") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def images(finished_images: Path) -> Iterator[ExploreServer]:
    with serving(studio_of(finished_images)) as server:
        yield server


@pytest.fixture(scope="session")
def vectors(finished_run: Path) -> Iterator[ExploreServer]:
    with serving(studio_of(finished_run)) as server:
        yield server


def ask(
    server: ExploreServer,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    **query: object,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
    try:
        connection.request(method, f"{path}?{urlencode(query)}", body=body, headers=HEADERS | (headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.headers.get_content_type(), answer.read()
    finally:
        connection.close()


def good(answer: Answer, kind: str) -> bytes:
    status, found, content = answer
    assert (status, found) == (200, kind), content
    return content


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as picture:
        return picture.size


def zeros(server: ExploreServer) -> str:
    return ",".join(["0"] * server.studio.model.latents.noise_dim)


def png_of(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_page_holds_all_it_needs_and_asks_nobody_else(
    images: ExploreServer, vectors: ExploreServer
) -> None:
    for server in (images, vectors):
        page = good(ask(server, "/"), "text/html").decode()
        assert not re.findall(r"""(?:src|href|action)=["'](?!data:)[^"']+""", page)
        assert "http://" not in page and "https://" not in page
        assert "default-src &#x27;none&#x27;" in page
        assert "script-src &#x27;sha256-" in page and page.count("<script>") == 1
        assert page.count('data-code="0"') == 1
    assert "thickness" in good(ask(images, "/"), "text/html").decode()
    assert 'id="many"' in good(ask(images, "/"), "text/html").decode()
    assert 'id="plane"' in good(ask(vectors, "/"), "text/html").decode()


def test_samples_of_one_code_and_seed_repeat(images: ExploreServer) -> None:
    def samples(code: int, seed: int) -> bytes:
        return good(ask(images, "/samples.png", code=code, seed=seed, n=20), "image/png")

    assert size_of(samples(3, 0)) == (8 * 34 - 2, 3 * 34 - 2)  # 8 pixels a side are shown as 32, 8 in a row
    assert samples(3, 0) == samples(3, 0)
    assert samples(3, 0) != samples(3, 1)
    assert samples(3, 0) != samples(4, 0)


def test_the_noise_of_a_sample_gives_that_sample(images: ExploreServer) -> None:
    noise = json.loads(good(ask(images, "/noise", seed=5, n=4), "application/json"))
    assert np.shape(noise) == (4, images.studio.model.latents.noise_dim)
    grid = good(ask(images, "/samples.png", code=2, seed=5, n=4), "image/png")
    one = good(ask(images, "/picture.png", code=2, noise=",".join(map(str, noise[1]))), "image/png")
    with Image.open(io.BytesIO(grid)) as many, Image.open(io.BytesIO(one)) as single:
        cut = np.asarray(many.crop((34, 0, 66, 32))).astype(int)
        np.testing.assert_allclose(cut, np.asarray(single).astype(int), atol=1)


def test_the_faces_of_the_codes_are_their_pictures(images: ExploreServer) -> None:
    sheet = good(ask(images, "/choices.png", code=0, noise=zeros(images), at=0), "image/png")
    one = good(ask(images, "/picture.png", code=7, noise=zeros(images)), "image/png")
    with Image.open(io.BytesIO(sheet)) as faces, Image.open(io.BytesIO(one)) as single:
        assert faces.size == (10 * 32, 32)
        face = np.asarray(faces.crop((7 * 32, 0, 8 * 32, 32))).astype(int)
        np.testing.assert_allclose(face, np.asarray(single).astype(int), atol=1)


def test_what_the_plan_says_of_an_image(images: ExploreServer) -> None:
    told = json.loads(good(ask(images, "/reading", index=3), "application/json"))
    model, held_out = images.studio.model, images.studio.held_out
    assert held_out is not None and held_out.labels is not None
    x = held_out.points[3:4]
    posterior = model.posterior(x)[0]
    np.testing.assert_allclose(told["blocks"][0]["shares"], posterior, atol=1e-5)
    assert told["blocks"][0]["bars"].startswith("<svg")
    assert told["code"] == [float(posterior.argmax())]
    assert told["words"] == str(int(posterior.argmax()))
    assert told["label"] == held_out.class_names[int(held_out.labels[3])]
    partners = model.partners(x, 6)
    np.testing.assert_allclose([p["mass"] for p in told["partners"]], partners.mass[0], atol=1e-5)
    assert [p["words"] for p in told["partners"]] == [str(code) for code in partners.codes[0].tolist()]
    for address in (told["datum"], told["rebuilt"], told["partners"][0]["picture"]):
        assert address.startswith("data:image/png;base64,")
    assert told["plane"] is None


def test_what_the_plan_says_of_a_point(vectors: ExploreServer) -> None:
    told = json.loads(good(ask(vectors, "/reading", index=0), "application/json"))
    assert told["plane"].startswith("<svg") and "stroke-width" in told["plane"]
    assert told["datum"] is None and told["rebuilt"] is None
    assert sum(told["blocks"][0]["shares"]) == pytest.approx(1, abs=1e-5)
    assert len(told["partners"]) == 6 and told["partners"][0]["picture"] is None
    plane = good(ask(vectors, "/plane.svg", code=1, noise=zeros(vectors), n=16), "image/svg+xml").decode()
    assert plane.count("<svg") >= 1 and "16 samples of the chosen code" in plane
    other = good(ask(vectors, "/plane.svg", code=2, noise=zeros(vectors), n=16), "image/svg+xml").decode()
    assert plane != other


def test_a_picture_of_ones_own_is_read_as_the_datum_that_it_is(images: ExploreServer) -> None:
    held_out = images.studio.held_out
    assert held_out is not None
    pixels = (held_out.points[5, 0] * 255).round().to(torch.uint8).numpy()
    for sent, invert in ((pixels, 0), (255 - pixels, 1)):
        answer = ask(images, "/reading", method="POST", body=png_of(sent), invert=invert)
        told = json.loads(good(answer, "application/json"))
        expected = images.studio.reading(5)
        assert told["words"] == expected["words"] and told["label"] is None
        np.testing.assert_allclose(told["blocks"][0]["shares"], expected["blocks"][0]["shares"], atol=0.02)


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        ("/samples.png", {}, "code: expected 1 number, got 0"),
        ("/samples.png", {"code": "1,2"}, "code: expected 1 number, got 2"),
        ("/samples.png", {"code": "x"}, "code: expected numbers separated by commas, got 'x'"),
        ("/samples.png", {"code": "nan"}, "code: expected finite numbers, got 'nan'"),
        ("/samples.png", {"code": "10"}, "code: categorical 1 lies between 0 and 9, got 10"),
        ("/samples.png", {"code": "1.5"}, "code: expected a whole number from 0 to 9, got 1.5"),
        ("/samples.png", {"code": "1", "n": "65"}, "n: expected 1 to 64, got 65"),
        ("/samples.png", {"code": "1", "n": "0"}, "n: expected 1 to 64, got 0"),
        (
            "/samples.png",
            {"code": "1", "seed": "-1"},
            "seed: expected a whole number from 0 to 2147483647, got '-1'",
        ),
        (
            "/samples.png",
            {"code": "1", "seed": "9" * 300},
            "seed: expected a whole number from 0 to 2147483647",
        ),
        ("/picture.png", {"code": "1", "noise": "1"}, "numbers, got 1"),
        ("/choices.png", {"code": "1", "at": "1"}, "at: control 1 of the code is no choice among values"),
        ("/choices.png", {"code": "", "noise": ""}, "code: expected 1 numbers, got 0"),
        ("/noise", {}, "seed: expected a whole number from 0 to 2147483647, got ''"),
        ("/plane.svg", {"code": "1"}, "the model makes images, which are no points in a plane"),
        ("/reading", {}, "index: expected a whole number"),
        ("/reading", {"index": "100000"}, "index: expected 0 to"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(
    images: ExploreServer, path: str, query: dict[str, str], message: str
) -> None:
    status, kind, content = ask(images, path, **query)
    assert (status, kind) == (400, "text/plain"), content
    assert message in content.decode() and len(content.decode().splitlines()) == 1


def test_points_are_no_picture(vectors: ExploreServer) -> None:
    for path in ("/samples.png", "/picture.png", "/choices.png"):
        status, _, content = ask(vectors, path, code=1, noise=zeros(vectors))
        assert status == 400 and b"which are no picture: ask for /plane.svg" in content
    status, _, content = ask(vectors, "/reading", method="POST", body=png_of(np.zeros((4, 4), np.uint8)))
    assert status == 400 and b"it has no use for a picture" in content


def test_uploads_are_checked(images: ExploreServer) -> None:
    status, _, content = ask(images, "/reading", method="POST", body=b"no image")
    assert status == 400 and b"this cannot be read as an image" in content
    status, _, content = ask(images, "/reading", method="POST", headers={"Content-Length": "10000001"})
    assert status == 413 and b"at most 10 MB" in content
    status, _, content = ask(images, "/reading", method="POST", headers={"Content-Length": "-1"})
    assert status == 411 and b"expected a Content-Length" in content


@pytest.mark.parametrize("path", ["/etc/passwd", "/../pyproject.toml", "/config.yaml", "/reading/"])
def test_no_file_is_served(images: ExploreServer, path: str) -> None:
    status, _, content = ask(images, path)
    assert status == 404 and content.startswith(b"there is no GET ")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "10.0.0.1", "[::1"]
)
def test_a_page_that_came_by_another_name_is_refused(images: ExploreServer, host: str) -> None:
    status, _, content = ask(images, "/", headers={"Host": host})
    assert status == 403 and b"alone" in content


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "LOCALHOST", "[::1]:8765"])
def test_this_machine_may_be_called_by_its_names(images: ExploreServer, host: str) -> None:
    assert ask(images, "/noise", headers={"Host": host}, seed=0)[0] == 200


def test_a_foreign_page_may_not_post(images: ExploreServer) -> None:
    body = png_of(np.zeros((8, 8), np.uint8))
    for origin, status in (("http://evil.example", 403), ("null", 403), ("http://localhost", 200)):
        answer = ask(images, "/reading", method="POST", body=body, headers={"Origin": origin})
        assert answer[0] == status, origin


def test_where_all_addresses_are_listened_on_a_number_is_a_name(finished_run: Path) -> None:
    with ExploreServer(studio_of(finished_run), name="a run", host="0.0.0.0") as server:
        assert server.knows("192.168.1.5:8765") and not server.knows("evil.example")
        assert server.address.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(("method", "reads"), [("nonsaturating", False), ("infogan", True)])
def test_a_method_without_a_plan_says_so(tmp_path: Path, points: Path, method: str, reads: bool) -> None:
    options = [*OPTIONS[:2], "--training.batch-size", "32", "--model.width", "8", "--device", "cpu"]
    run = tmp_path / method
    arguments = [
        "train",
        "custom",
        "--data",
        str(points),
        "--method",
        method,
        "--steps",
        "2",
        "--run",
        str(run),
    ]
    assert main([*arguments, *options]) == 0
    with serving(studio_of(run)) as server:
        page = good(ask(server, "/"), "text/html").decode()
        assert f"the method {method} holds no plan" in page
        assert ('id="words"' in page) == reads and 'id="partners"' not in page
        told = json.loads(good(ask(server, "/reading", index=1), "application/json"))
        assert told["partners"] == [] and (told["code"] is not None) == reads
        assert (told["plane"] is not None) == reads


def test_a_continuous_code_has_a_dial_and_sliders(tmp_path: Path, points: Path) -> None:
    run = tmp_path / "run"
    latent = ["--latent.circle", "1", "--latent.uniform", "1"]
    assert (
        main(["train", "custom", "--data", str(points), *OPTIONS, *latent, "--steps", "2", "--run", str(run)])
        == 0
    )
    with serving(studio_of(run)) as server:
        page = good(ask(server, "/"), "text/html").decode()
        assert (
            page.count('class="dial"') == 1 and page.count('data-kind="slider"') == 1 + 2
        )  # and two of noise
        told = json.loads(good(ask(server, "/reading", index=2), "application/json"))
        assert len(told["code"]) == 3 and len(told["blocks"]) == 1
        assert re.fullmatch(r"\d · -?\d+° · -?\d\.\d\d", told["words"])
        assert sum(told["blocks"][0]["shares"]) == pytest.approx(1, abs=1e-5)
        code = ",".join(map(str, told["code"]))
        good(
            ask(server, "/plane.svg", code=code, noise="0,0", n=4), "image/svg+xml"
        )  # what was read can be set
        status, _, content = ask(server, "/plane.svg", code="0,4,0", noise="0,0")
        assert status == 400 and b"circle 1 lies between -3.142 and 3.142, got 4" in content


def test_the_command_serves_until_it_is_interrupted(finished_run: Path) -> None:
    process = start("explore", finished_run, "--no-browser", "--port", 0)
    assert process.stdout is not None
    line = process.stdout.readline()
    address = re.match(r"http://127.0.0.1:(\d+)/ shows points; Ctrl-C ends it", line)
    assert address, (line, process.stderr.read() if process.stderr and not line else "")
    connection = http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=30)
    connection.request("GET", "/noise?seed=1")
    assert connection.getresponse().status == 200
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    connection.close()
    assert (process.returncode, errors) == (0, "ended\n")


def test_a_port_that_is_taken(finished_run: Path, infot: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert infot("explore", finished_run, "--no-browser", "--port", port) == 2
    error = capsys.readouterr().err
    assert (
        f"cannot listen on 127.0.0.1, port {port}: address already in use; choose another with --port"
        in error
    )
    assert infot("explore", finished_run, "--no-browser", "--port", 70000) == 2
    assert "--port: expected 0 to 65535, got 70000" in capsys.readouterr().err


def test_a_run_whose_data_are_gone_is_shown_without_them(
    tmp_path: Path,
    infot: Invoke,
    points: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(points, tmp_path / "gone.npy")
    run = tmp_path / "run"
    options = [*OPTIONS, "--steps", "2", "--run", run]
    assert infot("train", "custom", "--data", tmp_path / "gone.npy", *options) == 0
    (tmp_path / "gone.npy").unlink()
    pages: list[str] = []

    def look(server: ExploreServer) -> None:
        pages.append(server.page.decode())
        raise KeyboardInterrupt

    monkeypatch.setattr(ExploreServer, "serve_forever", look)
    capsys.readouterr()
    assert infot("explore", run, "--no-browser", "--port", 0) == 0
    assert "no data to look at" in capsys.readouterr().err
    assert "The data of this run cannot be read" in pages[0] and "--data" in pages[0]
    assert infot("explore", run, "--no-browser", "--port", 0, "--data", points) == 0
    assert "of 200 from points.npy" in pages[1]


def test_controls_stand_for_codes() -> None:
    space = LatentSpace((Categorical(3), Circle(), Uniform(1), Normal(1)), Normal(2))
    controls = code_controls(space, ModelConfig())
    assert [control.kind for control in controls] == ["choice", "dial", "slider", "slider"]
    code = code_of(space, controls, [2, torch.pi / 2, -0.5, 1.5])
    torch.testing.assert_close(code, torch.tensor([0, 0, 1, 0, 1, -0.5, 1.5]), atol=1e-6, rtol=0)
    assert space.coordinates(code[None])[0].tolist() == pytest.approx([2, torch.pi / 2, -0.5, 1.5])
    code_of(space, controls, [0, 0, 0, 4.0])  # beyond the slider, yet a place that the prior comes to
    for wrong, message in (
        ([0, 4, 0, 0], "circle 1 lies between -3.142 and 3.142, got 4"),
        ([0, 0, 1.1, 0], "uniform 1 lies between -1 and 1, got 1.1"),
        ([0, 0, 0, 11], "normal 1 lies between -10 and 10, got 11"),
        ([0, 0], "code: expected 4 numbers, got 2"),
    ):
        with pytest.raises(ConfigError, match=message):
            code_of(space, controls, wrong)
    with pytest.raises(ConfigError, match="noise: expected numbers between -10 and 10, got 1e"):
        noise_of(space, [0, 1e9])


def test_pictures_of_any_kind_come_to_the_models_shape() -> None:
    clear = np.zeros((20, 30, 4), np.uint8)  # nothing but transparency, which is white paper
    assert picture_of(png_of(clear), (1, 8, 8)).min() == 1
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 255
    assert picture_of(png_of(red), (3, 8, 6)).shape == (1, 3, 8, 6)
    assert picture_of(png_of(red), (3, 8, 6))[0, :, 0, 0].tolist() == [1, 0, 0]
    with pytest.raises(ConfigError, match="a picture has 1 or 3 channels, the model's images have 2"):
        picture_of(png_of(red), (2, 8, 8))
    with pytest.raises(DataError, match="cannot be read as an image"):
        picture_of(png_of(red)[:60], (3, 8, 8))
