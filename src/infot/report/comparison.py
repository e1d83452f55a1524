"""What a folder of `infot compare` holds, read once."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infot.errors import RunFolderError

__all__ = [
    "OURS",
    "OWN",
    "Comparison",
    "is_comparison",
    "read_comparison",
    "run_name",
    "seed_words",
    "seeds_of",
]

OURS = "structured"
"""Name of the row whose runs are drawn and held against the goals."""

OWN = (OURS, "structured-convolutional", "learned")
"""Names of all such rows."""

BOARD = "leaderboard.json"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """A finished or partial comparison.

    Attributes:
        path: Its folder.
        board: What ``leaderboard.json`` holds.
        own: Name of the row that is ours.
    """

    path: Path
    board: Mapping[str, Any]
    own: str = OURS

    @property
    def suite(self) -> str:
        """Name of the suite."""
        return str(self.board["suite"])

    @property
    def command(self) -> str:
        """What makes these numbers: as it was typed, or gathered from the rows where that was not kept."""
        if "command" in self.board:
            return str(self.board["command"])
        names = dict.fromkeys(row["name"] for row in self.board["rows"])
        seeds = max((len(seeds_of(row)) for row in self.board["rows"]), default=0)
        return shlex.join(
            ["infot", "compare", self.suite, "--methods", ",".join(names), "--seeds", str(seeds)]
        )

    def rows(self, preset: str) -> list[Row]:
        """Return the rows of a preset."""
        return [row for row in self.board["rows"] if row["preset"] == preset]

    def ours(self, preset: str) -> Row | None:
        """Return our row of a preset, or None."""
        return next((row for row in self.rows(preset) if row["name"] == self.own), None)

    def views(self, preset: str) -> "list[Comparison]":
        """Return the comparison as seen from each of our rows that a preset has."""
        views = [replace(self, own=name) for name in OWN]
        return [view for view in views if view.ours(preset) is not None]

    def stability(self, preset: str) -> list[Row]:
        """Return the shares of runs that stayed finite and did well, method by method; empty but for such a study."""
        return [entry for entry in self.board.get("stability", []) if entry["preset"] == preset]

    def run(self, row: Row) -> Path | None:
        """Return the folder of the first seed of a row that has finished, or None where there is none."""
        for seed in row["seeds"]:
            folder = self.path / "runs" / run_name(row["preset"], row["name"], seed)
            if (folder / "evaluation.npz").is_file():
                return folder
        return None


def seeds_of(row: Row) -> Sequence[int]:
    """Return all seeds of a row, in order: finished, diverged, and not run yet."""
    return sorted([*row["seeds"], *row["failed"], *row["missing"]])


def seed_words(seeds: Sequence[int]) -> str:
    """Name seeds.

    >>> seed_words([3]), seed_words([0, 2])
    ('seed 3', 'seeds 0, 2')
    """
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"


def run_name(preset: str, row: str, seed: int) -> str:
    """Return the name of a run's folder within its comparison.

    >>> run_name("ring8", "structured epsilonx0.1", 0)
    'ring8-structured_epsilonx0.1-0'
    """
    return re.sub(r"[^\w.-]+", "_", f"{preset}-{row}-{seed}")


def is_comparison(folder: Path) -> bool:
    """Return whether ``folder`` is one that `infot compare` wrote."""
    return (folder / BOARD).is_file()


def read_comparison(folder: Path) -> Comparison:
    """Read a comparison.

    Raises:
        RunFolderError: If there is none, or its leaderboard cannot be read.
    """
    if not is_comparison(folder):
        raise RunFolderError(
            f"{folder} is no comparison: it holds no {BOARD}; give a folder that `infot compare` wrote"
        )
    try:
        board = json.loads((folder / BOARD).read_text(encoding="utf-8"))
        missing = {"suite", "data", "rows", "published"} - board.keys()
    except (ValueError, AttributeError) as error:
        raise RunFolderError(
            f"{folder / BOARD} cannot be read ({error}); run `infot compare` again"
        ) from error
    if missing:
        raise RunFolderError(f"{folder / BOARD} is no leaderboard: it lacks {', '.join(sorted(missing))}")
    return Comparison(folder, board)
