"""Sweeps as moving pictures; still ones stand in for readers who want none, and on paper."""

import io

import numpy as np
from PIL import Image

from infot.report.markup import Markup, element
from infot.report.pictures import PIXELATED_BELOW, data_address, encode, to_pixels

__all__ = ["film", "film_bytes", "film_of_pixels", "moving_picture"]

MAX_BYTES = 40_000
"""Size of one film: where it is exceeded, every second picture is left out, and again."""
FEWEST = 5
"""Pictures below which there is no film."""
LASTS = 3.2
"""Seconds from one end to the other and back, or once around."""
STILL = "(prefers-reduced-motion: reduce), print"
"""Where the middle picture stands in for the film."""


def film(pictures: np.ndarray, alt: str, *, closed: bool = False, cell: int = 64) -> Markup | None:
    """Show pictures one after the other, there and back, as an animated GIF inside the page.

    Args:
        pictures: Shape (n, C, H, W), values in [0, 1].
        alt: What they show, in words.
        closed: Whether the last one is followed by the first, as on a circle.
        cell: Width on the page, in pixels.

    Returns:
        The film, or None where no film of a fair number of pictures stays within ``MAX_BYTES``.
    """
    moving = film_bytes(pictures, closed=closed)
    if moving is None:
        return None
    pixels = to_pixels(pictures[len(pictures) // 2 : len(pictures) // 2 + 1])[0]
    return moving_picture(moving, pixels, alt, width=cell)


def moving_picture(moving: bytes, still: np.ndarray, alt: str, *, width: int) -> Markup:
    """Show a film, but a still picture to readers who want no motion, and on paper.

    Args:
        moving: An animated GIF.
        still: What stands in for it, bytes (H, W, 3).
        alt: What they show, in words.
        width: Width on the page, in pixels.
    """
    stands_in = data_address("png", encode(Image.fromarray(still), "PNG"))
    hard = "hard" if still.shape[1] < PIXELATED_BELOW else None
    return element(
        "picture",
        element("source", media=STILL, srcset=stands_in),
        element("img", src=data_address("gif", moving), alt=alt, class_=hard, style=f"width:{width}px"),
    )


def film_bytes(pictures: np.ndarray, *, closed: bool = False, limit: int = MAX_BYTES) -> bytes | None:
    """Return pictures as an animated GIF that goes on for ever; see :func:`film`."""
    return film_of_pixels(to_pixels(pictures), closed=closed, limit=limit)


def film_of_pixels(pixels: np.ndarray, *, closed: bool = False, limit: int = MAX_BYTES) -> bytes | None:
    """Return pictures, bytes (n, H, W, 3), as an animated GIF of at most `limit` bytes; see :func:`film`."""
    while len(pixels) >= FEWEST:
        turn = pixels if closed else np.concatenate([pixels, pixels[-2:0:-1]])
        content = _gif(turn)
        if len(content) <= limit:
            return content
        pixels = pixels[::2]
    return None


def _gif(pixels: np.ndarray) -> bytes:
    """Encode (n, H, W, 3) bytes; grey ones keep their levels, colours are brought to 256."""
    grey = bool((pixels == pixels[..., :1]).all())
    frames = [
        Image.fromarray(picture[..., 0] if grey else picture).convert("L" if grey else "RGB")
        for picture in pixels
    ]
    stream = io.BytesIO()
    pace = max(20, 10 * round(100 * LASTS / len(frames)))  # milliseconds; the format counts in hundredths
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=pace, loop=0)
    return stream.getvalue()
