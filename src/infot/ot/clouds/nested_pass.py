"""The nested soft minimum between clouds: all rows against a few columns at a time.

A column needs every row of every code before its potential is known, and nothing of the other columns. So in tiles of
few columns one pass over the cost gives the columns' potential and the rows' masses together:

    S(c, x) = epsilon log E_e exp((f(c, e) - C(c, e, x)) / epsilon),     g and p(c | x) by the levels of codes,
    mass(c, e) += sum_x b(x) p(c | x) exp((f(c, e) - C(c, e, x) - S(c, x)) / epsilon) / weight(c).
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from infot.numerics import exp_flushed, from_loop, to_loop
from infot.ot.clouds.problem import CloudProblem
from infot.ot.clouds.tiles import Tiles, column_tiles
from infot.ot.regularisers import Entropic, unscaled
from infot.ot.solvers.kernel import Evaluation
from infot.ot.solvers.levels import Levels
from infot.ot.structure import Nest, Structured

__all__ = ["NestedPass", "nest_of", "soft_over_noise"]


def nest_of(problem: CloudProblem) -> Nest:
    """Return the nest of a problem without a batch axis, by the blocks of its regulariser or its own."""
    regulariser = unscaled(problem.regulariser)
    assert isinstance(regulariser, Entropic | Structured)
    return Nest.of(regulariser, problem.row_weights.detach().unsqueeze(0), problem.blocks)


def soft_over_noise(
    problem: CloudProblem, nest: Nest, f: Float[Tensor, " n"], points: Float[Tensor, "p d"]
) -> Float[Tensor, "1 K p"]:
    """Return the soft maximum over the noise, ``S``, of a latent potential at points on the side of the columns."""
    tiles = column_tiles(problem.x, points, nest.epsilon, problem.cost)
    soft = f.new_empty(1, nest.n_codes, len(points))
    for columns, _, _, tile in _kernels(tiles, _bias(nest, f), nest):
        soft[0, :, columns] = tile
    return soft


def _bias(nest: Nest, f: Tensor) -> Tensor:
    """Return the potential with the noise's own weights, in units of epsilon; rows without weight get -inf."""
    return f / nest.epsilon + nest.noise.log().flatten()


def _kernels(
    tiles: Tiles, bias: Tensor, nest: Nest
) -> Iterator[tuple[slice, Float[Tensor, "r K noise"], Float[Tensor, "r K"], Float[Tensor, "K r"]]]:
    """Yield columns, their kernel (in memory that the next tile overwrites), its sums over the noise, and ``S``."""
    for columns in tiles.slices():
        score = tiles.score(columns, bias)
        grouped = score.view(len(score), nest.n_codes, -1)
        top = grouped.amax(-1)
        kernel = exp_flushed(grouped.sub_(top.unsqueeze(-1)))
        total = kernel.sum(-1)
        yield columns, kernel, total, (nest.epsilon * (top + total.log())).mT


class NestedPass:
    """Evaluate the semi-dual at potentials of the latents, at one pass over the cost each.

    Args:
        problem: A structured problem as :class:`infot.ot.CloudSolver` takes it.
        nest: Its weights and prices.
    """

    def __init__(self, problem: CloudProblem, nest: Nest) -> None:
        self._nest = nest
        self.levels = Levels(nest, problem.column_weights.unsqueeze(0))
        self._loads = from_loop(self.levels.b_over_codes)[0]
        self._tiles = column_tiles(problem.x, problem.y, nest.epsilon, problem.cost)

    def evaluate(self, f: Any) -> Evaluation:
        """Return the semi-dual at a potential, ``(1, n)``, an array of inner loops.

        The mass of a row without weight of a code that has some is said to be one: such rows take no steps.
        """
        nest, levels = self._nest, self.levels
        potential = from_loop(f)[0]
        soft = potential.new_empty(1, nest.n_codes, self._tiles.n)
        masses = torch.zeros_like(nest.noise[0])
        for columns, kernel, total, tile in _kernels(self._tiles, _bias(nest, potential), nest):
            soft[0, :, columns] = tile
            _, shares = levels.posterior(to_loop(tile.unsqueeze(0)))
            loads = from_loop(shares)[0] * self._loads[:, columns] / total.mT
            masses += (loads.unsqueeze(1) @ kernel.transpose(0, 1)).squeeze(1)
        noise = nest.noise[0]
        row_mass = torch.where(noise > 0, masses / noise.clamp_min(torch.finfo(noise.dtype).tiny), 1.0)
        softs = to_loop(soft)
        g, posterior = levels.posterior(softs)
        of_codes = (posterior @ levels.b[..., None])[..., 0]
        no_factors = posterior, posterior  # the plan is read from its potentials
        return Evaluation(f, g, to_loop(row_mass.reshape(1, -1)), no_factors, softs, posterior, of_codes)

    def steps(self, now: Evaluation, wanted: Any) -> tuple[Any, Any]:
        """Return the safe step and a bold one that also balances whole codes, as the levels' two.

        Mass that is to change codes far away would seep there at the damped pace of the fixed point. What shifts the
        codes need is found from the soft maxima, without a look at the cost.

        Args:
            now: The evaluation.
            wanted: L1 error to which codes are balanced, ``(1,)``.
        """
        levels = self.levels
        safe, bold = levels.steps(now)
        shift = levels.balance(now.soft, wanted).shift
        if shift is None:
            return safe, bold
        of_codes = from_loop(now.code_mass / levels.code_weights)
        tiny = torch.finfo(of_codes.dtype).tiny
        change = from_loop(shift) + levels.damping * of_codes.clamp_min(tiny).log()
        moved = from_loop(safe if bold is None else bold).reshape(1, len(change[0]), -1) + change.unsqueeze(
            -1
        )
        return safe, to_loop(moved.reshape(1, -1))
