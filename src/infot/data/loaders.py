"""Which examples make the next batch: epochs without replacement, resumable bit for bit."""

from typing import Any

import torch
from torch import Tensor

from infot.errors import DataError

__all__ = ["BatchSampler"]


class BatchSampler:
    """Give batches of indices, each epoch a fresh permutation of all examples.

    A batch that reaches over the end of an epoch is filled from the next permutation, so no example is ever
    left out; one that is larger than the data holds every example, some once more than others. The state is
    small (two generator states and three integers) and restores the sampler, its generator included.

    Args:
        n: Number of examples.
        batch_size: Indices in a batch.
        rng: CPU generator of the permutations; the sampler advances it once an epoch.

    Raises:
        DataError: There are no examples, or ``batch_size`` is below 1.

    Example:
        >>> sampler = BatchSampler(5, 2, torch.Generator().manual_seed(0))
        >>> first_epoch = torch.cat([sampler.next(), sampler.next(), sampler.next()])[:5]
        >>> sorted(first_epoch.tolist())
        [0, 1, 2, 3, 4]
    """

    def __init__(self, n: int, batch_size: int, rng: torch.Generator) -> None:
        if n < 1 or batch_size < 1:
            raise DataError(
                f"expected examples to train on and a batch of at least 1; got {n} and {batch_size}."
            )
        self.n = n
        self.batch_size = batch_size
        self.epoch = 0
        self._rng = rng
        self._position = 0
        self._epoch_start = rng.get_state()
        self._permutation = torch.randperm(n, generator=rng)

    def next(self) -> Tensor:
        """Return the next batch of indices, int64, shape (batch_size,)."""
        parts = [self._take(self.batch_size)]
        while missing := self.batch_size - sum(map(len, parts)):
            self._start_epoch()
            parts.append(self._take(missing))
        return torch.cat(parts)

    def _take(self, size: int) -> Tensor:
        """Return up to ``size`` more indices of this epoch."""
        part = self._permutation[self._position : self._position + size]
        self._position += len(part)
        return part

    def _start_epoch(self) -> None:
        self.epoch += 1
        self._position = 0
        self._epoch_start = self._rng.get_state()
        self._permutation = torch.randperm(self.n, generator=self._rng)

    def state_dict(self) -> dict[str, Any]:
        """Return what :meth:`load_state_dict` needs: tensors and integers only."""
        return {
            "n": self.n,
            "epoch": self.epoch,
            "position": self._position,
            "epoch_start": self._epoch_start.clone(),
            "rng": self._rng.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where ``state`` was saved; the sampler's generator is set as well.

        Raises:
            DataError: The state belongs to data with another number of examples.
        """
        if int(state["n"]) != self.n:
            raise DataError(
                f"expected the data of the saved run, {int(state['n'])} training examples; got {self.n}. "
                "Resume with the same data, or start a new run."
            )
        self.epoch = int(state["epoch"])
        self._position = int(state["position"])
        self._epoch_start = state["epoch_start"].clone()
        self._permutation = torch.randperm(self.n, generator=_generator_at(self._epoch_start))
        self._rng.set_state(state["rng"])


def _generator_at(state: Tensor) -> torch.Generator:
    """Return a new CPU generator in the given state."""
    generator = torch.Generator()
    generator.set_state(state)
    return generator
