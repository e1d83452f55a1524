"""Named random streams: one seed, one independent generator a purpose."""

import hashlib

import torch
from torch import Tensor

__all__ = ["Streams", "start_seed"]


class Streams:
    """Give every purpose its own random stream, all derived from one seed.

    Adding a draw in one stream never shifts another, so an extra sample grid or evaluation leaves training bitwise
    unchanged. Streams live on the CPU: draws are moved to the device afterwards, which makes them the same on every
    device.

    Args:
        seed: Non-negative integer from which all streams derive, through SHA-256 of the seed and the stream's name.

    Example:
        >>> streams = Streams(0)
        >>> a = torch.rand(2, generator=streams("data"))
        >>> b = torch.rand(2, generator=Streams(0)("data"))
        >>> bool((a == b).all())
        True
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generators: dict[str, torch.Generator] = {}

    def __call__(self, name: str) -> torch.Generator:
        """Return the stream called ``name``, made on first use."""
        if name not in self._generators:
            digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
            self._generators[name] = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
        return self._generators[name]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state of every stream used so far, as byte tensors."""
        return {name: generator.get_state() for name, generator in sorted(self._generators.items())}

    def load_state_dict(self, state: dict[str, Tensor], *, seed: int | None = None) -> None:
        """Restore streams saved by :meth:`state_dict`; streams absent from ``state`` start afresh.

        Args:
            state: The streams.
            seed: Seed from which those derive that are absent; unchanged if omitted.
        """
        self._generators = {}
        self.seed = self.seed if seed is None else seed
        for name, value in state.items():
            self(name).set_state(value)


def start_seed(seed: int, start: int) -> int:
    """Return the seed of one of several starts of a run: the run's own for the first, then one from its named stream.

    Example:
        >>> start_seed(7, 0), start_seed(7, 1) == start_seed(7, 1), start_seed(7, 1) == start_seed(8, 1)
        (7, True, False)
    """
    if start == 0:
        return seed
    return int(torch.randint(2**62, (), generator=Streams(seed)(f"start {start}")))
