"""The server: answers this machine's browser, and nobody who came by another name."""

import ipaddress
import json
import math
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infot.errors import ConfigError, InfotError
from infot.explore.page import explore_page
from infot.explore.studio import Studio

__all__ = ["ExploreServer"]

MAX_UPLOAD = 10_000_000
"""Bytes of a picture that is sent."""
MAX_SEED = 2**31 - 1
TIMEOUT = 30
"""Seconds after which a connection that says nothing is closed."""
REFUSED = (2, 3)
"""Exit codes of errors that are the question's fault, not the model's."""

Query = Mapping[str, str]
Answer = tuple[str, bytes]
"""Kind of content, and content."""


class ExploreServer(ThreadingHTTPServer):
    """Serve the page of a studio and what it asks for.

    A page from elsewhere whose name was made to point here (DNS rebinding) comes with its own name in the Host header,
    and is refused; so is one that posts here (Origin header). No file is ever served.

    Args:
        studio: What answers.
        name: Name of the run, for the page.
        host: Address to listen on.
        port: Port, or 0 for any free one.

    Raises:
        ConfigError: If the address or port cannot be had.
    """

    daemon_threads = True

    def __init__(self, studio: Studio, *, name: str, host: str = "127.0.0.1", port: int = 0) -> None:
        if not 0 <= port <= 65535:
            raise ConfigError(f"--port: expected 0 to 65535, got {port}")
        self.studio = studio
        self.page = explore_page(studio, name).encode()
        self.host = host
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigError(
                f"cannot listen on {host}, port {port}: {reason}; choose another with --port, or --port 0 for any "
                "that is free"
            ) from error

    @property
    def address(self) -> str:
        """Where the page is."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host
        return f"http://{host}:{self.server_address[1]}/"

    def knows(self, host: str) -> bool:
        """Return whether a Host header names this machine: as it was told, as localhost, or by a number.

        Numbers cannot be made to point elsewhere, but they are taken only where every address is listened on.
        """
        name = _host_name(host)
        if name in (self.host.lower(), "localhost", "127.0.0.1", "::1"):
            return True
        return self.host in ("", "0.0.0.0") and _is_number(name)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where the browser has left before its answer was there."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _host_name(header: str) -> str:
    """Return the name in a Host header, in lower case, without port and brackets.

    >>> _host_name("LocalHost:8000"), _host_name("[::1]:8000"), _host_name("")
    ('localhost', '::1', '')
    """
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:  # brackets that do not match
        return ""


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class _Handler(BaseHTTPRequestHandler):
    """Answer one connection."""

    server: ExploreServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "infot", ""
    timeout = TIMEOUT

    def do_GET(self) -> None:
        """Answer a question."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Take a picture of the user's own and answer."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
        elif int(length) > MAX_UPLOAD:
            limit = MAX_UPLOAD // 1_000_000
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a picture of at most {limit} MB")
        else:
            self._answer(self.rfile.read(int(length)))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a slider asks many times a second."""

    def _answer(self, body: bytes) -> None:
        if not self.server.knows(self.headers.get("Host", "")):
            self._refuse(HTTPStatus.FORBIDDEN, f"this server answers to {self.server.address} alone")
            return
        origin = self.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != self.headers.get("Host"):
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers its own page alone")
            return
        url = urlsplit(self.path)
        route = _ROUTES.get((self.command, url.path))
        if route is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"there is no {self.command} {url.path} here")
            return
        try:
            query = {key: values[-1] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
            self._send(HTTPStatus.OK, *route(self.server, query, body))
        except InfotError as error:
            bad = error.exit_code in REFUSED
            self._refuse(HTTPStatus.BAD_REQUEST if bad else HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self.close_connection = True  # what was sent may not have been read
        self._send(status, "text/plain; charset=utf-8", f"{sentence}\n".encode())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


def _numbers(query: Query, name: str) -> list[float]:
    """Read finite numbers that commas separate; none where nothing was given."""
    text = query.get(name, "")
    try:
        numbers = [float(piece) for piece in text.split(",")] if text else []
    except ValueError:
        raise ConfigError(f"{name}: expected numbers separated by commas, got {text[:60]!r}") from None
    if not all(map(math.isfinite, numbers)):
        raise ConfigError(f"{name}: expected finite numbers, got {text[:60]!r}")
    return numbers


def _whole(query: Query, name: str, default: int | None = None) -> int:
    """Read a whole number from 0 to ``MAX_SEED``."""
    text = query.get(name, "" if default is None else str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= MAX_SEED):
        raise ConfigError(f"{name}: expected a whole number from 0 to {MAX_SEED}, got {text[:60]!r}")
    return int(text)


def _json(content: object) -> Answer:
    return "application/json", json.dumps(content, allow_nan=False).encode()


def _page(server: ExploreServer, query: Query, body: bytes) -> Answer:
    return "text/html; charset=utf-8", server.page


def _noise(server: ExploreServer, query: Query, body: bytes) -> Answer:
    return _json(server.studio.noise(_whole(query, "seed"), _whole(query, "n", 1)).tolist())


def _samples(server: ExploreServer, query: Query, body: bytes) -> Answer:
    _check_pictures(server.studio)
    code, seed, n = _numbers(query, "code"), _whole(query, "seed", 0), _whole(query, "n", 32)
    return "image/png", server.studio.samples(code, seed, n)


def _picture(server: ExploreServer, query: Query, body: bytes) -> Answer:
    _check_pictures(server.studio)
    return "image/png", server.studio.picture(_numbers(query, "code"), _numbers(query, "noise"))


def _choices(server: ExploreServer, query: Query, body: bytes) -> Answer:
    _check_pictures(server.studio)
    code, noise = _numbers(query, "code"), _numbers(query, "noise")
    return "image/png", server.studio.choices(code, noise, _whole(query, "at", 0))


def _plane(server: ExploreServer, query: Query, body: bytes) -> Answer:
    if server.studio.draws_pictures:
        raise ConfigError("the model makes images, which are no points in a plane: ask for /samples.png")
    code, noise = _numbers(query, "code"), _numbers(query, "noise")
    svg = server.studio.plane(code, noise, _whole(query, "seed", 0), _whole(query, "n", 64))
    return "image/svg+xml", svg.encode()


def _reading(server: ExploreServer, query: Query, body: bytes) -> Answer:
    return _json(server.studio.reading(_whole(query, "index")))


def _own_reading(server: ExploreServer, query: Query, body: bytes) -> Answer:
    return _json(server.studio.own_reading(body, invert=_whole(query, "invert", 0) == 1))


def _check_pictures(studio: Studio) -> None:
    if not studio.draws_pictures:
        raise ConfigError(
            f"the model makes {studio.model.data.kind}, which are no picture: ask for /plane.svg"
        )


_ROUTES = {
    ("GET", "/"): _page,
    ("GET", "/noise"): _noise,
    ("GET", "/samples.png"): _samples,
    ("GET", "/picture.png"): _picture,
    ("GET", "/choices.png"): _choices,
    ("GET", "/plane.svg"): _plane,
    ("GET", "/reading"): _reading,
    ("POST", "/reading"): _own_reading,
}
"""All there is to ask for."""
