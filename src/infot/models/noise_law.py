"""The law of the noise in each category of a code, learned: it follows the noise that data use."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from infot.errors import ConfigError
from infot.models.encoders import GaussianNoise

__all__ = ["NoiseLaw", "NoiseMoments"]


class NoiseMoments(NamedTuple):
    """What a batch of couplings says of the noise of each category, in standard coordinates.

    Attributes:
        mass: Share of the batch in each category; adds up to 1.
        mean: Mean of the noise there, 0 where there is no mass.
        second: Mean of its outer products, 0 where there is no mass.
    """

    mass: Float[Tensor, " k"]
    mean: Float[Tensor, "k d"]
    second: Float[Tensor, "k d d"]


class NoiseLaw(nn.Module):
    r"""A normal law of what the noise does in each category, moved by training and saved with the networks.

    .. math:: a = m_c + L_c e, \qquad e \sim N(0, I)

    The noise e stays standard normal and independent of the code; placed, as a, it has mean :math:`m_c` and
    covariance :math:`L_c L_c^\top`, with :math:`L_c` lower triangular: coordinate i moves what it moved before, and
    what goes along with that in its category. Both follow, by an exponential average, the noise that data of the
    category use under the plan,

    .. math:: m_c \leftarrow (1-\eta_c)\, m_c + \eta_c \hat m_c, \qquad
        L_c L_c^\top \leftarrow (1-\eta_c)\, L_c L_c^\top + \eta_c \hat S_c + \eta_c (1 - \eta_c)\,
        (\hat m_c - m_c)(\hat m_c - m_c)^\top

    with mean :math:`\hat m_c` and covariance :math:`\hat S_c` of the batch and :math:`\eta_c` the rate times the share
    of the batch in c relative to equal shares. Among normal laws the one with these moments is the nearest in KL to the
    noise of data (the aggregate posterior of Hoffman and Johnson, "ELBO surgery", 2016; as a prior, Tomczak and
    Welling, arXiv 1705.07120), so that samples deform as data do.

    Args:
        sizes: Sizes of the categorical blocks, which come first in the code; none for one law whatever the code.
        noise_dim: Number of noise coordinates.
        rate: How far one batch moves the law of a category with an equal share, in (0, 1].

    Raises:
        ConfigError: If there is no noise, or the rate is out of its range.

    Example:
        >>> law = NoiseLaw((2,), 3, rate=0.1)
        >>> law.place(torch.eye(2), torch.ones(2, 3))  # before it has followed anything
        tensor([[1., 1., 1.],
                [1., 1., 1.]])
    """

    means: Tensor
    roots: Tensor

    def __init__(self, sizes: Sequence[int], noise_dim: int, *, rate: float) -> None:
        super().__init__()
        if noise_dim < 1 or not 0 < rate <= 1:
            raise ConfigError(
                f"expected at least one noise coordinate and a rate in (0, 1], got {noise_dim} and {rate}"
            )
        self.sizes, self.rate = tuple(sizes), rate
        n = int(torch.tensor(self.sizes).prod()) if sizes else 1
        self.register_buffer("means", torch.zeros(n, noise_dim))
        self.register_buffer("roots", torch.eye(noise_dim).repeat(n, 1, 1))

    def categories(self, code: Float[Tensor, "n code_dim"]) -> Int[Tensor, " n"]:
        """Return the likeliest category of each code: the combination of values, the last block varying fastest."""
        index = torch.zeros(len(code), dtype=torch.int64, device=code.device)
        for part in code[:, : sum(self.sizes)].split(self.sizes, dim=1) if self.sizes else ():
            index = index * part.shape[1] + part.argmax(1)
        return index

    def place(self, code: Float[Tensor, "n code_dim"], noise: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return ``m_c + L_c e``."""
        category = self.categories(code)
        order = category.argsort(stable=True)  # one product for each category
        parts = noise[order].split(category.bincount(minlength=len(self.means)).tolist())
        placed = [
            mean + part @ root.T for mean, root, part in zip(self.means, self.roots, parts, strict=True)
        ]
        return torch.cat(placed)[order.argsort()]

    def standardise(
        self, placed: Float[Tensor, "n charts d"], category: Int[Tensor, " charts"]
    ) -> Float[Tensor, "n charts d"]:
        """Return the noise ``L_c^{-1} (a - m_c)`` that comes to be placed there, chart by chart of each datum."""
        centred = (placed - self.means[category]).permute(1, 2, 0)
        return torch.linalg.solve_triangular(self.roots[category], centred, upper=False).permute(2, 0, 1)

    def moments(
        self, law: GaussianNoise, category: Int[Tensor, " p"], weights: Float[Tensor, " p"]
    ) -> NoiseMoments:
        """Return the moments of couplings.

        Args:
            law: The law of the noise of each, in standard coordinates, arrays ``(p, d)``.
            category: The category of each.
            weights: The mass of each, positive, in any unit.
        """
        shares = nn.functional.one_hot(category, len(self.means)).T * (weights / weights.sum())
        mass = shares.sum(1)
        within = shares / mass.clamp_min(torch.finfo(mass.dtype).tiny)[:, None]
        outer = (within.unsqueeze(2) * law.mean).mT @ law.mean
        spread = torch.diag_embed(within @ (2 * law.log_std).exp())
        return NoiseMoments(mass, within @ law.mean, outer + spread)

    @torch.no_grad()
    def follow(self, moments: NoiseMoments) -> None:
        """Move towards the moments of a batch, which are in the coordinates of this law as it stands."""
        rate = (self.rate * len(self.means) * moments.mass).clamp_max(1)
        step = rate[:, None] * moments.mean
        # At least (1 - rate) I, or at rate 1 the covariance of the batch, so that its root exists.
        covariance = (1 - rate)[:, None, None] * torch.eye(step.shape[1]).to(step)
        covariance += rate[:, None, None] * moments.second - step.unsqueeze(2) * step.unsqueeze(1)
        self.means += (self.roots @ step.unsqueeze(2)).squeeze(2)
        self.roots.copy_(self.roots @ torch.linalg.cholesky(covariance))
