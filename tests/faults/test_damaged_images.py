"""Photographs and masks with random damage: every one is read, or refused in one sentence, in little time."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from seg_core.data.image import read_image, read_scaled
from seg_core.errors import InputError
from tests.helpers import read_mask

LONGEST = 5.0
"""Seconds for one file."""


def encoded(kind: str) -> bytes:
    """A picture of noise and plain areas, in one format, with EXIF where the format takes it."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    pixels[10:30, 10:40] = (200, 30, 30)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112], exif[0x011A], exif[0x010F] = 6, 72.0, "camera"
    options = {} if kind in ("BMP", "GIF", "JPEG2000") else {"exif": exif}
    file = io.BytesIO()
    match kind:
        case "palette PNG":
            image.convert("P").save(file, "PNG", transparency=3)
        case "16-bit PNG":
            Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(file, "PNG")
        case "deflated TIFF":
            Image.fromarray(pixels[..., 0] / np.float32(255)).save(file, "TIFF", compression="tiff_adobe_deflate")
        case "progressive JPEG":
            image.save(file, "JPEG", progressive=True, exif=exif)
        case _:
            image.save(file, kind, **options)
    return file.getvalue()


KINDS = (
    *("JPEG", "progressive JPEG", "PNG", "palette PNG", "16-bit PNG", "TIFF", "deflated TIFF"),
    *("BMP", "GIF", "WEBP", "HEIF", "AVIF", "JPEG2000"),
)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Change a file in one of the ways in which files get damaged, or are made to do harm; mostly in its header."""
    data = bytearray(content)
    place = chance.randrange(min(len(data), chance.choice((32, 256, len(data)))))
    match chance.randrange(6):
        case 0:
            data[place] ^= 1 << chance.randrange(8)
        case 1:
            data[place : place + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\x7f\xff"))
        case 2:
            del data[place:]
        case 3:
            del data[place : place + chance.randrange(1, 64)]
        case 4:
            data[place:place] = data[: chance.randrange(64)]
        case _:
            for _ in range(chance.randrange(1, 30)):
                data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


READERS: tuple[Callable[[bytes, str], object], ...] = (
    read_image,
    lambda content, name: read_scaled(content, (32, 32), name, draft=64),
    read_mask,
)


def attack(cases: int, seed: int) -> tuple[int, int]:
    """Read so many damaged files; return how many were read by some reader, and how many were refused by all."""
    chance, whole = random.Random(seed), [encoded(kind) for kind in KINDS]
    read = refused = 0
    sentences: list[str] = []
    for number in range(cases):
        content, started, is_read = damaged(whole[number % len(whole)], chance), time.perf_counter(), False
        for reader in READERS:
            try:
                reader(content, "photo")
                is_read = True
            except InputError as problem:
                sentences.append(str(problem))
        assert time.perf_counter() - started < LONGEST, f"case {number} of seed {seed}"
        read, refused = read + is_read, refused + (not is_read)
    assert [sentence for sentence in sentences if not sentence.startswith("photo") or "\n" in sentence] == []
    return read, refused


@pytest.mark.parametrize("cases", [500, pytest.param(13_000, marks=pytest.mark.slow)])
def test_damaged_images_are_read_or_refused(cases: int) -> None:
    read, refused = attack(cases, seed=cases)
    print(f"{cases} damaged images: {read} read, {refused} refused, 0 that raised anything else")
    assert read > cases / 10
    assert refused > cases / 10
