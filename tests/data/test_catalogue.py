"""The front door: what there is, and what it refuses."""

import pytest

from infot.config_checks import PATH_DATA
from infot.data import catalogue, describe, load
from infot.data.digits import OF_MNIST
from infot.errors import ConfigError

NAMES = [
    "ring8",
    "ring8-unbalanced",
    "grid25",
    "gaussians1200",
    "anisotropic",
    "anisotropic3",
    "digits",
    "mnist5k",
    "mnist",
    "mnist5k-unbalanced",
    "mnist-unbalanced",
    "wine",
    "breast-cancer",
    "iris",
    "sprites",
    "sprites-colour",
    "sprites-noise",
    "squares",
    "xyobject",
    "file",
]


def test_catalogue_says_everything_about_each_data_set() -> None:
    assert [info.name for info in catalogue()] == NAMES
    for info in catalogue():
        assert info.description.endswith(".") and info.size and info.source and info.licence


def test_the_checks_and_the_door_agree_on_what_takes_a_path() -> None:
    assert ("file", *OF_MNIST) == PATH_DATA


@pytest.mark.parametrize(("typed", "meant"), [("rign8", "ring8"), ("mnsit", "mnist"), ("Digits", "digits")])
def test_unknown_name_offers_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=rf"got '{typed}'\. Did you mean '{meant}'\?"):
        load(typed)


def test_name_like_no_other_lists_all() -> None:
    with pytest.raises(ConfigError, match="ring8, ring8-unbalanced, .*, file.*got 'xyzzy'") as caught:
        describe("xyzzy")
    assert "Did you mean" not in str(caught.value)


def test_file_without_a_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected a path for the data set 'file'"):
        load("file")


@pytest.mark.parametrize(
    ("name", "option"),
    [("ring8", {"path": "x"}), ("digits", {"labels": "y"}), ("mnist5k", {"image_size": 8})],
)
def test_options_that_would_be_ignored_are_refused(name: str, option: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' takes no {next(iter(option))}"):
        load(name, **option)  # pyright: ignore[reportArgumentType]
