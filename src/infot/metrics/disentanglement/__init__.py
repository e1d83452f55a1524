"""How well single code dimensions stand for single factors of the data, by the field's metrics, on plain arrays."""

from infot.metrics.disentanglement.coded import Coded, Represent, sample_factors
from infot.metrics.disentanglement.dci import (
    DCI,
    Boosting,
    Forest,
    Predictor,
    RegressionForest,
    completeness,
    dci,
    disentanglement,
)
from infot.metrics.disentanglement.factor_vae import Votes, factor_vae
from infot.metrics.disentanglement.groups import FreshGroups, Groups, PooledGroups
from infot.metrics.disentanglement.information import bin_codes, factor_information, information_share
from infot.metrics.disentanglement.mig import mig

__all__ = [
    "DCI",
    "Boosting",
    "Coded",
    "Forest",
    "FreshGroups",
    "Groups",
    "PooledGroups",
    "Predictor",
    "RegressionForest",
    "Represent",
    "Votes",
    "bin_codes",
    "completeness",
    "dci",
    "disentanglement",
    "factor_information",
    "factor_vae",
    "information_share",
    "mig",
    "sample_factors",
]
