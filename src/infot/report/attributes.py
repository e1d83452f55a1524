"""The table of what continuous codes have to do with how images look."""

import numpy as np

from infot.report.markup import Markup, element, figure

__all__ = ["attribute_table"]


def attribute_table(arrays: dict[str, np.ndarray]) -> Markup | None:
    """Draw for each continuous code and attribute the correlation on data and the effect on generated images.

    Args:
        arrays: Of `evaluation.npz`.
    """
    found, effects = arrays.get("attribute_correlations"), arrays.get("attribute_effects")
    if found is None or effects is None:
        return None
    caption = (
        "Each row is a continuous code. First its correlation with an attribute over held-out images, the shade its "
        "size: slant (to the right), spread of columns (width) and rows (height), width of strokes, brightness (ink). "
        "In brackets what the code does: how far the attribute of generated images moves when the code goes from end "
        "to end, mean over categories, in standard deviations of the data. Training knows of no attribute."
    )
    names = arrays["attribute_names"].tolist()
    header = element("tr", *(element("th", name, scope="col") for name in ("code", *names)))
    rows = [
        element("tr", element("th", code, scope="row"), *map(_cell, told, done))
        for code, told, done in zip(
            arrays["attribute_codes"].tolist(), found.tolist(), effects.tolist(), strict=True
        )
    ]
    table = element("table", element("thead", header), element("tbody", *rows), class_="counts")
    return figure(
        element("div", table, class_="scroll", tabindex=0),
        title="What the codes have to do with how images look",
        caption=caption,
        class_="wide",
    )


def _cell(correlation: float, effect: float) -> Markup:
    strong = " strong" if abs(correlation) >= 0.55 else ""
    share = min(round(100 * abs(correlation)), 100)
    return element(
        "td", f"{correlation:+.2f} ({effect:+.1f})", class_=f"heat-cell{strong}", style=f"--part:{share}%"
    )
