"""The frame of every page: one HTML file that holds everything it shows."""

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files

from infot.report.glossary import WORDS
from infot.report.markup import Markup, element, join

__all__ = ["document", "glossary_section"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Content policy of a page that is a file: the browser itself refuses any request to the outside, and any script."""


def document(
    title: str, content: Iterable[object], *, kind: str, source: str, style: str = "", script: str = ""
) -> str:
    """Build a page as text: styles inside, no outside request, and no script but one that is given.

    Args:
        title: What stands in the window's title.
        content: The page.
        kind: What the page is, for the window's title.
        source: What it was made from, for the foot of the page.
        style: Styles beside those of all pages.
        script: The one script that may run, which may ask the server that the page came from, and nobody else.
    """
    foot = f"Made by infot from {source}; nothing on this page is loaded from elsewhere."
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} – infot {kind}"),
        element("style", Markup(_house_style() + style)),
    )
    main = element("main", *content, element("footer", foot))
    body = [main, element("script", Markup(script))] if script else [main]
    return "<!doctype html>\n" + element("html", head, element("body", *body), lang="en") + "\n"


def _house_style() -> str:
    return files("infot.report").joinpath("style.css").read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Return the content policy of a page with a script, which is known by its digest."""
    if not script:
        return POLICY
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return f"{POLICY} 'self' blob:; script-src 'sha256-{digest}'; connect-src 'self'"


def glossary_section() -> Markup:
    """Explain the words that pages use."""
    entries = join(join([element("dt", word), element("dd", meaning)]) for word, meaning in WORDS)
    return element(
        "section", element("h2", "Words used here", id="words"), element("dl", entries), class_="run words"
    )
