"""Metrics: pure functions of arrays, each beside the value of true data and of chance."""

from infot.metrics.axes import Axes, axes_metrics, linear_response, read_axes
from infot.metrics.base import Metric, to_json
from infot.metrics.clustering import (
    accuracy,
    ari,
    clustering_metrics,
    code_metrics,
    conditional_entropy,
    contingency,
    match,
    nmi,
    purity,
)
from infot.metrics.coverage import (
    Coverage,
    cover,
    coverage_metrics,
    nearest_modes,
    w2,
    w2_data_metric,
    w2_metric,
)
from infot.metrics.disentanglement import (
    Coded,
    FreshGroups,
    PooledGroups,
    dci,
    factor_information,
    factor_vae,
    mig,
)
from infot.metrics.noise import noise_nmi, noise_nmi_metric
from infot.metrics.plan import code_frequencies, plan_information, plan_information_metric
from infot.metrics.reconstruction import reconstruction_metric

__all__ = [
    "Axes",
    "Coded",
    "Coverage",
    "FreshGroups",
    "Metric",
    "PooledGroups",
    "accuracy",
    "ari",
    "axes_metrics",
    "clustering_metrics",
    "code_frequencies",
    "code_metrics",
    "conditional_entropy",
    "contingency",
    "cover",
    "coverage_metrics",
    "dci",
    "factor_information",
    "factor_vae",
    "linear_response",
    "match",
    "mig",
    "nearest_modes",
    "nmi",
    "noise_nmi",
    "noise_nmi_metric",
    "plan_information",
    "plan_information_metric",
    "purity",
    "read_axes",
    "reconstruction_metric",
    "to_json",
    "w2",
    "w2_data_metric",
    "w2_metric",
]
