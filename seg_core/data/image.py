"""Reading, scaling and writing of photographs (8-bit RGB, upright) and masks (booleans), from files of many kinds."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from seg_core.data.image_file import SIDEWAYS, decoding, load, open_image, orientation, turned
from seg_core.data.masks.rule import MASK_CUT
from seg_core.data.strips import to_8_bit, to_rgb
from seg_core.errors import InputError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of red, green and blue in [0, 1] (torchvision, ``MobileNet_V2_Weights.IMAGENET1K_V1``)."""

Source = Path | str | bytes | Image.Image | np.ndarray
Size = tuple[int, int]
"""Width and height."""

Reader = Callable[..., tuple[Image.Image, Size]]
"""`read_scaled`, or what does the same in another process."""


def read_image(source: Source, name: str = "") -> Image.Image:
    """Read a photograph as RGB, turned upright, at its own size.

    Takes a path, the bytes of a file, a Pillow image, or an array (H, W), (H, W, 3) or (H, W, 4): bool, float in [0, 1],
    uint16 up to 65535, or other integers up to 255. EXIF orientation is applied, transparency is laid over white; CMYK,
    palette, grey and 16-bit images are converted. Messages call it ``name``, by default the file's name.

    Raises:
        InputError: if it is not an image, damaged, empty, or beyond 20,000 pixels a side or 150 megapixels.
    """
    name = name or _name_of(source)
    if isinstance(source, np.ndarray):
        return to_rgb(_from_array(source, name))
    if isinstance(source, Image.Image):
        with decoding(name):
            source.load()
            photo = turned(to_rgb(source), orientation(source))
            return photo.copy() if photo is source else photo
    with open_image(source, name) as image:
        loaded = load(image, name)
        with decoding(name):
            way = orientation(loaded)
            return turned(_rgb_alone(loaded), way)


def read_scaled(
    source: Source, size: Size | Callable[[Size], Size], name: str = "", *, draft: int = 0
) -> tuple[Image.Image, Size]:
    """Read a photograph as `read_image` does and scale it, without having the whole of it as RGB in memory where it shrinks.

    Args:
        source: as in `read_image`.
        size: the width and height to scale it to, or a function that gives them for its own upright ones.
        name: as in `read_image`.
        draft: a JPEG is decoded at 1/2, 1/4 or 1/8 if it then still is so many pixels wide and high; 0 decodes it whole.

    Returns:
        The photograph, and its own upright width and height.

    Raises:
        InputError: as `read_image`.
    """
    if isinstance(source, np.ndarray | Image.Image):
        photo = read_image(source, name)
        return scaled(photo, _chosen(size, photo.size)), photo.size
    name = name or _name_of(source)
    with open_image(source, name) as image:
        stored = image.size
        loaded = load(image, name, draft)
        with decoding(name):
            way = orientation(loaded)
            own = stored[::-1] if way in SIDEWAYS else stored
            target = _chosen(size, own)
            return turned(_shrunk(loaded, target[::-1] if way in SIDEWAYS else target), way), own


def read_once(read: Reader = read_scaled) -> Reader:
    """Return a reader of files that keeps what it read last, so that models that take photographs of one size share it.

    It keeps two: a model may look at a photograph twice.
    """
    return lru_cache(2)(read)


def scaled(photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale a photograph to (width, height), in the one way that networks and pages use."""
    return photo.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def scaled_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale a boolean mask (H, W) to (width, height): True where at least half of the area that a pixel covers was."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return np.asarray(grey) >= MASK_CUT


def write_mask(mask: np.ndarray, target: Path | BinaryIO) -> None:
    """Write a boolean mask (H, W) as a PNG of 0 and 255."""
    # As run lengths, which takes less time than zlib's default, and makes a smaller file.
    Image.fromarray(mask.astype(np.uint8) * 255).save(target, "PNG", compress_type=zlib.Z_RLE)


def _name_of(source: Source) -> str:
    return Path(source).name if isinstance(source, Path | str) else "The image"


def _chosen(size: Size | Callable[[Size], Size], own: Size) -> Size:
    return size(own) if callable(size) else size


def _shrunk(image: Image.Image, size: Size) -> Image.Image:
    """As ``scaled(to_rgb(image), size)``, to the bit, but shrunk to whole parts of its size while it is converted."""
    parts = image.width // (2 * size[0]) or 1, image.height // (2 * size[1]) or 1
    box = 0, 0, image.width / parts[0], image.height / parts[1]
    return to_rgb(image, parts).resize(size, Image.Resampling.BILINEAR, box)


def _rgb_alone(image: Image.Image) -> Image.Image:
    """Convert an image that is not needed any more, and free its memory."""
    rgb = to_rgb(image)
    if rgb is not image:
        image.close()
    return rgb


def _from_array(pixels: np.ndarray, name: str) -> Image.Image:
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.size == 0 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise InputError(f"{name} is an array of shape {pixels.shape}; give (H, W), (H, W, 3) or (H, W, 4).")
    if pixels.dtype.kind not in "biuf":
        raise InputError(f"{name} is an array of {pixels.dtype}; give real numbers, such as uint8.")
    top = 1 if pixels.dtype.kind in "bf" else 65535 if pixels.dtype == np.uint16 else 255
    if not (pixels.min() >= 0 and pixels.max() <= top):  # so that NaN is refused too
        raise InputError(f"{name} is an array of {pixels.dtype} with values outside of 0 to {top}; bring it to that range first.")
    if pixels.dtype != np.uint8:
        pixels = to_8_bit(pixels, top)
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and channels == 1 else pixels)
