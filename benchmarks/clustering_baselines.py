"""How well do K-means, Ward and spectral clustering find the digits?

Each method sees raw pixels and is told the number of classes. Two protocols:

- held-out: fit on the training images, then give each held-out image a cluster, as our codes are measured.
  K-means takes the nearest centre. Ward and spectral clustering have no rule for new images; they take the
  cluster of the nearest training image.
- transductive: fit on all images and score all of them, as such figures are usually published.

Accuracy is Hungarian. Ward has no randomness, so it has one value and no standard error.

    python benchmarks/clustering_baselines.py --data digits mnist5k --seeds 5 --out clustering.json
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from infot.data import Dataset, load
from infot.metrics import accuracy, ari, contingency, nmi, purity

__all__ = ["METHODS", "SCORES", "held_out", "leaderboard", "main", "markdown", "transductive"]

Clustering = Callable[[np.ndarray, np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]
"""(train, new, number of clusters, seed) -> cluster of each training image, cluster of each new image."""


def kmeans(train: np.ndarray, new: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cluster by K-means, best of 10 starts; new images go to the nearest centre."""
    model = KMeans(k, n_init=10, random_state=seed)  # pyright: ignore[reportArgumentType]
    clusters = model.fit_predict(train)
    return clusters, np.asarray(model.predict(new)) if len(new) else np.empty(0, dtype=int)


def ward(train: np.ndarray, new: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cluster by Ward linkage; new images go to the cluster of the nearest training image. Takes no seed."""
    return _by_nearest(train, AgglomerativeClustering(k, linkage="ward").fit_predict(train), new)


def spectral(train: np.ndarray, new: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cluster by the spectrum of the 10-neighbour graph; new images go with the nearest training image."""
    model = SpectralClustering(k, affinity="nearest_neighbors", n_neighbors=10, random_state=seed)
    return _by_nearest(train, model.fit_predict(train), new)


METHODS: dict[str, tuple[Clustering, bool]] = {
    "K-means": (kmeans, True),
    "Ward": (ward, False),
    "spectral (10 neighbours)": (spectral, True),
}
"""Name -> method, and whether it depends on the seed."""

SCORES = {"accuracy": accuracy, "purity": purity, "nmi": nmi, "ari": ari}


def held_out(method: Clustering, data: Dataset, seed: int) -> dict[str, float]:
    """Return the scores of held-out images under clusters fitted to the training images."""
    _, labels = _labels(data)
    _, clusters = method(_pixels(data.training_sample()), _pixels(data.test), len(data.class_names), seed)
    return _score(clusters, labels)


def transductive(method: Clustering, data: Dataset, seed: int) -> dict[str, float]:
    """Return the scores of all images under clusters fitted to all of them."""
    images = np.concatenate([_pixels(data.training_sample()), _pixels(data.test)])
    clusters, _ = method(images, images[:0], len(data.class_names), seed)
    return _score(clusters, np.concatenate(_labels(data)))


PROTOCOLS = {"held-out": held_out, "transductive": transductive}


def leaderboard(data: Dataset, protocol: str, seeds: int) -> dict[str, Any]:
    """Return ``{suite, data, protocol, rows}``, a row ``{method, metrics, wall_seconds}`` for each method.

    ``metrics`` holds ``{name: {mean, se, values}}``; ``wall_seconds`` is the mean time of one run.
    """
    rows = []
    for name, (method, seeded) in METHODS.items():
        start = time.perf_counter()
        runs = [PROTOCOLS[protocol](method, data, seed) for seed in range(seeds if seeded else 1)]
        seconds = (time.perf_counter() - start) / len(runs)
        metrics = {score: _summary([run[score] for run in runs]) for score in SCORES}
        rows.append({"method": name, "metrics": metrics, "wall_seconds": seconds})
    return {"suite": "clustering_baselines", "data": data.name, "protocol": protocol, "rows": rows}


def markdown(boards: list[dict[str, Any]]) -> str:
    """Return one table of all leaderboards."""
    lines = [
        "| data | protocol | method | " + " | ".join(SCORES) + " | seconds |",
        "|---|---|---|" + "---|" * (len(SCORES) + 1),
    ]
    for board in boards:
        for row in board["rows"]:
            cells = [_cell(row["metrics"][score]) for score in SCORES]
            head = [board["data"], board["protocol"], row["method"]]
            lines.append("| " + " | ".join([*head, *cells, f"{row['wall_seconds']:.1f}"]) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=["digits", "mnist5k"], help="labelled image data sets")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each method with randomness")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    boards = [
        leaderboard(load(name), protocol, options.seeds) for name in options.data for protocol in PROTOCOLS
    ]
    if options.out:
        options.out.write_text(json.dumps(boards, indent=2) + "\n")
    print(markdown(boards))


def _by_nearest(train: np.ndarray, clusters: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(new) == 0:
        return clusters, np.empty(0, dtype=int)
    return clusters, KNeighborsClassifier(1).fit(train, clusters).predict(new)


def _pixels(images: Tensor) -> np.ndarray:
    return images.flatten(1).double().numpy()


def _labels(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    if data.train_labels is None or data.test_labels is None:
        raise SystemExit(f"{data.name} has no labels to score against: choose labelled data")
    return data.train_labels.numpy(), data.test_labels.numpy()


def _score(clusters: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    table = contingency(clusters, labels)
    return {name: score(table) for name, score in SCORES.items()}


def _summary(values: list[float]) -> dict[str, Any]:
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "se": error, "values": values}


def _cell(summary: dict[str, Any]) -> str:
    error = "" if summary["se"] is None else f" ± {summary['se']:.3f}"
    return f"{summary['mean']:.3f}{error}"


if __name__ == "__main__":
    main()
