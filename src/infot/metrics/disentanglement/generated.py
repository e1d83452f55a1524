"""Scores of a generator alone: what its code makes of the factors of what it draws. No encoder takes part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infot.errors import ProblemError
from infot.metrics.base import Metric, as_array, chance
from infot.metrics.disentanglement.coded import Coded
from infot.metrics.disentanglement.dci import completeness, dci, disentanglement
from infot.metrics.disentanglement.information import factor_entropies, information_share
from infot.metrics.disentanglement.mig import information_gap
from infot.metrics.disentanglement.profile import DEFAULT, Profile

__all__ = ["Drawn", "generator_metrics", "generator_scores"]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Codes beside the factors that a judge reads of the data drawn from them.

    Args:
        codes: Codes drawn from their prior, shape (n, D): numbers, a categorical code being one, its index.
        factors: Factors of each datum, as read, shape (n, K): whole numbers from 0. A generator may leave one constant.
        sizes: Number of values that each factor has in the data of the world, K of them.

    Raises:
        ProblemError: If the lengths differ, there are fewer than four data, values are not finite, or factors are not
            below their sizes.

    Example:
        >>> Drawn(np.zeros((4, 1)), np.zeros((4, 2)), (2, 3)).varied.tolist()
        [False, False]
    """

    codes: np.ndarray
    factors: np.ndarray
    sizes: Sequence[int]

    def __post_init__(self) -> None:
        codes = as_array(self.codes, "codes", ndim=2)
        factors = as_array(self.factors, "factors", ndim=2)
        if len(codes) != len(factors) or len(codes) < 4:
            raise ProblemError(
                f"expected as many codes as factors, four or more, got {len(codes)} and {len(factors)}"
            )
        if factors.shape[1] != len(self.sizes):
            raise ProblemError(
                f"expected a size for each of {factors.shape[1]} factors, got {len(self.sizes)}"
            )
        if (factors != np.floor(factors)).any() or (factors < 0).any() or (factors >= self.sizes).any():
            raise ProblemError(
                f"factors must hold whole numbers from 0, below their sizes {tuple(self.sizes)}"
            )
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "factors", factors.astype(np.int64))

    @property
    def halves(self) -> tuple[slice, slice]:
        """The data to learn from, and those to score on."""
        middle = len(self.codes) // 2
        return slice(None, middle), slice(middle, None)

    @property
    def varied(self) -> np.ndarray:
        """Which factors take two values or more in both halves, (K,)."""
        return np.all(
            [(part != part[0]).any(axis=0) for part in map(self.factors.__getitem__, self.halves)], 0
        )

    def coded(self, rows: slice) -> Coded:
        """Return some of the data with the factors that vary."""
        return Coded(self.codes[rows], self.factors[rows][:, self.varied])


def generator_metrics(
    drawn: Drawn, truth: Drawn, rng: np.random.Generator, *, profile: Profile = DEFAULT
) -> dict[str, Metric]:
    """Measure a generator, each score beside its floor and its ceiling.

    A judge reads the factors of what the generator draws, and is not perfect: it errs, and factors that give one image
    cannot be told. The ceiling is the score of the truth under the same judge: images rendered from true factors, the
    codes being these factors. The floor is that of the generator's codes shuffled, which tell nothing.

    Args:
        drawn: Codes, and factors read of what is drawn from them.
        truth: The perfect generator: true factors as codes, and factors read of their images.
        rng: Source of randomness.
        profile: Bins of MIG and learner of DCI.

    Returns:
        ``generator_mig``, ``generator_dci_disentanglement``, ``generator_dci_completeness``,
        ``generator_dci_informativeness`` and ``generator_variety``, see :func:`generator_scores`. The floor of the
        variety is 0.

    Raises:
        ProblemError: If the two have other factors.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> factors = rng.integers(3, size=(2000, 2))
        >>> found = generator_metrics(Drawn(factors[:, ::-1], factors, (3, 3)), Drawn(factors, factors, (3, 3)), rng)
        >>> round(found["generator_mig"].value, 2), round(found["generator_dci_disentanglement"].value, 2)
        (1.0, 1.0)
    """
    if tuple(drawn.sizes) != tuple(truth.sizes):
        raise ProblemError(
            f"expected the same factors, got sizes {tuple(drawn.sizes)} and {tuple(truth.sizes)}"
        )
    reference = next(iter(chance(1)))
    shuffled = Drawn(reference.permutation(drawn.codes), drawn.factors, drawn.sizes)
    floors = generator_scores(shuffled, reference, profile=profile) | {"generator_variety": 0.0}
    ceilings = generator_scores(truth, reference, profile=profile)
    scores = generator_scores(drawn, rng, profile=profile)
    n = len(drawn.codes)
    return {
        name: Metric(name, value, floors[name], ceilings[name], "higher", n) for name, value in scores.items()
    }


def generator_scores(
    drawn: Drawn, rng: np.random.Generator, *, profile: Profile = DEFAULT
) -> dict[str, float]:
    """Return the bare scores of a generator.

    - ``generator_mig``: mean_k (I(c_(1); v_k) − I(c_(2); v_k)) / H(v_k), dimensions of the code ordered by what they
      tell of factor k as it is read of generated data: MIG-gen of Nie et al.
    - ``generator_dci_disentanglement``, ``generator_dci_completeness``, ``generator_dci_informativeness``: the factors
      read, predicted from the code. An informativeness of less than the ceiling is what the noise decides.
    - ``generator_variety``: mean_k H(v_k) / log sizes_k, how much of the world is drawn at all. The others say nothing
      of that: a generator that draws one shape in one size may hold the places apart as well as can be.

    A factor that never varies counts as told by nothing.

    Args:
        drawn: Codes, and factors read of what is drawn from them.
        rng: Source of randomness.
        profile: Bins of MIG and learner of DCI.

    Reference:
        Nie, Karras, Garg, Debnath, Patney, Patel, Anandkumar, Semi-Supervised StyleGAN for Disentanglement Learning,
        arXiv 2003.03461, section 4.
    """
    varied, n_codes = drawn.varied, drawn.codes.shape[1]
    shares = np.zeros((len(varied), n_codes))
    importance = np.zeros((n_codes, len(varied)))
    entropies, informativeness = np.zeros(len(varied)), 0.0
    if varied.any():
        whole = drawn.coded(slice(None))
        shares[varied] = information_share(whole, bins=profile.bins)
        entropies[varied] = factor_entropies(whole)
        train, test = map(drawn.coded, drawn.halves)
        read = dci(train, test, rng, predictor=profile.predictor)
        importance[:, varied] = read.importance
        informativeness = read.informativeness * float(varied.mean())
    return {
        "generator_mig": information_gap(shares),
        "generator_dci_disentanglement": disentanglement(importance),
        "generator_dci_completeness": completeness(importance),
        "generator_dci_informativeness": informativeness,
        "generator_variety": float(np.mean(entropies / np.log(drawn.sizes))),
    }
