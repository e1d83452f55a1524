"""From the name of a device to the device."""

import torch

from infot.errors import ConfigError

__all__ = ["find_device"]


def find_device(name: str) -> torch.device:
    """Return the device called ``name``: cpu, cuda, cuda:N, mps, or auto (cuda where there is one, else cpu).

    Raises:
        ConfigError: If this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"training.device: {name} was asked for, but torch sees {torch.cuda.device_count()} CUDA devices; "
            "use --device cpu or auto"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("training.device: mps was asked for, but torch sees none; use --device cpu or auto")
    return device
