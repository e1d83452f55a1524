"""Arrays and files as pictures inside the page (data addresses), never as files beside it."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from infot.report.markup import Markup, element
from infot.report.palette import ACCENT

__all__ = ["data_address", "encode", "file_picture", "heat_picture", "strip", "to_pixels"]

PIXELATED_BELOW = 20
"""Side in pixels below which pictures keep hard pixels when enlarged."""

MAX_SIDE = 64
"""Side in pixels to which pictures in strips are reduced."""

MAX_GRID_SIDE = 720
"""Side in pixels to which sample grids from files are reduced."""

JPEG_ABOVE = 40_000
"""Bytes of PNG above which a picture is stored as JPEG."""


def strip(pictures: np.ndarray, alt: str, *, cell: int = 56) -> Markup:
    """Lay pictures side by side in one image.

    Args:
        pictures: (n, C, H, W), values in [0, 1]; of channels that are not 1 or 3 the mean is drawn.
        alt: What they show, in words.
        cell: Width of each on the page, in pixels.
    """
    pixels = to_pixels(pictures)
    n, height, width = pixels.shape[:3]
    gap = 1 if width < PIXELATED_BELOW else 2
    canvas = np.zeros((height, n * width + (n - 1) * gap, 4), dtype=np.uint8)
    for k, picture in enumerate(pixels):
        left = k * (width + gap)
        canvas[:, left : left + width, :3] = picture
        canvas[:, left : left + width, 3] = 255
    hard = "hard" if width < PIXELATED_BELOW else None
    shown = round(cell * canvas.shape[1] / width)
    return _image(Image.fromarray(canvas), alt, width=shown, class_=hard)


def heat_picture(values: np.ndarray, alt: str) -> Markup:
    """Draw a matrix, values in [0, 1], in strengths of one colour; the page stretches it."""
    canvas = np.empty((*values.shape, 4), dtype=np.uint8)
    canvas[..., :3] = ACCENT
    canvas[..., 3] = np.round(np.clip(values, 0, 1) * 255)
    return _image(Image.fromarray(canvas), alt, width=None, class_="hard heat")


def file_picture(path: Path, alt: str) -> Markup | None:
    """Embed an image file, reduced where it is large; None where it cannot be read."""
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB") if opened.mode not in ("L", "RGB") else opened.copy()
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return None
    small = max(picture.size) <= 160
    picture.thumbnail((MAX_GRID_SIDE, MAX_GRID_SIDE))
    return _image(picture, alt, width=None, class_="hard" if small else None)


def to_pixels(pictures: np.ndarray, *, side: int = MAX_SIDE) -> np.ndarray:
    """Turn (n, C, H, W) in [0, 1] into (n, H, W, 3) bytes, reduced to `side` where they are larger."""
    channels_last = np.moveaxis(np.asarray(pictures, dtype=np.float64), 1, -1)
    if channels_last.shape[-1] not in (1, 3):
        channels_last = channels_last.mean(axis=-1, keepdims=True)
    pixels = np.round(np.clip(channels_last, 0, 1) * 255).astype(np.uint8)
    pixels = np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
    if max(pixels.shape[1:3]) <= side:
        return pixels
    factor = side / max(pixels.shape[1:3])
    size = (max(1, round(pixels.shape[2] * factor)), max(1, round(pixels.shape[1] * factor)))
    return np.stack([np.asarray(Image.fromarray(p).resize(size, Image.Resampling.LANCZOS)) for p in pixels])


def _image(picture: Image.Image, alt: str, *, width: int | None, class_: str | None) -> Markup:
    kind, payload = "png", encode(picture, "PNG")
    if len(payload) > JPEG_ABOVE:
        paper = Image.new("RGB", picture.size, (128, 128, 128))
        paper.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
        smaller = encode(paper, "JPEG")
        if len(smaller) < len(payload):
            kind, payload = "jpeg", smaller
    style = None if width is None else f"width:{width}px"
    return element("img", src=data_address(kind, payload), alt=alt, class_=class_, style=style)


def data_address(kind: str, content: bytes) -> str:
    """Return a picture as an address that holds it: ``data:image/KIND;base64,…``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def encode(picture: Image.Image, kind: str) -> bytes:
    """Return a picture as a file of a kind that Pillow knows: ``PNG`` or ``JPEG``."""
    stream = io.BytesIO()
    if kind == "PNG":
        picture.save(stream, kind)
    else:
        picture.save(stream, kind, quality=82)
    return stream.getvalue()
