"""Photographs and masks of every kind are read; other files are refused in one sentence."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg_core.data import image_file
from seg_core.data.image import read_image, read_scaled, scaled_mask, write_mask
from seg_core.errors import InputError, PassingError
from tests.helpers import read_mask

# Six pixels, all different, higher than wide: no flip or turn leaves them as they are.
UPRIGHT = np.array([[[10, 0, 0], [0, 20, 0]], [[0, 0, 30], [40, 40, 0]], [[0, 50, 50], [60, 0, 60]]], np.uint8)

# How a camera stores the upright picture under each EXIF orientation.
STORED = {
    1: UPRIGHT,
    2: np.fliplr(UPRIGHT),
    3: np.rot90(UPRIGHT, 2),
    4: np.flipud(UPRIGHT),
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT, 1),
    7: np.rot90(UPRIGHT, 2).transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, -1),
}


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(source: Any) -> np.ndarray:
    photo = read_image(source)
    assert photo.mode == "RGB"
    return np.asarray(photo)


def first_pixel(source: Any) -> tuple[int, ...]:
    return tuple(pixels(source)[0, 0].tolist())


def blank_png(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes that claims to be of any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("orientation", STORED)
def test_photographs_are_turned_upright_as_exif_says(orientation: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation]))
    exif = stored.getexif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(pixels(encoded(stored, exif=exif)), UPRIGHT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_kind_is_turned_upright_when_it_is_read_to_be_reduced(kind: str, tmp_path: Path) -> None:
    stored = Image.new("RGB", (40, 24), (200, 30, 30))
    exif = stored.getexif()
    exif[0x0112] = 6
    stored.save(tmp_path / "photo", kind, exif=exif)
    photo, size = read_scaled(tmp_path / "photo", (6, 10), draft=24)
    assert (photo.size, size) == ((6, 10), (24, 40))
    assert np.asarray(photo).shape == (10, 6, 3)


def test_a_damaged_exif_header_does_not_keep_a_photograph_from_being_read(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    Image.new("RGB", (40, 24)).save(file, dpi=(72, 72), exif=b"Exif\x00\x00no header of TIFF")
    assert read_image(file).size == (40, 24)
    assert read_scaled(file, (8, 8), draft=8)[1] == (40, 24)


def test_a_file_that_cannot_be_read_for_now_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.jpg")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(PassingError, match=r"^photo\.jpg cannot be read \(Permission denied\); check its permissions"):
        read_image(tmp_path / "photo.jpg")


def test_a_jpeg_from_a_phone_is_turned_upright_at_its_own_size(tmp_path: Path) -> None:
    stored = Image.new("RGB", (40, 24), (200, 30, 30))
    stored.paste((30, 30, 200), (0, 0, 20, 24))  # left half blue; turned a quarter clockwise the upper half is blue
    exif = stored.getexif()
    exif[0x0112] = 6
    stored.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    photo = read_image(tmp_path / "phone.jpg")
    assert photo.size == (24, 40)
    assert np.abs(np.asarray(photo)[5, 12].astype(int) - (30, 30, 200)).max() < 8
    assert np.abs(np.asarray(photo)[35, 12].astype(int) - (200, 30, 30)).max() < 8


def test_transparency_is_laid_over_white() -> None:
    layer = np.array([[[255, 0, 0, 255], [255, 0, 0, 128], [0, 0, 0, 0]]], np.uint8)
    # Half covered: 128/255 of red and 127/255 of white.
    expected = [[[255, 0, 0], [255, 127, 127], [255, 255, 255]]]
    for source in (encoded(Image.fromarray(layer)), Image.fromarray(layer), layer):
        np.testing.assert_array_equal(pixels(source), expected)


def test_grey_with_transparency_is_laid_over_white() -> None:
    layer = Image.new("LA", (2, 1))
    layer.putdata([(100, 255), (100, 0)])
    np.testing.assert_array_equal(pixels(encoded(layer)), [[[100] * 3, [255] * 3]])


def test_a_transparent_colour_becomes_white() -> None:
    for photo in (Image.new("RGB", (1, 1), (9, 8, 7)), Image.new("L", (1, 1), 9)):
        transparent = (9, 8, 7) if photo.mode == "RGB" else 9
        assert first_pixel(encoded(photo, transparency=transparent)) == (255, 255, 255)
        assert first_pixel(encoded(photo)) != (255, 255, 255)


def test_palettes_are_resolved_with_and_without_transparency() -> None:
    photo = Image.new("P", (2, 1))
    photo.putpalette([10, 20, 30, 200, 100, 50])
    photo.putdata([0, 1])
    np.testing.assert_array_equal(pixels(encoded(photo)), [[[10, 20, 30], [200, 100, 50]]])
    np.testing.assert_array_equal(pixels(encoded(photo, transparency=0)), [[[255, 255, 255], [200, 100, 50]]])


def test_grey_and_one_bit_images_become_rgb() -> None:
    assert first_pixel(encoded(Image.new("L", (1, 1), 77))) == (77, 77, 77)
    bits = Image.new("1", (2, 1))
    bits.putdata([0, 255])
    np.testing.assert_array_equal(pixels(encoded(bits)), [[[0] * 3, [255] * 3]])


@pytest.mark.parametrize(("kind", "tolerance"), [("TIFF", 0), ("JPEG", 3)])
def test_cmyk_becomes_rgb(kind: str, tolerance: int) -> None:
    for ink, colour in (((0, 0, 0, 0), (255, 255, 255)), ((255, 0, 0, 0), (0, 255, 255)), ((0, 0, 0, 255), (0, 0, 0))):
        found = first_pixel(encoded(Image.new("CMYK", (16, 16), ink), kind))
        assert np.abs(np.subtract(found, colour)).max() <= tolerance


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ([0, 257 * 100, 65535], [0, 100, 255]),
        ([0, 8192, 16383], [0, 128, 255]),  # 14 bits
        ([0, 2048, 4095], [0, 128, 255]),  # 12 bits
        ([0, 2048, 4096], [0, 32, 64]),
        ([0, 512, 1023], [0, 128, 255]),  # 10 bits
        ([0, 128, 200], [0, 128, 200]),  # 8 bits
    ],
)
def test_16_bit_grey_is_scaled_by_the_bits_really_used(kind: str, stored: list[int], expected: list[int]) -> None:
    deep = Image.fromarray(np.array([stored], np.uint16))
    np.testing.assert_array_equal(pixels(encoded(deep, kind))[..., 0], [expected])


def test_other_colour_spaces_become_rgb() -> None:
    assert first_pixel(Image.new("HSV", (1, 1), (0, 0, 255))) == (255, 255, 255)
    assert first_pixel(Image.new("YCbCr", (1, 1), (255, 128, 128))) == (255, 255, 255)


@pytest.mark.parametrize(("brightest", "expected"), [(1.0, 128), (255.0, 128), (65535.0, 128), (1e6, 128)])
def test_floating_point_images_are_read_on_the_smallest_usual_scale(brightest: float, expected: int) -> None:
    values = Image.fromarray(np.array([[0, brightest / 2, brightest]], np.float32))
    np.testing.assert_array_equal(pixels(encoded(values, "TIFF"))[..., 0], [[0, expected, 255]])


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((2, 3, 3), 0.5), 128),
        (np.full((2, 3), 0.2, np.float32), 51),
        (np.zeros((2, 3)), 0),
        (np.full((2, 3), True), 255),
        (np.full((2, 3, 1), 9, np.uint8), 9),
        (np.full((2, 3), 1, np.int64), 1),
        (np.full((2, 3), 257 * 7, np.uint16), 7),
    ],
)
def test_arrays_are_read_by_their_type(array: np.ndarray, expected: int) -> None:
    photo = read_image(array)
    assert photo.size == (3, 2)
    assert np.asarray(photo).tolist() == np.full((2, 3, 3), expected).tolist()


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.zeros((0, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 2), np.uint8), "shape"),
        (np.zeros((1, 3, 4, 4), np.uint8), "shape"),
        (np.full((4, 4), 1.5), "0 to 1"),
        (np.full((4, 4), -0.1), "0 to 1"),
        (np.full((4, 4), np.nan), "0 to 1"),
        (np.full((4, 4), 256), "0 to 255"),
        (np.full((4, 4), 1j), "numbers"),
    ],
)
def test_arrays_that_are_no_photograph_are_refused(array: np.ndarray, what: str) -> None:
    with pytest.raises(InputError, match=f"^The image .*{what}"):
        read_image(array)


def test_the_same_photograph_from_a_path_its_bytes_and_pillow(tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    Image.fromarray(UPRIGHT).save(file)
    opened = Image.open(file)
    for source in (file, str(file), file.read_bytes(), opened, UPRIGHT):
        np.testing.assert_array_equal(pixels(source), UPRIGHT)
    opened.close()


def unusable() -> dict[str, bytes]:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    jpeg, png = encoded(noise, "JPEG"), encoded(noise)
    return {
        "notes.txt": b"no image at all",
        "report.jpg": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
        "drawing.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut.png": png[: len(png) // 2],
        "headless.png": png[:20],
        "garbled.png": png[:60] + bytes(len(png) - 60),
        "empty.jpg": b"",
        "bomb.png": blank_png(60_000, 60_000),
        "warning.png": blank_png(19_000, 9_000),
        "wide.png": encoded(Image.new("1", (20_001, 1))),
    }


UNUSABLE = unusable()


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_no_photograph_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(UNUSABLE[name])
    attempts: list[Callable[[], object]] = [
        lambda: read_image(file),
        lambda: read_image(str(file)),
        lambda: read_image(UNUSABLE[name], name),
        lambda: read_scaled(file, (32, 32), draft=32),
        lambda: read_mask(file),
        lambda: read_mask(UNUSABLE[name], name),
    ]
    for attempt in attempts:
        with pytest.raises(InputError) as refused:
            attempt()
        text = str(refused.value)
        assert text.startswith(f"{name} ")
        assert text.endswith(".")
        assert "\n" not in text
        assert str(tmp_path) not in text  # the web shows it: nobody needs the server's folders


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^nowhere\.jpg does not exist"):
        read_image(tmp_path / "nowhere.jpg")
    with pytest.raises(InputError, match=f"^{tmp_path.name} is a folder"):
        read_image(tmp_path)


def test_messages_say_what_happened() -> None:
    with pytest.raises(InputError, match="cut off before its end"):
        read_image(UNUSABLE["cut.jpg"])
    with pytest.raises(InputError, match="empty file"):
        read_image(b"")
    with pytest.raises(InputError, match="20,001 × 1 pixels"):
        read_image(UNUSABLE["wide.png"])


def test_the_limit_of_pixels_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_file, "MAX_PIXELS", 100)
    assert read_image(encoded(Image.new("L", (10, 10)))).size == (10, 10)
    with pytest.raises(InputError, match="11 × 10 pixels"):
        read_image(encoded(Image.new("L", (11, 10))))


def test_20_000_pixels_a_side_are_read() -> None:
    assert read_image(encoded(Image.new("1", (20_000, 1)))).size == (20_000, 1)


def test_a_mask_is_cut_at_128() -> None:
    mask, grey = read_mask(encoded(Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8))))
    assert mask.tolist() == [[False, False, True, True]]
    assert grey


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(np.array([[0, 255]], np.uint8)), [[False, True]]),
        (Image.fromarray(np.array([[0, 1]], np.uint8)), [[False, True]]),
        (Image.fromarray(np.array([[0, 65535]], np.uint16)), [[False, True]]),
        (Image.fromarray(np.array([[0, 1]], np.uint16)), [[False, True]]),
        (Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1"), [[False, True]]),
        (Image.fromarray(np.array([[0, 255]], np.uint8)).convert("RGB"), [[False, True]]),
        (Image.fromarray(np.array([[0, 255]], np.uint8)).convert("P"), [[False, True]]),
        (Image.fromarray(np.array([[0, 0]], np.uint8)), [[False, False]]),
        (Image.fromarray(np.array([[255, 255]], np.uint8)), [[True, True]]),
    ],
)
def test_masks_of_two_values_are_read_in_every_form(image: Image.Image, expected: list[list[bool]]) -> None:
    mask, grey = read_mask(encoded(image))
    assert mask.dtype == np.bool_
    assert mask.tolist() == expected
    assert not grey


def palette_mask(indices: list[int], colours: list[tuple[int, int, int]]) -> Image.Image:
    mask = Image.new("P", (len(indices), 1))
    mask.putpalette([value for colour in colours for value in colour])
    mask.putdata(indices)
    return mask


BLACK, WHITE, DARK_RED = (0, 0, 0), (255, 255, 255), (128, 0, 0)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (palette_mask([0, 1], [BLACK, WHITE]), [False, True]),
        (palette_mask([0, 1], [WHITE, BLACK]), [True, False]),
        (palette_mask([1, 1], [WHITE, BLACK]), [False, False]),
        (palette_mask([0, 0], [WHITE, BLACK]), [True, True]),
        (palette_mask([0, 1], [BLACK, DARK_RED]), [False, True]),
        (palette_mask([0, 0], [BLACK, DARK_RED]), [False, False]),
        (palette_mask([1, 2], [BLACK, DARK_RED, (0, 128, 0)]), [False, True]),
        (palette_mask([0, 1], [BLACK, DARK_RED]).convert("RGB"), [False, True]),
        (palette_mask([0, 0], [BLACK, DARK_RED]).convert("RGB"), [False, False]),
    ],
)
def test_masks_with_a_palette_are_read_as_they_look(image: Image.Image, expected: list[bool]) -> None:
    mask, grey = read_mask(encoded(image))
    assert mask[0].tolist() == expected
    assert not grey


def test_a_mask_of_8_bits_in_16_is_cut_at_128() -> None:
    mask, grey = read_mask(encoded(Image.fromarray(np.array([[0, 127, 128, 255]], np.uint16))))
    assert mask.tolist() == [[False, False, True, True]]
    assert grey


def test_a_mask_cut_out_by_transparency_is_empty_where_it_is_transparent() -> None:
    layer = np.full((1, 2, 4), 255, np.uint8)
    layer[0, 0, 3] = 0
    assert read_mask(encoded(Image.fromarray(layer)))[0].tolist() == [[False, True]]


def test_a_16_bit_mask_is_cut_at_half_its_own_scale() -> None:
    mask, grey = read_mask(encoded(Image.fromarray(np.array([[0, 32767, 32768, 65535]], np.uint16))))
    assert mask.tolist() == [[False, False, True, True]]
    assert grey


def test_a_written_mask_holds_0_and_255_and_reads_back(tmp_path: Path) -> None:
    mask = np.array([[True, False, True]])
    write_mask(mask, tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as written:
        assert (written.mode, written.size, np.asarray(written).tolist()) == ("L", (3, 1), [[255, 0, 255]])
    assert read_mask(tmp_path / "mask.png")[0].tolist() == mask.tolist()


def test_a_mask_made_smaller_is_lesion_where_half_of_a_pixel_was() -> None:
    mask = np.array([[1, 0, 1, 0, 1, 1], [1, 0, 0, 0, 1, 1]], bool)  # of each two by two pixels: two, one, four
    assert scaled_mask(mask, (3, 1)).tolist() == [[True, False, True]]
    assert scaled_mask(mask, (6, 2)).tolist() == mask.tolist()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(("missing", "is_whole"), [(1, True), (2, True), (8, False), (500, False)])
def test_a_jpeg_without_its_end_is_read_if_no_pixel_is_missing(missing: int, is_whole: bool, progressive: bool) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8))
    whole = encoded(noise, "JPEG", progressive=progressive)
    for read in (read_image, lambda source: read_scaled(source, (40, 30), draft=40)[0]):
        if not is_whole:
            with pytest.raises(InputError, match="cut off before its end"):
                read(whole[:-missing])
            continue
        photo = read(whole[:-missing])
        np.testing.assert_array_equal(np.asarray(photo), np.asarray(read(whole)))
        assert photo.info[image_file.WITHOUT_END]
        assert image_file.WITHOUT_END not in read(whole).info


@pytest.mark.parametrize(("kind", "ending"), [("HEIF", "heic"), ("AVIF", "avif"), ("JPEG2000", "jp2"), ("JPEG", "jfif")])
def test_photographs_of_phones_and_others_are_read(kind: str, ending: str, tmp_path: Path) -> None:
    colour = (200, 120, 40)
    Image.new("RGB", (64, 48), colour).save(tmp_path / f"photo.{ending}", kind)
    photo, size = read_scaled(tmp_path / f"photo.{ending}", (32, 24), draft=32)
    assert size == (64, 48)
    assert np.abs(np.asarray(photo)[10, 10].astype(int) - colour).max() <= 4
    assert f".{ending}" in image_file.PHOTO_ENDINGS


def test_a_git_lfs_pointer_is_called_that(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12345\n")
    with pytest.raises(InputError, match=r"^photo\.jpg is a Git LFS pointer, not the image itself; fetch .* git lfs pull"):
        read_image(file)


@pytest.mark.parametrize("error", [TypeError("float"), struct.error("unpack"), IndexError(), EOFError(), RuntimeError()])
def test_whatever_a_decoder_raises_is_one_sentence(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Image.Image, "load", fail)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    for read in (read_image, read_mask):
        with pytest.raises(InputError, match=r"^photo\.png is damaged and cannot be decoded; save, copy or upload it again\."):
            read(PNG, "photo.png")


PNG = encoded(Image.new("L", (2, 2)))
