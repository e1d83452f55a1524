"""Data that the model has not been trained on, to be looked at one by one."""

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from infot.data import Dataset, Examples
from infot.errors import ConfigError, DataError

__all__ = ["HeldOut", "picture_of"]

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What decoders raise on a file that is no image, damaged, or enormous."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Data to look at, in the model's units.

    Attributes:
        points: Shape ``(n, *shape)``.
        labels: Class of each, or None.
        class_names: Name of each class; empty where there are none.
        whose: What they are, in words that end a sentence.
    """

    points: Tensor
    labels: Tensor | None
    class_names: tuple[str, ...]
    whose: str

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> "HeldOut":
        """Return the held-out part of a data set."""
        return cls(dataset.test, dataset.test_labels, dataset.class_names, f"held out of {dataset.name}")

    @classmethod
    def of_examples(cls, examples: Examples, whose: str) -> "HeldOut":
        """Return data of the user's own."""
        return cls(examples.points, examples.labels, examples.class_names, whose)

    def label(self, index: int) -> str | None:
        """Return the name of a datum's class, or its number where it has no name."""
        if self.labels is None:
            return None
        label = int(self.labels[index])
        return self.class_names[label] if label < len(self.class_names) else str(label)


def picture_of(content: bytes, shape: tuple[int, ...]) -> Tensor:
    """Read an image of the user's own, shape ``(1, channels, height, width)``, values in [0, 1].

    Its middle is cut to the sides' proportion and resized; transparency is laid on white, as in training data.

    Args:
        content: An image file.
        shape: Shape of the model's images.

    Raises:
        ConfigError: If the model's images are neither grey nor RGB.
        DataError: If this is no image.
    """
    channels, height, width = shape
    if channels not in (1, 3):
        raise ConfigError(f"a picture has 1 or 3 channels, the model's images have {channels}")
    try:
        with Image.open(io.BytesIO(content)) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"this cannot be read as an image ({reason}); give a PNG or JPEG file") from error
    paper = Image.new("RGBA", upright.size, "white")
    picture = Image.alpha_composite(paper, upright).convert("L" if channels == 1 else "RGB")
    fitted = np.asarray(ImageOps.fit(picture, (width, height), Image.Resampling.BOX), dtype=np.float32) / 255
    return torch.from_numpy(fitted.reshape(height, width, channels).transpose(2, 0, 1).copy()).unsqueeze(0)
