"""Pictures as files of their own: samples code by code, sweeps step by step and moving."""

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw

from infot.report.arrays import class_name
from infot.report.films import film_of_pixels, moving_picture
from infot.report.images import MAX_DRAWS, MAX_SWEEPS, pick_steps
from infot.report.markup import Markup, figure
from infot.report.pictures import encode, to_pixels

__all__ = [
    "MAX_CODES",
    "code_words",
    "codes_sheet",
    "loop_figure",
    "side_by_side",
    "sweeps_film",
    "sweeps_sheet",
]

MAX_CODES = 30
"""Codes in a sheet, the first ones."""
SMALLEST, LARGEST = 40, 64
"""Side of a picture in a sheet, in pixels: smaller ones are enlarged by a whole factor."""
GAP, LABEL, LETTERS = 2, 92, 15
"""Pixels between pictures, and for the words left of a row; letters in a line of them."""
FILM_LIMIT = 400_000
"""Bytes of a film that is a file of its own."""
LOOP_LIMIT = 260_000
"""Bytes of a film of all codes inside a page."""


def codes_sheet(arrays: dict[str, np.ndarray]) -> bytes | None:
    """Draw a row for each code, as a PNG: its commonest label, its template, samples.

    Args:
        arrays: Of `evaluation.npz`.
    """
    samples, templates = arrays.get("samples"), arrays.get("templates")
    if samples is None or samples.ndim != 5:
        return None
    rows, words = [], []
    for k in range(min(len(samples), MAX_CODES)):
        first = [] if templates is None else [templates[k : k + 1]]
        rows.append(_tiles(np.concatenate([*first, samples[k, :MAX_DRAWS]])))
        words.append(code_words(k, arrays))
    return encode(_sheet(rows, words), "PNG")


def code_words(k: int, arrays: dict[str, np.ndarray]) -> str:
    """Return the words beside code ``k``: its number and, where labels are known, the commonest label of its data."""
    counts = arrays.get("code_label_counts")
    if counts is None or k >= len(counts) or not counts[k].sum():
        return f"code {k}"
    best = int(counts[k].argmax())
    return f"code {k}\n{class_name(arrays, best)}: {100 * counts[k, best] / counts[k].sum():.0f} %"


def sweeps_sheet(sweeps: np.ndarray, names: Sequence[str], *, angles: int = 0) -> bytes:
    """Draw a row for each sweep, (J, T, C, H, W), as a PNG; the first `angles` of them are closed."""
    shown = sweeps[:MAX_SWEEPS]
    rows = [_tiles(pick_steps(sweep, closed=j < angles)) for j, sweep in enumerate(shown)]
    return encode(_sheet(rows, [_wrapped(name) for name in names[: len(shown)]]), "PNG")


def _wrapped(name: str) -> str:
    """Break a name that is wider than the room left of a row, each of its lines by itself."""
    return "\n".join("\n".join(wrap(line, LETTERS)) for line in name.split("\n"))


def sweeps_film(sweeps: np.ndarray, *, closed: bool = False, limit: int = FILM_LIMIT) -> bytes | None:
    """Show all sweeps, (J, T, C, H, W), moving side by side, as a GIF; None where it is too large or too short.

    Args:
        sweeps: The sweeps.
        closed: Whether the last step is followed by the first.
        limit: Bytes of the film.
    """
    return film_of_pixels(side_by_side(sweeps), closed=closed, limit=limit)


def side_by_side(sweeps: np.ndarray) -> np.ndarray:
    """Return every step of sweeps, (J, T, C, H, W), as one picture, bytes (T, H', W', 3)."""
    shown = [_tiles(sweep) for sweep in sweeps]
    gap = np.full((*shown[0].shape[:2], GAP, 3), 255, dtype=np.uint8)
    columns = [piece for tiles in shown for piece in (tiles, gap)][:-1]
    return np.concatenate(columns, axis=2)


def loop_figure(arrays: dict[str, np.ndarray]) -> Markup | None:
    """Show the codes side by side while one noise moves through all of them."""
    loops = arrays.get("code_loops")
    moving = sweeps_film(loops, closed=True, limit=LOOP_LIMIT) if loops is not None else None
    if loops is None or moving is None:
        return None
    caption = (
        f"The first {len(loops)} codes, side by side, while the noise goes once around, the same for all: what the "
        "thing is stays, how it looks moves with the noise."
    )
    pixels = side_by_side(loops[:, :1])[0]
    shown = moving_picture(moving, pixels, "Each code while the noise goes around.", width=pixels.shape[1])
    return figure(shown, title="Every code with the noise moving", caption=caption, class_="wide")


def _tiles(pictures: np.ndarray) -> np.ndarray:
    """Turn (n, C, H, W) into (n, H', W', 3) bytes of at least `SMALLEST` pixels a side."""
    pixels = to_pixels(pictures, side=LARGEST)
    factor = max(1, -(-SMALLEST // max(pixels.shape[1:3])))
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)


def _sheet(rows: Sequence[np.ndarray], words: Sequence[str]) -> Image.Image:
    height, width = rows[0].shape[1:3]
    longest = max(map(len, rows))
    size = (LABEL + longest * (width + GAP) - GAP, len(rows) * (height + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for r, (tiles, text) in enumerate(zip(rows, words, strict=True)):
        top = r * (height + GAP)
        pen.multiline_text((4, top + height / 2), text, fill="#1b2430", anchor="lm", spacing=3)
        for c, tile in enumerate(tiles):
            sheet.paste(Image.fromarray(tile), (LABEL + c * (width + GAP), top))
    return sheet
