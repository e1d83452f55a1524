"""Reading codes off a sample plan: a bank of latents with their potentials."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot import ot
from infot.objectives.base import Partners, PlanCoder

__all__ = ["SampleCoder"]

_CHUNK = 256  # data points handled at once
_SQUARED = ot.SquaredEuclidean()


class SampleCoder(PlanCoder):
    r"""Codes of any datum from the plan, without an encoder.

    .. math:: A(c, x) = -\varepsilon \log E_e \exp((f(c,e) - C(c,e,x)) / \varepsilon), \qquad
              r(c|x) \propto \zeta_c \exp(-A(c,x) / \varepsilon_c)

    (method, section 6, "inference without an encoder").

    Args:
        points: Generated points of the bank, ``(k * m, *shape)``, code by code.
        code_values: Code values of the bank, ``(k, code_dim)``.
        weights: Weight of each code value, ``(k,)``.
        f: Latent potentials, ``(k * m,)``.
        prices: Price of a nat through the noise and through the code, ``(2,)``.
        eye: What maps points to the places between which they are moved; flattens them if left out.
        cost: Cost between places.
    """

    points: Tensor
    places: Tensor
    code_values: Tensor
    weights: Tensor
    f: Tensor
    prices: Tensor

    def __init__(
        self,
        *,
        points: Tensor,
        code_values: Tensor,
        weights: Tensor,
        f: Tensor,
        prices: Tensor,
        eye: nn.Module | None = None,
        cost: ot.Cost = _SQUARED,
    ) -> None:
        super().__init__()
        self.eye = nn.Flatten(1) if eye is None else eye
        self.cost = cost
        state = {"points": points, "code_values": code_values, "weights": weights, "f": f, "prices": prices}
        for name, value in state.items():
            self.register_buffer(name, value.detach().clone().to(points.device))
        with torch.no_grad():  # follows from the rest, so it is not stored
            self.register_buffer("places", self.eye(self.points), persistent=False)

    def posterior(self, x: Tensor) -> Float[Tensor, "n k"]:
        """Return the plan's conditional over the bank's code values; rows sum to 1."""
        return torch.cat([self._log_posterior(part)[0].exp() for part in x.split(_CHUNK)])

    def partners(self, x: Tensor, count: int) -> Partners:
        """Return the bank's points that hold most of each datum's mass; see :class:`Partners`."""
        parts = [self._partners(part, count) for part in x.split(_CHUNK)]
        return Partners(*(torch.cat(pieces) for pieces in zip(*parts, strict=True)))

    def plan(self, x: Tensor) -> ot.Plan:
        """Return the plan between the bank and ``x``; see :class:`~infot.objectives.base.PlanCoder`."""
        k, n = len(self.code_values), len(self.points)
        epsilon, epsilon_code = self.prices.tolist()
        structured = ot.Structured(
            ot.Entropic(epsilon), blocks=ot.Blocks((k, n // k)), epsilon_code=epsilon_code
        )
        cost = self.cost(self.places, self.eye(x))
        weights = (self.weights * k / n).repeat_interleave(n // k)
        return ot.carried_plan(ot.OTProblem(cost=cost, a=weights, regulariser=structured), self.f)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return the plan's barycentre of the generated points of each datum's likeliest code."""
        return torch.cat([self._reconstruct(part) for part in x.split(_CHUNK)])

    def _log_posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``log r(c|x)``, ``(n, k)``, and the noise's log-weights given code and datum, ``(n, k, m)``."""
        epsilon, epsilon_code = self.prices
        cost = self.cost(self.eye(x), self.places)
        scores = ((self.f - cost) / epsilon).view(len(x), len(self.code_values), -1)
        soft = torch.logsumexp(scores, dim=2) - torch.tensor(float(scores.shape[2])).log()
        logits = soft * (epsilon / epsilon_code) + self.weights.log()
        return torch.log_softmax(logits, dim=1), torch.log_softmax(scores, dim=2)

    def _partners(self, x: Tensor, count: int) -> Partners:
        log_code, log_noise = self._log_posterior(x)
        joint = (log_code.unsqueeze(2) + log_noise).flatten(1).exp()
        mass, rows = joint.topk(min(count, joint.shape[1]), dim=1)
        return Partners(self.points[rows], rows // log_noise.shape[2], mass)

    def _reconstruct(self, x: Tensor) -> Tensor:
        log_code, log_noise = self._log_posterior(x)
        best = log_code.argmax(1)
        rows = torch.arange(len(x), device=x.device)
        bank = self.points.flatten(1).view(len(self.code_values), -1, self.points[0].numel())[best]
        return torch.einsum("nm,nmd->nd", log_noise[rows, best].exp(), bank).view(x.shape)
