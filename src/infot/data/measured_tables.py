"""Tables of measurements that scikit-learn ships: wines, breast cells and irises, each row with its class."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from infot.data.base import Dataset, DatasetInfo, Scaling
from infot.data.split import held_out_split
from infot.random import Streams

__all__ = ["MEASURED_TABLES", "load_measured_table"]

HELD_OUT = 0.2
_LICENCE = "CC BY 4.0 (UCI Machine Learning Repository); shipped with scikit-learn, BSD-3-Clause"

_READERS: dict[str, Callable[[], Any]] = {
    "wine": load_wine,
    "breast-cancer": load_breast_cancer,
    "iris": load_iris,
}

MEASURED_TABLES: tuple[DatasetInfo, ...] = (
    DatasetInfo(
        name="wine",
        kind="vectors",
        description="Chemical analyses of Italian wines of three cultivars; columns standardised.",
        size="142 training and 36 held-out rows of 13 columns",
        source="scikit-learn's load_wine: UCI Wine, Aeberhard and Forina 1991",
        licence=_LICENCE,
        class_names=("cultivar 0", "cultivar 1", "cultivar 2"),
    ),
    DatasetInfo(
        name="breast-cancer",
        kind="vectors",
        description="Shapes of cell nuclei from malignant and benign breast masses; columns standardised.",
        size="456 training and 113 held-out rows of 30 columns",
        source="scikit-learn's load_breast_cancer: UCI Breast Cancer Wisconsin (Diagnostic), 1995",
        licence=_LICENCE,
        class_names=("malignant", "benign"),
    ),
    DatasetInfo(
        name="iris",
        kind="vectors",
        description="Sepals and petals of three species of iris; columns standardised.",
        size="120 training and 30 held-out rows of 4 columns",
        source="scikit-learn's load_iris: R. A. Fisher 1936",
        licence=_LICENCE,
        class_names=("setosa", "versicolor", "virginica"),
    ),
)


def load_measured_table(info: DatasetInfo, seed: int) -> Dataset:
    """Load one of the tables, standardised by its training part.

    Args:
        info: An entry of :data:`MEASURED_TABLES`.
        seed: Seed of the choice of the held-out fifth, class by class.
    """
    table = _READERS[info.name]()
    labels = table.target.astype(np.int64)
    rng = Streams(seed)(f"data/{info.name}")
    rows, held = held_out_split(len(labels), labels, share=HELD_OUT, rng=rng)
    points = torch.from_numpy(table.data)
    scaling = Scaling.of(points[rows])
    train, test = (scaling.apply(points[part]) for part in (rows, held))
    train_labels, test_labels = (torch.from_numpy(labels[part]) for part in (rows, held))
    names = tuple(map(str, table.feature_names))
    return Dataset(
        info.name,
        info.kind,
        train,
        test,
        train_labels,
        test_labels,
        info,
        feature_names=names,
        scaling=scaling,
    )
