"""Attributes of pictures whose shape is known, and correlations against numpy's."""

import numpy as np
import pytest

from infot.errors import ProblemError
from infot.metrics import ATTRIBUTES, correlations, picture_attributes


def bar(width: int = 4, lean: float = 0.0, side: int = 60) -> np.ndarray:
    """Draw an upright bar of a width, its rows moved to the right by ``lean`` for each row upwards."""
    picture = np.zeros((1, 1, side, side))
    for row in range(10, side - 10):
        left = side / 2 - width / 2 + lean * (side / 2 - row)
        columns = np.arange(side)
        picture[0, 0, row] = np.clip(np.minimum(columns + 1 - left, left + width - columns), 0, 1)
    return picture


def measured(picture: np.ndarray) -> dict[str, float]:
    return dict(zip(ATTRIBUTES, picture_attributes(picture)[0].tolist(), strict=True))


@pytest.mark.parametrize("lean", [-0.5, 0.0, 0.3])
def test_slant_is_the_lean_to_the_right(lean: float) -> None:
    assert measured(bar(lean=lean))["slant"] == pytest.approx(lean, abs=0.01)


@pytest.mark.parametrize("width", [2, 4, 8])
def test_a_bar_has_its_width_height_and_ink(width: int) -> None:
    found = measured(bar(width))
    assert found["width"] == pytest.approx(np.sqrt((width**2 - 1) / 12))
    assert found["height"] == pytest.approx(np.sqrt((40**2 - 1) / 12))
    assert found["ink"] == pytest.approx(40 * width / 3600)
    # twice the area over the outline, ends included; corners are cut, so it is a little shorter
    assert found["stroke"] == pytest.approx(2 * 40 * width / (80 + 2 * width), rel=0.02)


def test_brightness_and_channels_change_ink_alone() -> None:
    plain, faint = measured(bar()), measured(0.5 * np.repeat(bar(), 3, axis=1))
    assert faint.pop("ink") == pytest.approx(0.5 * plain.pop("ink"))
    assert faint == pytest.approx(plain)


def test_a_dark_picture_has_no_attributes() -> None:
    assert (picture_attributes(np.zeros((2, 1, 8, 8))) == 0).all()


def test_correlations_agree_with_numpy_and_constants_have_none() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 2)), np.column_stack([rng.normal(size=(50, 2)), np.ones(50)])
    found = correlations(x, y)
    np.testing.assert_allclose(found[:, :2], np.corrcoef(x.T, y[:, :2].T)[:2, 2:])
    assert (found[:, 2] == 0).all()
    with pytest.raises(ProblemError, match="as many rows"):
        correlations(x, y[:-1])
