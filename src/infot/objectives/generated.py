"""Independent draws of the generator, for methods that compare laws sample by sample."""

import torch
from torch import Tensor, nn

from infot.models.latents import Latent, LatentSpace
from infot.random import Streams

__all__ = ["draw"]


def draw(
    player: str, nets: nn.ModuleDict, latents: LatentSpace, n: int, streams: Streams, device: torch.device
) -> tuple[Latent, Tensor]:
    """Return ``n`` independent latents and what the generator makes of them.

    Args:
        player: Whose turn it is; gradients reach the generator on its own turn only.
        nets: Holds ``generator``.
        latents: The latent space.
        n: How many.
        streams: The draws come from the stream ``latent``.
        device: Device of the networks.
    """
    code, noise = (part.to(device) for part in latents.sample(n, streams("latent")))
    with torch.set_grad_enabled(player == "generator"):
        return Latent(code, noise), nets["generator"](code, noise)
