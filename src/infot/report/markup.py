"""HTML text that is escaped by construction: plain strings are text, `Markup` is markup."""

import html
from collections.abc import Iterable

__all__ = ["Markup", "element", "figure", "join", "number", "prose"]

VOID = frozenset({"br", "circle", "img", "input", "line", "meta", "path", "polyline", "rect", "source"})
"""Elements without content; in SVG they are closed with a slash."""


class Markup(str):
    """A string that is HTML already and goes onto the page as it is."""

    __slots__ = ()


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """Build one element.

    Args:
        name: Name of the element.
        *children: `Markup` is kept, anything else is escaped text.
        **attributes: A trailing underscore is dropped, other underscores become hyphens; None leaves the
        attribute
            out. Names of SVG that hold capital letters are given as they are (`viewBox`).

    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    pairs = [
        (key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None
    ]
    opening = "".join(f' {key}="{html.escape(str(value), quote=True)}"' for key, value in pairs)
    if name in VOID and not children:
        return Markup(f"<{name}{opening}/>")
    return Markup(f"<{name}{opening}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Markup:
    """Put pieces one after the other; what is not `Markup` is escaped.

    >>> join(["1 & ", Markup("<b>2</b>")])
    '1 &amp; <b>2</b>'
    """
    return Markup(
        "".join(
            piece if isinstance(piece, Markup) else html.escape(str(piece), quote=False) for piece in children
        )
    )


def number(value: float) -> str:
    """Write a coordinate of a drawing with a tenth of a pixel, as briefly as it goes.

    >>> number(12.04), number(0.5), number(-0.01)
    ('12', '.5', '0')
    """
    text = f"{value:.1f}"
    if text.endswith(".0"):
        text = text[:-2]
    if text in ("-0", "0"):
        return "0"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def prose(text: str) -> Markup:
    """Set what stands between back-quotes as code.

    >>> prose("say `a < b` twice")
    'say <code>a &lt; b</code> twice'
    """
    return join(element("code", part) if k % 2 else part for k, part in enumerate(text.split("`")))


def figure(
    *content: object, title: str | None = None, caption: object = None, class_: str | None = None
) -> Markup:
    """Frame content as a figure with a title above and a caption below."""
    head = element("h4", title) if title else Markup("")
    foot = element("figcaption", caption) if caption is not None else Markup("")
    return element("figure", head, *content, foot, class_=class_)
