"""What tells a good start from a bad one, and when?

Reads finished runs of one preset with one start and a line of the log for every step, made by

    infot train digits --training.starts 1 --training.log-every 1 --seed SEED --run runs/start-SEED

for several seeds. At shares of the schedule, each logged quantity, a mean over WINDOW steps, is held against the
accuracy of held-out data at the end: correlation over the runs, and mean accuracy of the best of four runs, over all
fours.

    python benchmarks/start_choice.py runs/start-*
"""

import argparse
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["main"]

SIGNS = {"plan_information": 1.0, "loss": -1.0, "transport_cost": -1.0}  # so that better is larger
SHARES = (0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
WINDOW = 60
STARTS = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="what tells a good start from a bad one, and when")
    parser.add_argument("runs", nargs="+", type=Path)
    runs: list[Path] = parser.parse_args(arguments).runs
    if len(runs) < STARTS:
        parser.error(f"expected at least {STARTS} runs, got {len(runs)}")
    accuracies = np.array([_json(run / "summary.json")["metrics"]["accuracy"] for run in runs])
    logs = [[json.loads(line) for line in (run / "metrics.jsonl").open()] for run in runs]
    if any([line["step"] for line in log] != list(range(1, len(logs[0]) + 1)) for log in logs):
        parser.error("expected runs of equal length with --training.log-every 1")
    print(
        f"{len(runs)} runs, accuracy {accuracies.mean():.3f}: correlation (accuracy of the best of {STARTS})"
    )
    for name, sign in SIGNS.items():
        cells = []
        for share in SHARES:
            end = round(share * len(logs[0]))
            told = sign * np.array(
                [np.mean([line[name] for line in log[end - WINDOW : end]]) for log in logs]
            )
            correlation = float(np.corrcoef(told, accuracies)[0, 1])
            cells.append(f"{share}: {correlation:.2f} ({_best(told, accuracies):.3f})")
        print(f"{name:18}", "  ".join(cells))


def _best(told: np.ndarray, accuracies: np.ndarray) -> float:
    """Return the accuracy of the start that is chosen, on average over all sets of starts."""
    sets = itertools.combinations(range(len(told)), STARTS)
    chosen = sum(float(accuracies[max(those, key=told.__getitem__)]) for those in sets)
    return chosen / math.comb(len(told), STARTS)


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()
