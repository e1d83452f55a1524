"""All metrics of disentanglement of one representation, beside those of noise and of perfect codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from infot.metrics.base import Metric, as_array, chance
from infot.metrics.disentanglement.beta_vae import beta_vae
from infot.metrics.disentanglement.coded import Coded, Represent
from infot.metrics.disentanglement.dci import dci
from infot.metrics.disentanglement.explicitness import explicitness
from infot.metrics.disentanglement.factor_vae import factor_vae
from infot.metrics.disentanglement.infomec import infomec
from infot.metrics.disentanglement.information import information_share
from infot.metrics.disentanglement.irs import irs
from infot.metrics.disentanglement.mig import mig
from infot.metrics.disentanglement.modularity import modularity
from infot.metrics.disentanglement.profile import DEFAULT, Profile
from infot.metrics.disentanglement.sap import sap

__all__ = ["Disentanglement", "disentanglement_metrics", "disentanglement_scores"]


@dataclass(frozen=True, eq=False)
class Disentanglement:
    """The metrics by name, and the table of information that explains them.

    Attributes:
        metrics: ``mig``, ``dci_disentanglement``, ``dci_completeness``, ``dci_informativeness``, ``factor_vae``,
            ``beta_vae``, ``sap``, ``modularity``, ``explicitness``, ``irs``, ``info_m``, ``info_e``, ``info_c``.
        information: Share of each factor's entropy that each code dimension tells, (K, D); 0 for dead dimensions.
        alive: Which code dimensions are alive, (D,).
    """

    metrics: dict[str, Metric]
    information: Float[np.ndarray, "K D"]
    alive: np.ndarray


@dataclass(frozen=True, eq=False)
class _Live:
    """The live dimensions of a code, standardised; a code without any is a single constant."""

    alive: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, dead_below: float | None) -> "_Live":
        mean, spread = codes.mean(axis=0), codes.std(axis=0)
        if dead_below is None:
            return cls(np.ones(len(mean), dtype=bool), np.zeros_like(mean), np.ones_like(spread))
        return cls((spread >= dead_below) & (spread > 0), mean, spread)

    def apply(self, codes: np.ndarray) -> np.ndarray:
        if not self.alive.any():
            return np.zeros((len(codes), 1))
        return ((codes - self.mean) / np.where(self.alive, self.spread, 1.0))[:, self.alive]


def disentanglement_metrics(
    represent: Represent, sizes: Sequence[int], rng: np.random.Generator, *, profile: Profile = DEFAULT
) -> Disentanglement:
    """Measure a representation, each score beside its floor and ceiling under the same profile.

    The floor is the score of codes that are noise, as many as the representation has live ones; the ceiling that of the
    perfect code, one dimension a factor. Both are drawn from fixed streams. A score beyond its ceiling is no success:
    SAP and DCI informativeness can be higher where several codes share a factor.

    Args:
        represent: Gives codes, (n, D), for factors, int64 (n, K): the encoder of rendered images. It is called with
            a few thousand rows at a time, ``profile.train + profile.test`` in all with ``DEFAULT``.
        sizes: Number of values of each factor.
        rng: Source of randomness.
        profile: ``DEFAULT``, or the settings of published code, ``DLIB`` or ``INFOGAN_CR``.

    Raises:
        ProblemError: If the representation does not give finite codes of the right shape.

    Example:
        >>> from infot.metrics.disentanglement import Votes
        >>> quick = Profile("quick", train=600, test=600, votes=Votes(16, 50, 50), pairs=Votes(16, 50, 50))
        >>> found = disentanglement_metrics(np.asarray, (3, 4), np.random.default_rng(0), profile=quick)
        >>> found.metrics["factor_vae"].value, found.information.shape
        (1.0, (2, 2))
    """
    scores, information, alive = _measure(represent, sizes, rng, profile)
    reference = next(iter(chance(1)))
    width = max(int(alive.sum()), 1)
    floors = disentanglement_scores(
        lambda factors: reference.standard_normal((len(factors), width)), sizes, reference, profile=profile
    )
    ceilings = disentanglement_scores(_perfect(sizes), sizes, reference, profile=profile)
    metrics = {
        name: Metric(name, value, floors[name], ceilings[name], "higher", _samples(name, profile))
        for name, value in scores.items()
    }
    return Disentanglement(metrics, information, alive)


def disentanglement_scores(
    represent: Represent, sizes: Sequence[int], rng: np.random.Generator, *, profile: Profile = DEFAULT
) -> dict[str, float]:
    """Return the bare scores by name, without floors and ceilings; arguments as :func:`disentanglement_metrics`."""
    return _measure(represent, sizes, rng, profile)[0]


def _measure(
    represent: Represent, sizes: Sequence[int], rng: np.random.Generator, profile: Profile
) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    raw = Coded.draw(represent, sizes, profile.train, rng)
    live = _Live.of(raw.codes, profile.dead_below)

    def prepared(factors: np.ndarray) -> np.ndarray:
        return live.apply(as_array(represent(factors), "codes", ndim=2))

    train = Coded(live.apply(raw.codes), raw.factors)
    test = Coded.draw(prepared, sizes, profile.test, rng) if profile.test else train
    groups = [profile.groups.of(prepared, sizes, data) for data in (train, test)]
    scores = _sample_scores(train, test, rng, profile)
    scores["factor_vae"] = factor_vae(
        groups[0],
        groups[1],
        rng,
        spread=train.codes.std(axis=0),
        votes=profile.votes,
        dead_below=profile.voting_above,
    )
    scores["beta_vae"] = beta_vae(groups[0], groups[1], rng, votes=profile.pairs)
    information = np.zeros((raw.n_factors, raw.n_codes))
    if live.alive.any():
        information[:, live.alive] = information_share(train, bins=profile.bins)
    return scores, information, live.alive


def _sample_scores(train: Coded, test: Coded, rng: np.random.Generator, profile: Profile) -> dict[str, float]:
    read = dci(train, test, rng, predictor=profile.predictor)
    told = infomec(train, test, rng)
    return {
        "mig": mig(train, bins=profile.bins),
        "dci_disentanglement": read.disentanglement,
        "dci_completeness": read.completeness,
        "dci_informativeness": read.informativeness,
        "sap": sap(train, test, continuous=profile.continuous),
        "modularity": modularity(train, bins=profile.bins),
        "explicitness": explicitness(train, test),
        "irs": irs(train, bins=profile.irs_bins),
        "info_m": told.modularity,
        "info_e": told.explicitness,
        "info_c": told.compactness,
    }


def _perfect(sizes: Sequence[int]) -> Represent:
    """Return the code that is the factors, at mean 0 and variance 1."""
    counts = np.asarray(sizes)
    return lambda factors: (factors - (counts - 1) / 2) / np.sqrt((counts**2 - 1) / 12)


def _samples(name: str, profile: Profile) -> int:
    """Return how many data, or groups of data, a score rests on."""
    if name in ("factor_vae", "beta_vae"):
        return (profile.votes if name == "factor_vae" else profile.pairs).scored
    learnt = ("sap", "dci_informativeness", "explicitness", "info_e")
    return profile.test if name in learnt and profile.test else profile.train
