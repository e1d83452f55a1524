"""How well single code dimensions stand for single factors of the data, by the field's metrics, on plain arrays."""

from infot.metrics.disentanglement.beta_vae import beta_vae
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
from infot.metrics.disentanglement.explicitness import explicitness
from infot.metrics.disentanglement.factor_vae import Votes, factor_vae
from infot.metrics.disentanglement.generated import Drawn, generator_metrics, generator_scores
from infot.metrics.disentanglement.groups import FreshGroups, Groups, PooledGroups
from infot.metrics.disentanglement.infomec import InfoMEC, infomec, neighbour_information
from infot.metrics.disentanglement.information import (
    bin_codes,
    factor_entropies,
    factor_information,
    information_share,
)
from infot.metrics.disentanglement.irs import irs, robustness
from infot.metrics.disentanglement.mig import mig
from infot.metrics.disentanglement.modularity import modularity
from infot.metrics.disentanglement.profile import DEFAULT, DLIB, INFOGAN_CR, Profile
from infot.metrics.disentanglement.sap import predictability, sap
from infot.metrics.disentanglement.scores import (
    Disentanglement,
    disentanglement_metrics,
    disentanglement_scores,
)

__all__ = [
    "DCI",
    "DEFAULT",
    "DLIB",
    "INFOGAN_CR",
    "Boosting",
    "Coded",
    "Disentanglement",
    "Drawn",
    "Forest",
    "FreshGroups",
    "Groups",
    "InfoMEC",
    "PooledGroups",
    "Predictor",
    "Profile",
    "RegressionForest",
    "Represent",
    "Votes",
    "beta_vae",
    "bin_codes",
    "completeness",
    "dci",
    "disentanglement",
    "disentanglement_metrics",
    "disentanglement_scores",
    "explicitness",
    "factor_entropies",
    "factor_information",
    "factor_vae",
    "generator_metrics",
    "generator_scores",
    "infomec",
    "information_share",
    "irs",
    "mig",
    "modularity",
    "neighbour_information",
    "predictability",
    "robustness",
    "sample_factors",
    "sap",
]
