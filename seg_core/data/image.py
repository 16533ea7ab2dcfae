"""Reading, scaling and writing of photographs (8-bit RGB, upright) and masks (booleans), from files of many kinds."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from seg_core.data.image_file import SIDEWAYS, decoding, load, open_image, orientation, turned
from seg_core.data.masks.rule import MASK_CUT
from seg_core.errors import InputError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of red, green and blue in [0, 1] (torchvision, ``MobileNet_V2_Weights.IMAGENET1K_V1``)."""

_INTEGER_RANGES = (255, 1023, 4095, 16383, 65535)  # of 8, 10, 12, 14 and 16 bits

Source = Path | str | bytes | Image.Image | np.ndarray


def read_image(source: Source, name: str = "") -> Image.Image:
    """Read a photograph as RGB, turned upright, at its own size.

    Takes a path, the bytes of a file, a Pillow image, or an array (H, W), (H, W, 3) or (H, W, 4): bool, float in [0, 1],
    uint16 up to 65535, or other integers up to 255. EXIF orientation is applied, transparency is laid over white; CMYK,
    palette, grey and 16-bit images are converted. Messages call it ``name``, by default the file's name.

    Raises:
        InputError: if it is not an image, damaged, empty, or beyond 20,000 pixels a side or 150 megapixels.
    """
    name = name or (Path(source).name if isinstance(source, Path | str) else "The image")
    if isinstance(source, np.ndarray):
        return _to_rgb(_from_array(source, name))
    if isinstance(source, Image.Image):
        return _decode(source, name)
    with open_image(source, name) as image:
        return _decode(load(image, name), name)


def read_reduced(source: Source, side: int, name: str = "") -> tuple[Image.Image, tuple[int, int]]:
    """Read a photograph that will be made smaller: as `read_image`, but a JPEG file is decoded at no more than ``side`` needs.

    Returns:
        The photograph, at least ``side`` pixels wide and high if it is so in the file, and its full (width, height).

    Raises:
        InputError: as `read_image`.
    """
    if isinstance(source, np.ndarray | Image.Image):
        photo = read_image(source, name)
        return photo, photo.size
    name = name or (Path(source).name if isinstance(source, Path | str) else "The image")
    with open_image(source, name) as image:
        width, height = image.size
        loaded = load(image, name, side)
        size = (height, width) if orientation(loaded) in SIDEWAYS else (width, height)
        return _decode(loaded, name), size


def scaled(photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale a photograph to (width, height), in the one way that networks and pages use."""
    return photo.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def scaled_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale a boolean mask (H, W) to (width, height): True where at least half of the area that a pixel covers was."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return np.asarray(grey) >= MASK_CUT


def write_mask(mask: np.ndarray, target: Path | BinaryIO) -> None:
    """Write a boolean mask (H, W) as a PNG of 0 and 255."""
    Image.fromarray(mask.astype(np.uint8) * 255).save(target, "PNG")


def _decode(image: Image.Image, name: str) -> Image.Image:
    with decoding(name):
        image.load()
        return _to_rgb(turned(image, orientation(image)))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        highest = float(np.nanmax(values, initial=0))
        # Files state no range: take that of the bits really used, or the smallest usual one that holds all values.
        ranges = _INTEGER_RANGES if image.mode.startswith("I;16") else (1, *_INTEGER_RANGES, highest)
        top = next(top for top in ranges if highest <= top)
        return Image.fromarray(_to_8_bit(values, top)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(values: np.ndarray, top: float) -> np.ndarray:
    """Scale values of 0 to ``top`` to bytes, in eight bytes of memory a pixel."""
    scaled = np.divide(values, top, dtype=np.float32)
    np.nan_to_num(scaled, copy=False)
    scaled *= 255
    np.clip(scaled, 0, 255, out=scaled)
    np.rint(scaled, out=scaled)
    whole: np.ndarray = scaled.astype(np.uint8)
    return whole


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
        pixels = _to_8_bit(pixels, top)
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and channels == 1 else pixels)
