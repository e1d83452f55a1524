"""The frame of every page: one HTML file that holds everything it shows."""

from collections.abc import Iterable
from importlib.resources import files

from infot.report.glossary import WORDS
from infot.report.markup import Markup, element, join

__all__ = ["document", "glossary_section"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Content policy of the page: the browser itself refuses any request to the outside, and any script."""


def document(title: str, content: Iterable[object], *, kind: str, source: str) -> str:
    """Build a page as text: styles inside, no script, no outside request.

    Args:
        title: What stands in the window's title.
        content: The page.
        kind: What the page is, for the window's title.
        source: What it was made from, for the foot of the page.
    """
    foot = f"Made by infot from {source}; nothing on this page is loaded from elsewhere."
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} – infot {kind}"),
        element("style", Markup(files("infot.report").joinpath("style.css").read_text(encoding="utf-8"))),
    )
    main = element("main", *content, element("footer", foot))
    return "<!doctype html>\n" + element("html", head, element("body", main), lang="en") + "\n"


def glossary_section() -> Markup:
    """Explain the words that pages use."""
    entries = join(join([element("dt", word), element("dd", meaning)]) for word, meaning in WORDS)
    return element(
        "section", element("h2", "Words used here", id="words"), element("dl", entries), class_="run words"
    )
