"""A folder of image files, whose subfolders, where there are any, are the classes."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from infot.data.pixels import on_white, resize, unit_range
from infot.data.raw import Array, RawData
from infot.errors import DataError

__all__ = ["IMAGE_EXTENSIONS", "read_image_folder"]

IMAGE_EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_TEST_NAMES = ("test", "val", "valid", "validation")


def read_image_folder(folder: Path, *, image_size: int | None = None) -> RawData:
    """Read all images of a folder and its subfolders, in the order of their names.

    Subfolders are classes when no image lies beside them; subfolders ``train`` and ``test`` are the two parts
    of the data, each with images or class subfolders. Transparency is laid on white, the camera's rotation is
    applied, of an animation the first frame is taken. The data is grey when no image holds colour, and RGB
    otherwise.

    Args:
        folder: The folder.
        image_size: Side in pixels to which each image is cropped (central square) and resized; unset: as they
            are.

    Returns:
        The images; names are paths inside the folder.

    Raises:
        DataError: No images, images of mixed size, or a file that is not the image its name promises.
    """
    train, test = _parts(folder)
    files = [*train, *test]
    labels = _classes(folder, train, test)
    arrays = [_read_image(path, image_size) for path in files]
    _check_sizes(files, arrays)
    images = np.stack(arrays)
    grey = bool((images[:, 0] == images[:, 1]).all() and (images[:, 0] == images[:, 2]).all())
    names = tuple(path.relative_to(folder).as_posix() for path in files)
    points = np.ascontiguousarray(images[:, :1]) if grey else images
    return RawData(points, "images", labels, names, n_test=len(test))


def _images_under(folder: Path) -> list[Path]:
    """List image files at any depth, by name; hidden files and folders are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_EXTENSIONS and path.is_file())
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))


def _parts(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files to train on and those that the folder holds out."""
    files = _images_under(folder)
    if not files:
        raise DataError(
            f"{folder}: expected images ({', '.join(IMAGE_EXTENSIONS)}) or IDX files in this folder; found "
            "none. Check the path."
        )
    tops = {path.relative_to(folder).parts[0] for path in files}
    held = [name for name in tops if name.lower() in _TEST_NAMES]
    if len(tops) == 2 and len(held) == 1 and "train" in {name.lower() for name in tops}:
        inside = {path: path.relative_to(folder).parts[0] == held[0] for path in files}
        return [path for path in files if not inside[path]], [path for path in files if inside[path]]
    return files, []


def _classes(folder: Path, train: list[Path], test: list[Path]) -> Array | None:
    """Return the class of each file, the name of its subfolder, or None where there are no subfolders."""
    depth = 1 if test else 0
    parts = [path.relative_to(folder).parts[depth:] for path in (*train, *test)]
    if any(len(part) < 2 for part in parts) or len({part[0] for part in parts}) < 2:
        return None
    return np.array([part[0] for part in parts])


def _read_image(path: Path, image_size: int | None) -> Array:
    """Read one image as (3, height, width), float32 in [0, 1]."""
    try:
        with Image.open(path) as image:
            pixels = _pixels(path, ImageOps.exif_transpose(image))
    except DataError:
        raise
    except Exception as error:  # a damaged file makes decoders raise nearly anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: cannot be read as an image; it may be truncated or damaged ({reason}). Remove "
            "or replace it."
        ) from error
    return pixels if image_size is None else resize(pixels[None], image_size)[0]


def _pixels(path: Path, image: Image.Image) -> Array:
    """Return the pixels of any Pillow mode as (3, height, width); integer modes are 16 bits deep."""
    if image.mode.startswith("I"):
        deep = unit_range(path, np.asarray(image) / 65535.0)
        return np.repeat(deep[None], 3, axis=0)
    if image.mode == "F":
        return np.repeat(unit_range(path, np.asarray(image))[None], 3, axis=0)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255.0
        return on_white(np.moveaxis(rgba, 2, 0)[None])[0]
    return np.ascontiguousarray(np.moveaxis(np.asarray(image.convert("RGB"), dtype=np.float32) / 255.0, 2, 0))


def _check_sizes(files: list[Path], arrays: list[Array]) -> None:
    """Refuse images of mixed size; the message names one of the rarer size."""
    sizes = [array.shape[1:] for array in arrays]
    usual = max(set(sizes), key=sizes.count)
    for path, size in zip(files, sizes, strict=True):
        if size != usual:
            raise DataError(
                f"{path}: expected images of one size, {usual[1]}x{usual[0]} like most here; this one is "
                f"{size[1]}x{size[0]}. Give --data.image-size N to crop and resize all of them."
            )
