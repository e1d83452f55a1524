"""Critics: networks that judge data, or describe them for a learned cost, or read the code off them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from infot.errors import ConfigError
from infot.nn.mlp import MLP

__all__ = ["Critic", "FeatureCritic", "Judgement", "RecognitionCritic", "Trunk", "UnitFeatures"]

COARSE_SIDE = 8  # pixels a side down to which convolutions halve an image
RECOGNITION_UNITS = 128  # hidden units of the recognition network, as in InfoGAN's MNIST experiment
SLOPE = 0.2  # of the leaky rectifiers, as in DCGAN (Radford et al., arXiv 1511.06434)


class Trunk(nn.Module):
    """Turn data into features: an image by convolutions of stride 2, a vector by a multilayer perceptron.

    Nothing ties the data of a batch together (no batch statistics), so that a gradient penalty is well defined and a
    loss is a function of each datum.

    Packed, it takes ``pack`` independent data at a time, side by side in its input, which makes a generator that lacks
    modes easy to tell from the data (Lin et al., PacGAN, arXiv 1712.04086).

    Args:
        shape: Shape of a datum: ``(channels, height, width)`` or ``(d,)``.
        width: Units of a hidden layer, or ``width / 2`` channels after the first convolution; ``2 * width`` or
            ``width`` features.
        depth: Hidden layers for vectors.
        pack: Data taken together.
        centre: Mean of the data, shape ``shape``; zero if omitted.
        spread: Root mean square deviation of the data from its mean.

    Attributes:
        n_features: Number of features.
    """

    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        *,
        width: int,
        depth: int,
        pack: int = 1,
        centre: Tensor | None = None,
        spread: float = 1.0,
    ) -> None:
        super().__init__()
        if len(shape) not in (1, 3):
            raise ConfigError(
                f"a critic judges images (channels, height, width) or vectors (d,), got {tuple(shape)}"
            )
        self.pack = pack
        packed = (pack * shape[0], *shape[1:])
        centre = torch.zeros(*shape) if centre is None else centre
        self.register_buffer("centre", centre.repeat(pack, *[1] * (len(shape) - 1)))
        self.register_buffer("spread", torch.tensor(float(spread)))
        self.layers, self.n_features = self._body(packed, width, depth)

    def forward(self, x: Tensor) -> Float[Tensor, "packs features"]:
        """Return the features of data ``x``, shape ``(packs * pack, *shape)``; neighbours make a pack."""
        packed = x.reshape(len(x) // self.pack, self.pack * x.shape[1], *x.shape[2:])
        return self.layers((packed - self.centre) / self.spread)

    def _body(self, shape: Sequence[int], width: int, depth: int) -> tuple[nn.Sequential, int]:
        """Return the layers for packed data of one shape, and the number of features that they give."""
        if len(shape) == 3:
            return _image_layers(shape, width), 2 * width
        layers = MLP(shape[0], width, width=width, depth=max(depth - 1, 1))
        return nn.Sequential(layers, nn.SiLU()), width


def _image_layers(shape: Sequence[int], width: int) -> nn.Sequential:
    channels, *size = shape
    layers: list[nn.Module] = []
    inputs, outputs, sides = channels, max(width // 2, 1), list(size)
    while not layers or max(sides) > COARSE_SIDE:
        layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        inputs, outputs, sides = outputs, min(2 * outputs, 4 * width), [side // 2 for side in sides]
    flat = inputs * sides[0] * sides[1]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 2 * width), nn.LeakyReLU(SLOPE))


class Critic(nn.Module):
    """Give every datum, or every pack of data, a number: a logit, or a potential.

    Args:
        trunk: Turns data, or packs of them, into features.
    """

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.n_features, 1)

    def forward(self, x: Tensor) -> Float[Tensor, " packs"]:
        """Return a number for each pack of ``x``, shape ``(packs * pack, *shape)``."""
        return self.head(self.trunk(x)).squeeze(1)


class FeatureCritic(nn.Module):
    """Describe data by features between which a ground cost is measured.

    Args:
        trunk: Turns data into features.
        features: Number of features.
    """

    def __init__(self, trunk: Trunk, *, features: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.n_features, features)

    def forward(self, x: Tensor) -> Float[Tensor, "n features"]:
        """Return the features of data ``x``, shape ``(n, *shape)``."""
        return self.head(self.trunk(x))


class UnitFeatures(nn.Module):
    """Features on the unit sphere, so that a cost between them cannot grow by their length.

    Args:
        critic: Gives the features.
    """

    def __init__(self, critic: FeatureCritic) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, x: Tensor) -> Float[Tensor, "n features"]:
        """Return the features of data ``x``, shape ``(n, *shape)``, each of length 1."""
        return nn.functional.normalize(self.critic(x), dim=1)


class Judgement(NamedTuple):
    """What a recognition critic says of ``n`` data.

    Attributes:
        logit: How much each looks like data, shape ``(n,)``.
        code: Parameters of the law of its code, shape ``(n, code_dim)``: logits of categorical blocks, means of
            continuous ones.
    """

    logit: Tensor
    code: Tensor


class RecognitionCritic(nn.Module):
    """Judge data and read the code that made them, from shared features (Chen et al., InfoGAN, arXiv 1606.03657).

    Args:
        trunk: Turns data into features.
        code_dim: Width of the code.
    """

    def __init__(self, trunk: Trunk, *, code_dim: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.n_features, 1)
        self.recognition = nn.Sequential(
            nn.Linear(trunk.n_features, RECOGNITION_UNITS),
            nn.LeakyReLU(SLOPE),
            nn.Linear(RECOGNITION_UNITS, code_dim),
        )

    def forward(self, x: Tensor) -> Judgement:
        """Judge data ``x``, shape ``(n, *shape)``."""
        features = self.trunk(x)
        return Judgement(self.head(features).squeeze(1), self.recognition(features))
