"""Reading, scaling and writing of photographs (8-bit RGB, upright) and masks (booleans), from files of many kinds."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from seg_core.errors import InputError, PassingError

MAX_SIDE = 20_000
MAX_PIXELS = 150_000_000
MASK_CUT = 128
"""Mask values from this one on, of 0 to 255, are lesion."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of red, green and blue in [0, 1] (torchvision, ``MobileNet_V2_Weights.IMAGENET1K_V1``)."""

_SIDEWAYS = range(5, 9)  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112

# Pillow reads more formats, but some of them by other programs (EPS by Ghostscript), which photographs do not need.
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF")

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
        return _decode(image, name)


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
        size = upright_size(image, name)
        image.draft("RGB", (side, side))  # straight to the next larger of 1/1, 1/2, 1/4, 1/8
        return _decode(image, name), size


def open_image(source: Path | str | bytes, name: str) -> Image.Image:
    """Open an image file without decoding it: size and mode are known, pixels are not read yet.

    Raises:
        InputError: if it is missing, empty, not an image, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked below, before decoding
            image = Image.open(source if isinstance(source, Path | str) else io.BytesIO(source), formats=_FORMATS)
    except UnidentifiedImageError:
        if (len(source) if isinstance(source, bytes) else Path(source).stat().st_size) == 0:
            raise InputError(f"{name} is an empty file; save or upload it again.") from None
        raise InputError(f"{name} is not an image that can be read; use JPEG, PNG, TIFF, BMP or WebP.") from None
    except Image.DecompressionBombError:
        raise InputError(f"{name} has too many pixels; make it smaller than {MAX_PIXELS // 10**6} megapixels first.") from None
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path.") from None
    except IsADirectoryError:
        raise InputError(f"{name} is a folder; name a photograph in it.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise _broken(name, error) from None
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        image.close()
        raise InputError(
            f"{name} is {width:,} × {height:,} pixels; make it smaller than {MAX_SIDE:,} pixels a side "
            f"and {MAX_PIXELS // 10**6} megapixels first."
        )
    return image


def upright_size(image: Image.Image, name: str) -> tuple[int, int]:
    """Return width and height of an opened image once turned upright. Pillow decodes a PNG for it, but no other format.

    Raises:
        InputError: if the file turns out to be damaged.
    """
    try:
        turned = image.getexif().get(_ORIENTATION) in _SIDEWAYS and image.format != "TIFF"  # Pillow gives these upright
    except (OSError, SyntaxError, ValueError) as error:
        raise _broken(name, error) from None
    return image.size[::-1] if turned else image.size


def read_mask(source: Path | bytes, name: str = "") -> tuple[np.ndarray, bool]:
    """Read a mask as booleans (H, W), cut at 128, and True if it held values other than 0 and the highest.

    Raises:
        InputError: as `read_image`.
    """
    values = read_grey(source, name or (source.name if isinstance(source, Path) else "The mask"))
    scale = 257 if values.max(initial=0) > 255 else 1  # a 16-bit mask uses the whole range, or that of 8 bits
    mask = values >= MASK_CUT * scale
    if not mask.any() and values.max(initial=0) == 1:  # a mask written as 0 and 1
        mask = values == 1
        return mask, False
    grey = bool(((values != 0) & (values != 255 * scale)).any())
    return mask, grey


def read_grey(source: Path | bytes, name: str, *, colours: bool = True) -> np.ndarray:
    """Read the grey values (H, W) of a mask as stored: up to 255, in 16-bit files up to 65535, in floating-point TIFFs any.

    Two dark colours are read as 0 and 255. Other colours are read as grey of the same brightness, or refused.

    Raises:
        InputError: as `read_image`, and for a picture with colours if ``colours`` is False.
    """
    with open_image(source, name) as image:
        try:
            values = _mask_values(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise _broken(name, error) from None
        if not colours and _has_colours(image) and not set(np.unique(values)) <= {0, 255}:
            raise InputError(f"{name} is a picture with colours; save the mask as grey, from 0 to 255.")
    return values


def _mask_values(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        return np.asarray(image.convert("I"))
    if image.mode == "F":
        return np.asarray(image)
    if image.mode == "P":
        indices, grey = np.asarray(image), np.asarray(image.convert("L"))
        if len(np.unique(indices)) == 2 and grey.max() < MASK_CUT:  # lesion in a dark colour: all but the first one
            return np.where(indices > indices.min(), 255, 0)
    if image.mode == "RGB":
        grey = np.asarray(image.convert("L"))
        if grey.max() < MASK_CUT and len(np.unique(grey)) == 2:
            return np.where(grey > grey.min(), 255, 0)
    if "A" in image.getbands():
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
    return np.asarray(image.convert("L"))


def _has_colours(image: Image.Image) -> bool:
    """True if red, green and blue of some pixel differ by more than compression explains."""
    if image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I"):
        return False
    return bool(np.ptp(np.asarray(image.convert("RGB")), axis=2).max() > 32)


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
    try:
        return _to_rgb(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _broken(name, error) from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        # 32-bit and floating-point images state no range: take the smallest usual one that holds all values.
        ranges = (65535,) if image.mode.startswith("I;16") else (1, 255, 65535, values.max())
        top = next(top for top in ranges if values.max() <= top)
        return Image.fromarray(_to_8_bit(values, top)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(values: np.ndarray, top: float) -> np.ndarray:
    return np.clip(values / top * 255, 0, 255).round().astype(np.uint8)


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
        pixels = _to_8_bit(pixels.astype(np.float64), top)
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and channels == 1 else pixels)


def _broken(name: str, error: Exception) -> InputError:
    if isinstance(error, OSError) and error.errno:  # errors of Pillow have no number
        return PassingError(f"{name} cannot be read ({error.strerror}); check its permissions and its drive.")
    truncated = "truncated" in str(error).lower() or "broken" in str(error).lower()
    what = "is cut off before its end" if truncated else "is damaged and cannot be decoded"
    return InputError(f"{name} {what}; save, copy or upload it again.")
