"""Image files that were made to do harm: what they cost is bounded, and each is read, or refused in one sentence."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.data.image import read_image, read_scaled
from seg_core.data.masks import pixels
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.errors import InputError

SIDE = 3000
BYTES_A_PIXEL = 10

# Reads every image of a folder in three ways, each in a process of its own, and prints the most memory in bytes that this took.
READ_ALL = """
import os, sys
from pathlib import Path
from seg_core.data.image import read_image, read_scaled
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.errors import InputError

def memory(kind):
    return int(Path("/proc/self/status").read_text().split(kind + ":")[1].split()[0]) * 1024

def read(file, how):
    try:
        how(file)
    except InputError:
        pass

WAYS = read_image, lambda file: read_scaled(file, (192, 192)), lambda file: MaskFolderRule([file]).mask(file)
small, large = map(Path, sys.argv[1:])
for file in sorted(small.iterdir()):
    for how in WAYS:
        read(file, how)  # what decoders import and keep is not counted
for file in sorted(large.iterdir()):
    for number, how in enumerate(WAYS):
        if os.fork() == 0:
            Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
            before = memory("VmRSS")
            read(file, how)
            print(f"{file.name} {number}|{memory('VmHWM') - before}", flush=True)
            os._exit(0)
        os.wait()
"""
OF_A_STRIP = 24_000_000
"""Bytes that a strip of a million pixels takes while it is converted, however large the image is."""


def write_flat(folder: Path, side: int) -> Path:
    """Write large images in few bytes, of all kinds that take more memory than they seem to; return their folder."""
    folder.mkdir()
    size = side, side
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros(size, np.uint16)).save(folder / "grey of 16 bits.png")
    Image.fromarray(np.zeros(size, np.float32)).save(folder / "floating point.tif", compression="tiff_deflate")
    Image.new("I", size).save(folder / "grey of 32 bits.tif", compression="tiff_deflate")
    Image.new("RGBA", size, (200, 100, 50, 0)).save(folder / "transparent and turned.png", exif=exif)
    Image.new("LA", size, (200, 50)).save(folder / "grey and transparent.png")
    Image.new("P", size, 3).save(folder / "palette with a transparent colour.png", transparency=3)
    Image.new("CMYK", size, (20, 100, 50, 0)).save(folder / "cmyk.jpg")
    Image.new("RGB", size, (200, 100, 50)).save(folder / "turned.jpg", exif=exif)
    return folder


def memory_taken(small: Path, large: Path) -> dict[str, float]:
    """Return the bytes that a pixel takes at most, by file and way of reading it."""
    reading = [sys.executable, "-c", READ_ALL, str(small), str(large)]
    output = subprocess.run(reading, capture_output=True, text=True, check=True, timeout=120).stdout
    return {name: (int(count) - OF_A_STRIP) / SIDE**2 for name, count in (line.split("|") for line in output.splitlines())}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of memory in parts")
def test_of_what_is_decoded_a_pixel_takes_at_most_ten_bytes(tmp_path: Path) -> None:
    folders = write_flat(tmp_path / "small", 40), write_flat(tmp_path / "large", SIDE)
    taken = memory_taken(*folders)
    if any(count > BYTES_A_PIXEL for count in taken.values()):
        # What the allocator keeps of memory that was given back comes on top, and differs from time to time.
        taken = {name: min(count, taken[name]) for name, count in memory_taken(*folders).items()}
    assert len(taken) == 3 * 8
    assert {name: round(count, 1) for name, count in taken.items() if count > BYTES_A_PIXEL} == {}


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "1", "P", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize("size", [(1301, 997), (40, 1403), (30, 20)])
def test_scaled_while_it_is_converted_is_the_same_to_the_bit(mode: str, size: tuple[int, int], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), np.uint8)
    deep = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    image = Image.fromarray(noise) if mode == "RGBA" else Image.fromarray(noise[..., :3]).convert(mode.split(";")[0])
    if mode in deep:
        image = Image.fromarray(np.asarray(noise[..., 0] * 16.0, deep[mode]))
    file = tmp_path / ("photo.png" if mode == "P" else "photo.tif")
    image.save(file)
    whole = read_image(file).resize((64, 48), Image.Resampling.BILINEAR, reducing_gap=2.0)
    photo, own = read_scaled(file, lambda _: (64, 48))
    assert own == size
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(whole))


def test_a_jpeg_of_very_many_passes_is_refused_at_once() -> None:
    file = io.BytesIO()
    Image.new("RGB", (2000, 2000), (20, 100, 50)).save(file, "JPEG", progressive=True)
    usual = file.getvalue()
    last = usual.rfind(b"\xff\xda")
    many = usual[:-2] + usual[last:-2] * 2000 + b"\xff\xd9"
    started = time.perf_counter()
    with pytest.raises(InputError, match=r"^photo\.jpg is a progressive JPEG of 2,0\d\d passes; save it as an ordinary JPEG\.$"):
        read_image(many, "photo.jpg")
    assert time.perf_counter() - started < 1
    assert read_image(usual).size == (2000, 2000)


@pytest.mark.parametrize("kind", ["colours", "numbers"])
def test_noise_in_place_of_a_mask_is_refused_without_counting_every_value_apart(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "MOST_VALUES", 1 << 12)
    random = np.random.default_rng(0)
    shape = 1500, 1500
    noise = random.integers(0, 256, (*shape, 3), np.uint8) if kind == "colours" else random.random(shape, np.float32)
    file = tmp_path / ("mask.png" if kind == "colours" else "mask.tif")
    Image.fromarray(noise).save(file)
    with pytest.raises(
        InputError, match=r"as (a photograph does|photographs or drawings on photographs do); save masks as 0 and 255"
    ):
        MaskFolderRule([file]).mask(file)
    counts = pixels.read_pixels(file, file.name).counts
    assert sum(counts.values()) == 1500**2
    assert len(counts) <= (1 << 15)


def test_values_are_counted_alike_in_one_piece_and_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.random.default_rng(0).integers(0, 4, (57, 41)).astype(np.float32) / 4
    grey[10:40, 5:30] = 0.5
    Image.fromarray(grey).save(tmp_path / "mask.tif")
    monkeypatch.setattr("seg_core.data.strips.STRIP", 3 * 41)
    found = pixels.read_pixels(tmp_path / "mask.tif", "mask.tif")
    assert found.counts == Counter(grey.ravel().tolist())
    inside = [
        grey[y, x].item() for y in range(1, 56) for x in range(1, 40) if (grey[y - 1 : y + 2, x - 1 : x + 2] == grey[y, x]).all()
    ]
    assert found.areas == Counter(inside)
    assert found.areas[0.5] >= 28 * 23
    assert found.corners == grey[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()
