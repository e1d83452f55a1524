"""Figures of runs on images: what each code draws, the reach of the noise, codes read off the plan."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infot.report.arrays import class_name, sweep_names
from infot.report.films import film
from infot.report.markup import Markup, element, figure, join, number
from infot.report.palette import colour
from infot.report.pictures import file_picture, strip
from infot.report.record import grid_step
from infot.report.scales import short
from infot.report.tables import chip

__all__ = [
    "code_traversal_figure",
    "codes_figure",
    "grids_figure",
    "pick_steps",
    "posterior_bars",
    "posterior_figure",
    "templates_mosaic",
    "traversal_figure",
]

MAX_CODES = 60
MAX_SWEEPS = 10
MAX_DRAWS = 12
SIDE_BY_SIDE = 9
"""Steps of a sweep that are shown beside each other; a film shows all."""
SURE, UNSURE = 12, 4
"""Held-out images shown: the first ones, and the ones whose code is least sure."""


def codes_figure(
    arrays: dict[str, np.ndarray], *, swept: bool = False, reader: str = "the plan"
) -> Markup | None:
    """Draw a row for each code: template, samples, its share of the data, its commonest label.

    Args:
        arrays: Of `evaluation.npz`.
        swept: Whether the rows are steps of a continuous code instead of the values of a categorical one.
        reader: What codes of data are read by.
    """
    samples, templates = arrays.get("samples"), arrays.get("templates")
    lead = samples if samples is not None else templates
    if lead is None:
        return None
    rows = [_code_row(k, arrays, swept=swept) for k in range(min(len(lead), MAX_CODES))]
    what = (
        "A row for each step of the continuous code, whose coordinates are swept one after the other"
        if swept
        else "A row for each code"
    )
    caption = (
        f"{what}. First the template, what the generator draws when the noise is at its mean; then samples "
        "with the same code and random noise: they should be one kind of thing, in all its variety."
    )
    if "code_frequencies" in arrays and not swept:
        caption += (
            f" Beside them the share of held-out images that {reader} gives to this code, how often the generator "
            "draws it, and the commonest label among them where labels are known (training never saw them)."
        )
    if len(lead) > MAX_CODES:
        caption += f" The first {MAX_CODES} of {len(lead)} rows are shown."
    return figure(element("div", *rows, class_="codes"), caption=caption, class_="wide")


def _code_row(k: int, arrays: dict[str, np.ndarray], *, swept: bool) -> Markup:
    name, what = (str(k + 1), f"step {k + 1}") if swept else (chip(k), f"code {k}")
    pieces = [element("div", name, class_="code")]
    templates, samples = arrays.get("templates"), arrays.get("samples")
    if templates is not None and k < len(templates):
        template = strip(templates[k : k + 1], f"Template of {what}.", cell=64)
        pieces.append(element("div", template, class_="template"))
    if samples is not None:
        shown = samples[k, :MAX_DRAWS]
        pieces.append(element("div", strip(shown, f"{len(shown)} samples of {what}."), class_="draws"))
    facts = [] if swept else _code_facts(k, arrays)
    return element("div", *pieces, element("div", *facts, class_="facts"), class_="code-row")


def _code_facts(k: int, arrays: dict[str, np.ndarray]) -> list[Markup]:
    facts = []
    frequencies, counts = arrays.get("code_frequencies"), arrays.get("code_label_counts")
    if frequencies is not None and k < len(frequencies):
        facts.append(element("span", f"{100 * frequencies[k]:.1f} % of data"))
    drawn = arrays.get("code_prior")
    if frequencies is not None and drawn is not None and k < len(drawn):
        facts.append(element("span", f"drawn {100 * drawn[k]:.1f} %"))
    if counts is not None and k < len(counts) and counts[k].sum():
        best = int(counts[k].argmax())
        facts.append(
            element(
                "span", f"label {class_name(arrays, best)}: {100 * counts[k, best] / counts[k].sum():.0f} %"
            )
        )
    return facts


def templates_mosaic(arrays: dict[str, np.ndarray]) -> Markup | None:
    """Show the codes in rows of five, for the overview of several runs."""
    templates, samples = arrays.get("templates"), arrays.get("samples")
    pictures = templates if templates is not None else None if samples is None else samples[:, 0]
    if pictures is None:
        return None
    shown = pictures[:20]
    rows = [
        strip(shown[k : k + 5], f"Templates of codes {k} to {min(k + 5, len(shown)) - 1}.", cell=46)
        for k in range(0, len(shown), 5)
    ]
    return element("div", *rows, class_="mosaic")


def code_traversal_figure(arrays: dict[str, np.ndarray], *, angles: int = 0) -> Markup | None:
    """Draw a row for each continuous coordinate of the code, swept from end to end with the noise at its mean.

    Args:
        arrays: Of `evaluation.npz`.
        angles: How many of the coordinates, the first ones, are angles.
    """
    sweeps = arrays.get("code_traversals")
    if sweeps is None or sweeps.ndim != 5:
        return None
    caption = (
        "A row for each continuous coordinate of the code: it is swept from end to end (an angle once around), the "
        "rest of the code and the noise stay at their centres. A code that has found a factor changes one thing along "
        "its row."
    )
    return _sweep_figure(sweeps, caption, sweep_names(arrays, "code_traversals", "code"), angles=angles)


def _sweep_figure(sweeps: np.ndarray, caption: str, names: Sequence[str], *, angles: int = 0) -> Markup:
    """Draw a row for each sweep: its name, a film, and steps side by side."""
    rows = []
    for j, (sweep, name) in enumerate(zip(sweeps[:MAX_SWEEPS], names, strict=False)):
        shown, called = pick_steps(sweep, closed=j < angles), name[:1].upper() + name[1:]
        moving = film(sweep, f"{called} moving from end to end.", closed=j < angles)
        pieces = [
            element("div", name, class_="code"),
            element("div", moving or "", class_="template"),
            element("div", strip(shown, f"{called} swept in {len(shown)} steps."), class_="draws"),
        ]
        rows.append(element("div", *pieces, class_="code-row sweep"))
    content = element("div", *rows, class_="codes")
    moves = " The first picture of a row moves." if "data:image/gif" in content else ""
    return figure(content, caption=caption + moves + _left_out(sweeps), class_="wide")


def pick_steps(sweep: np.ndarray, *, closed: bool = False) -> np.ndarray:
    """Choose the steps of a sweep, (T, ...), that stand side by side: ends included, or evenly around a circle.

    >>> pick_steps(np.arange(27), closed=True).tolist()
    [0, 3, 6, 9, 12, 15, 18, 21, 24]
    >>> pick_steps(np.arange(27)).tolist()
    [0, 3, 6, 10, 13, 16, 20, 23, 26]
    """
    n = min(len(sweep), SIDE_BY_SIDE)
    places = np.arange(n) * len(sweep) / n if closed else np.linspace(0, len(sweep) - 1, n)
    return sweep[places.round().astype(int)]


def _left_out(sweeps: np.ndarray) -> str:
    if len(sweeps) <= MAX_SWEEPS:
        return ""
    return f" The first {MAX_SWEEPS} of {len(sweeps)} coordinates are shown."


def traversal_figure(arrays: dict[str, np.ndarray]) -> Markup | None:
    """Draw a row for each noise coordinate, swept at a fixed code."""
    sweeps = arrays.get("traversals")
    if sweeps is None or sweeps.ndim != 5:
        return None
    values = arrays.get("traversal_values")
    reach = (
        f" from {short(float(values[0]))} to {short(float(values[-1]))} standard deviations"
        if values is not None
        else ""
    )
    caption = (
        f"A row for each coordinate of the noise: it is swept{reach}, the code and the other coordinates "
        "stay. What the thing "
        "is should stay the same along a row; how it looks (slant, width, thickness …) should change."
    )
    return _sweep_figure(sweeps, caption, sweep_names(arrays, "traversals", "noise"))


def posterior_figure(arrays: dict[str, np.ndarray], *, reader: str = "the plan") -> Markup | None:
    """Draw, for some held-out images, how they are divided among the codes, and how the plan rebuilds them.

    Args:
        arrays: Of `evaluation.npz`.
        reader: What codes of data are read by.
    """
    data, posterior = arrays.get("posterior_data"), arrays.get("posterior")
    if data is None or posterior is None:
        return None
    confidence = posterior.max(axis=1)
    first = list(range(min(SURE, len(data))))
    doubtful = [int(k) for k in np.argsort(confidence) if int(k) not in first][:UNSURE]
    groups = [element("div", *(_reading(k, arrays) for k in first), class_="readings")]
    if doubtful:
        groups.append(element("h5", "Least sure"))
        groups.append(element("div", *(_reading(k, arrays) for k in doubtful), class_="readings"))
    rebuilt = (
        " Right: what the generator draws for it from the latent that the plan matches it with."
        if ("reconstructions" in arrays)
        else ""
    )
    caption = (
        f"Left: an image from held-out data. Bars: r(c|x), the share of it that {reader} gives to each "
        f"code; one full bar means that it is sure.{rebuilt} The first {len(first)} images are not "
        "chosen"
        + (f"; below them the {len(doubtful)} of {len(data)} whose code is least sure." if doubtful else ".")
    )
    return figure(*groups, title=f"Codes read by {reader}", caption=caption, class_="wide")


def _reading(k: int, arrays: dict[str, np.ndarray]) -> Markup:
    posterior, labels = arrays["posterior"][k], arrays.get("posterior_labels")
    best = int(posterior.argmax())
    told = f"label {class_name(arrays, int(labels[k]))} · " if labels is not None and k < len(labels) else ""
    pieces = [
        strip(arrays["posterior_data"][k : k + 1], f"Held-out image {k + 1}.", cell=52),
        posterior_bars(posterior),
    ]
    if "reconstructions" in arrays:
        pieces.append(strip(arrays["reconstructions"][k : k + 1], "What the plan rebuilds.", cell=52))
    words = element("p", told, "code ", chip(best), f" {100 * float(posterior[best]):.0f} %")
    return element("div", element("div", *pieces, class_="trio"), words, class_="reading")


def posterior_bars(posterior: np.ndarray) -> Markup:
    """Draw a bar for each code, as high as its share, (K,); few codes have their number below."""
    width = 96 / len(posterior)
    marks = [element("line", x1=0, x2=96, y1=46, y2=46, class_="axis")]
    for code, share in enumerate(posterior):
        height = 42 * float(np.clip(share, 0, 1))
        if height > 0.2:
            box = {"x": number(code * width + width * 0.1), "y": number(46 - height)}
            box |= {"width": number(max(width * 0.8, 0.6)), "height": number(height)}
            marks.append(element("rect", fill=colour(code), **box))
        if len(posterior) <= 12:
            marks.append(
                element("text", str(code), x=number((code + 0.5) * width), y=55, text_anchor="middle")
            )
    best = int(posterior.argmax())
    label = f"Bars of the code posterior; code {best} has {100 * float(posterior[best]):.0f} %."
    return element("svg", join(marks), viewBox="0 0 96 57", role="img", aria_label=label, class_="bars")


def grids_figure(grids: tuple[Path, ...], *, limit: int) -> Markup | None:
    """Show sample grids from along the training, first and last included."""
    if not grids or limit < 1:
        return None
    positions = sorted({round(p) for p in np.linspace(0, len(grids) - 1, min(limit, len(grids)))})
    frames, unreadable = [], 0
    for position in positions:
        step, _ = grid_step(grids[position])
        name = f"step {step:,}" if step >= 0 else grids[position].stem
        picture = file_picture(grids[position], f"Samples at {name}.")
        if picture is None:
            unreadable += 1
        else:
            frames.append(element("div", picture, element("p", name), class_="frame"))
    if not frames:
        return None
    caption = "Samples drawn while training, always from the same codes and noise, so that they compare."
    caption += f" {unreadable} files could not be read." if unreadable else ""
    return figure(
        element("div", *frames, class_="frames"), title="How the samples grew", caption=caption, class_="wide"
    )
