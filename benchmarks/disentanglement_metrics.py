"""How long do the metrics of disentanglement take, and does the forest of the fast profile agree with boosting?

Representations of the factors of dSprites (3, 6, 40, 32 and 32 values): perfect codes, random linear mixtures, perfect
codes under noise beside five codes of noise, and noise alone. Times include floors and ceilings.

    OMP_NUM_THREADS=1 python benchmarks/disentanglement_metrics.py --out metrics.json
    python benchmarks/disentanglement_metrics.py --boosting 2000 10000   # the DCI of both predictors; minutes to hours
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from infot.metrics import Coded, dci, disentanglement_metrics
from infot.metrics.disentanglement import Boosting, Forest, Represent

__all__ = ["compare_predictors", "main", "representations", "score_table"]

SIZES = (3, 6, 40, 32, 32)


def representations() -> Iterator[tuple[str, Represent]]:
    """Yield a name and a representation of each kind."""
    rng = np.random.default_rng(5)
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    wide, light = rng.normal(size=(5, 10)), np.eye(5) + 0.3 * rng.normal(size=(5, 5))
    noise = np.random.default_rng(9)
    yield "perfect", _unit
    yield "rotated, 5 codes", lambda factors: _unit(factors) @ rotation
    yield "mixed, 10 codes", lambda factors: _unit(factors) @ wide
    yield (
        "lightly mixed, 5 codes",
        lambda factors: _unit(factors) @ light + 0.1 * noise.normal(size=(len(factors), 5)),
    )
    yield (
        "noisy and 5 of noise",
        lambda factors: (
            np.concatenate([_unit(factors), np.zeros((len(factors), 5))], axis=1)
            + noise.normal(size=(len(factors), 10)) * np.repeat([0.3, 1.0], 5)
        ),
    )
    yield "noise, 10 codes", lambda factors: noise.normal(size=(len(factors), 10))


def score_table() -> list[dict[str, Any]]:
    """Return the metrics of each representation under the default profile, with floors, ceilings and seconds."""
    rows = []
    for name, represent in representations():
        start, cpu = time.perf_counter(), time.process_time()
        found = disentanglement_metrics(represent, SIZES, np.random.default_rng(0))
        seconds = {"wall_seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
        scores = {key: (m.value, m.floor, m.ceiling) for key, m in found.metrics.items()}
        rows.append({"representation": name, "metrics": scores} | seconds)
        print(
            f"{name}: {seconds['wall_seconds']:.1f} s, {seconds['cpu_seconds']:.1f} s of processor",
            flush=True,
        )
        print("  " + ", ".join(f"{key} {value:.3f}" for key, (value, _, _) in scores.items()), flush=True)
    return rows


def compare_predictors(n: int) -> list[dict[str, Any]]:
    """Return the DCI scores of each representation by forest and by boosting, learnt from ``n`` data."""
    rows = []
    for name, represent in representations():
        train, test = (
            Coded.draw(represent, SIZES, size, np.random.default_rng(seed))
            for seed, size in ((0, n), (1, n // 2))
        )
        for predictor in (Forest(), Boosting()):
            start = time.process_time()
            found = dci(train, test, np.random.default_rng(0), predictor=predictor)
            scores = (found.disentanglement, found.completeness, found.informativeness)
            row = {"representation": name, "n": n, "predictor": type(predictor).__name__, "dci": scores}
            rows.append(row | {"cpu_seconds": time.process_time() - start})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boosting", nargs="*", type=int, default=[], help="data to compare predictors on")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    found: dict[str, Any] = {"predictors": [row for n in options.boosting for row in compare_predictors(n)]}
    if not options.boosting:
        found = {"scores": score_table()}
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n")


def _unit(factors: np.ndarray) -> np.ndarray:
    sizes = np.array(SIZES)
    return (factors - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12)


if __name__ == "__main__":
    main()
