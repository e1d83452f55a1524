"""Make the contracts importable. This folder is no package: its name would hide POT's, which is `ot` too."""

import pkgutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from torch import Tensor

import infot.ot

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def on_tensors(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes every loop of the package run on tensors from now on."""

    def switch() -> None:
        def kept(x: Tensor) -> Tensor:
            return x.detach()

        names = [found.name for found in pkgutil.walk_packages(infot.ot.__path__, "infot.ot.")]
        for name in ("infot.numerics", *names):
            module = None if ".compiled" in name else import_module(name)
            if hasattr(module, "to_loop"):
                monkeypatch.setattr(module, "to_loop", kept)

    return switch
