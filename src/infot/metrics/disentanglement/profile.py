"""The settings under which disentanglement is measured: ours, and those of the published code."""

from dataclasses import dataclass

from infot.metrics.disentanglement.dci import FOREST, Boosting, Predictor, RegressionForest
from infot.metrics.disentanglement.factor_vae import VOTES, Votes
from infot.metrics.disentanglement.groups import FreshGroups, Groups, PooledGroups

__all__ = ["DEFAULT", "DLIB", "INFOGAN_CR", "Profile"]


@dataclass(frozen=True)
class Profile:
    """How disentanglement is measured. Values of different profiles do not compare.

    Attributes:
        name: What to call it beside the numbers.
        train: Data to learn from; MIG, modularity, IRS, InfoM and InfoC are taken on them.
        test: Data to score on; 0 scores on the data learnt from.
        bins: Bins of equal width of each code dimension (MIG, modularity).
        dead_below: Code dimensions of smaller standard deviation are left out and the others standardised, so that no
            score depends on the scale of a live dimension; give codes in units of their prior. None takes codes as
            they are.
        groups: Where groups that share a factor come from.
        votes: Number and size of groups of the FactorVAE score.
        voting_above: Standard deviation from which a dimension has a vote in the FactorVAE score.
        pairs: Number of groups, and pairs in each, of the β-VAE score.
        predictor: What reads factors for DCI.
        continuous: Factors that SAP takes as numbers.
        irs_bins: Bins of the values of factors for IRS; None for the values themselves.
    """

    name: str
    train: int = 10_000
    test: int = 5_000
    bins: int = 20
    dead_below: float | None = 0.05
    groups: type[Groups] = PooledGroups
    votes: Votes = VOTES
    voting_above: float = 0.05
    pairs: Votes = VOTES
    predictor: Predictor = FOREST
    continuous: tuple[int, ...] = ()
    irs_bins: int | None = None


DEFAULT = Profile("infot")
"""Fast, learnt on one sample and scored on another, dead dimensions left out."""

DLIB = Profile(
    "disentanglement_lib",
    dead_below=None,
    groups=FreshGroups,
    votes=Votes(size=64, train=10_000, test=5_000),
    pairs=Votes(size=64, train=10_000, test=5_000),
    predictor=Boosting(),
    irs_bins=20,
)
"""The settings of Locatello et al., arXiv 1811.12359 (``unsupervised_study_v1``): minutes, and 2.9 million codes."""

INFOGAN_CR = Profile(
    "infogan-cr",
    train=73_728,
    test=0,
    dead_below=None,
    groups=FreshGroups,
    votes=Votes(size=100, train=500, test=0),
    voting_above=0.0,
    pairs=Votes(size=50, train=500, test=0),
    predictor=RegressionForest(),
    continuous=(1, 2, 3, 4),
)
"""The settings of Lin et al., arXiv 1906.06034, for the factors of dSprites: all is scored on what it learnt from."""
