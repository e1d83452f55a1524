"""Where a start of a run stands, apart from the run: what can be put aside and taken up again."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Snapshot"]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that decides how training goes on, but the number of steps done.

    Attributes:
        tensors: Networks, averages, moments of the optimisers, random streams and sampler, named ``nets/…``, ``ema/…``,
            ``optimiser/…``, ``streams/…`` and ``sampler/…``.
        sampler: The numbers of the sampler's state.
        seed: Seed from which streams that have not been used yet derive.
    """

    tensors: dict[str, Tensor]
    sampler: dict[str, int]
    seed: int

    def copied(self) -> "Snapshot":
        """Return a snapshot that shares no memory with the networks it was taken of."""
        tensors = {name: value.detach().clone() for name, value in self.tensors.items()}
        return Snapshot(tensors, dict(self.sampler), self.seed)

    def group(self, kind: str) -> dict[str, Tensor]:
        """Return the tensors of one kind, for instance ``nets``, by the rest of their names."""
        prefix = f"{kind}/"
        return {
            name.removeprefix(prefix): value
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }
