"""Opening and decoding of image files: whatever goes wrong inside the decoders becomes one sentence with the file's name."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, UnidentifiedImageError

from seg_core.common.regular_file import require_file
from seg_core.errors import InputError, PassingError

MAX_SIDE = 20_000
MAX_PIXELS = 150_000_000

PHOTO_ENDINGS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".webp"),
    *(".heic", ".heif", ".avif", ".jp2"),
}
MASK_ENDINGS = {".png", ".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"}
"""The endings that are looked for in folders, in lower case."""

WITHOUT_END = "lesionlab: without end"
"""Key in ``Image.info`` of a JPEG that lacks the last bytes of its file, but no pixels."""

# Pillow reads more formats, but some of them by other programs (EPS by Ghostscript), which photographs do not need.
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF", "HEIF", "AVIF", "JPEG2000")
MOST_PASSES = 3_000_000_000
"""Pixels of a progressive JPEG times its passes over them: more take many seconds. Cameras and programs make ten passes."""

_LFS = b"version https://git-lfs"
_ORIENTATION = 0x0112
SIDEWAYS = range(5, 9)
"""EXIF orientations that swap width and height."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Two different continuations of a JPEG's pixels, and its end marker: see `_without_end`.
_CONTINUATIONS = (bytes(64) + b"\xff\xd9", b"\x55" * 64 + b"\xff\xd9")

pillow_heif.register_heif_opener()


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn what a decoder raises into an `InputError`, in which the image is called ``name``."""
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{name} needs more memory than there is; make it smaller first.") from None
    except Image.DecompressionBombError:
        raise InputError(f"{name} has too many pixels; make it smaller than {MAX_PIXELS / 1e6:g} megapixels first.") from None
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path.") from None
    except IsADirectoryError:
        raise InputError(f"{name} is a folder; name a photograph in it.") from None
    except Exception as error:  # noqa: BLE001 - decoders raise anything: TypeError, struct.error, IndexError, EOFError, …
        raise _broken(name, error) from None


def open_image(source: Path | str | bytes, name: str) -> Image.Image:
    """Open an image file without decoding it: size and mode are known, pixels are not read yet.

    Raises:
        InputError: if it is missing, empty, not an image, or too large.
    """
    with decoding(name), warnings.catch_warnings():
        if isinstance(source, Path | str):
            require_file(Path(source), name)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked below, before decoding
        try:
            image = Image.open(source if isinstance(source, Path | str) else io.BytesIO(source), formats=_FORMATS)
        except UnidentifiedImageError:
            raise _unidentified(source, name) from None
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        image.close()
        raise InputError(
            f"{name} is {width:,} × {height:,} pixels; make it smaller than {MAX_SIDE:,} pixels a side "
            f"and {MAX_PIXELS / 1e6:g} megapixels first."
        )
    return image


def load(image: Image.Image, name: str, side: int | None = None) -> Image.Image:
    """Decode an opened image, a JPEG at no more than ``side`` needs. One that lacks only its end is decoded, and marked so.

    Raises:
        InputError: if it is damaged or lacks pixels.
    """
    with decoding(name):
        if "progressive" in image.info:
            _check_passes(image, name)
        if side:
            image.draft("RGB", (side, side))  # straight to the next larger of 1/1, 1/2, 1/4, 1/8
        try:
            image.load()
        except OSError as error:
            if image.format not in ("JPEG", "MPO") or "truncated" not in str(error):
                raise
            whole = _without_end(image, side)
            if whole is None:
                raise
            return whole
    return image


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an opened image, 1 to 8. What cannot be read does not keep a photograph from being used."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - Pillow raises TypeError, struct.error and more for the blocks that cameras write
        return 1
    # Pillow gives a TIFF upright, and says so only once it is decoded.
    return int(value) if value in _TURNS and image.format != "TIFF" else 1


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a stored image upright."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of an opened image once turned upright. Pillow decodes a PNG for it, but no other format."""
    return image.size[::-1] if orientation(image) in SIDEWAYS else image.size


def _without_end(image: Image.Image, side: int | None) -> Image.Image | None:
    """Decode a JPEG that stops early; return None if pixels are missing.

    Where all pixels are there, the decoder skips what follows them. Else it takes that for pixels, and two different
    continuations make two different pictures.
    """
    file: BinaryIO | None = getattr(image, "fp", None)
    if file is None:
        return None
    file.seek(0)
    content = file.read().rstrip(b"\xff")
    first, second = (Image.open(io.BytesIO(content + continuation), formats=("JPEG",)) for continuation in _CONTINUATIONS)
    for picture in (first, second):
        if side:
            picture.draft("RGB", (side, side))
        picture.load()
    if not np.array_equal(np.asarray(first), np.asarray(second)):
        return None
    first.info[WITHOUT_END] = True
    return first


def _check_passes(image: Image.Image, name: str) -> None:
    file: BinaryIO | None = getattr(image, "fp", None)
    if file is None:  # decoded before
        return
    place = file.tell()
    file.seek(0)
    passes = file.read().count(b"\xff\xda")  # "start of scan"; within compressed pixels, a zero follows every ff
    file.seek(place)
    if passes * image.width * image.height > MOST_PASSES:
        raise InputError(f"{name} is a progressive JPEG of {passes:,} passes; save it as an ordinary JPEG.")


def _unidentified(source: Path | str | bytes, name: str) -> InputError:
    if isinstance(source, bytes):
        start = source[: len(_LFS)]
    else:
        with Path(source).open("rb") as file:
            start = file.read(len(_LFS))
    if not start:
        return InputError(f"{name} is an empty file; save or upload it again.")
    if start == _LFS:
        return InputError(f"{name} is a Git LFS pointer, not the image itself; fetch the images with git lfs pull.")
    return InputError(f"{name} is not an image that can be read; use JPEG, PNG, TIFF, BMP, WebP or HEIC.")


def _broken(name: str, error: Exception) -> InputError:
    if isinstance(error, OSError) and error.errno:  # errors of Pillow have no number
        return PassingError(f"{name} cannot be read ({error.strerror}); check its permissions and its drive.")
    truncated = "truncated" in str(error).lower() or "broken" in str(error).lower()
    what = "is cut off before its end" if truncated else "is damaged and cannot be decoded"
    return InputError(f"{name} {what}; save, copy or upload it again.")
