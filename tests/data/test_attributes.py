"""Attributes of the photographs of a dataset: measured once, kept whole, and divided at documented bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.data.attributes import CONTRASTS, HAIRS, TITLES, Attributes, measure
from seg_core.data.dataset import open_dataset
from seg_core.data.image import write_mask
from seg_core.data.partition import Part, Partition, divided
from seg_core.errors import InputError

MAKE, MODEL = 0x010F, 0x0110


def add(
    data: Path, name: str, middle: tuple[int, int], size: tuple[int, int] = (320, 240), camera: tuple[str, str] | None = None
) -> None:
    """Write a pair: a dark disk of a radius of 30 pixels around ``middle`` on skin; ``size`` is (width, height)."""
    photo, mask_file = data / "train" / "images" / f"{name}.jpg", data / "train" / "masks" / f"{name}.png"
    for file in (photo, mask_file):
        file.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[1], : size[0]]
    mask = (x - middle[0]) ** 2 + (y - middle[1]) ** 2 <= 30**2
    picture = Image.fromarray(np.where(mask[..., None], (110, 70, 50), (220, 180, 160)).astype(np.uint8))
    exif = Image.Exif()
    if camera:
        exif[MAKE], exif[MODEL] = camera
    picture.save(photo, quality=95, exif=exif)
    write_mask(mask, mask_file)


def names(partition: Partition, attributes: Attributes) -> list[str]:
    return [partition.parts[row].name if row >= 0 else "" for row in partition.rows_of(attributes.ids)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    add(tmp_path, "a", (160, 120), camera=("Canon", "Canon EOS 80D"))
    add(tmp_path, "b", (160 + 60, 120), camera=("NIKON", "D90"))
    add(tmp_path, "c", (20, 120), size=(1280, 960))
    add(tmp_path, "d", (160, 120))
    (tmp_path / "train" / "images" / "d.jpg").write_bytes(b"\xff\xd8 no picture")
    return tmp_path


def test_photographs_are_measured_and_divided(data: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    found = measure(open_dataset(data).unique_pairs, lambda *step: steps.append(step))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.ids == ("a", "b", "c", "d")
    np.testing.assert_allclose(found.megapixels, [0.0768, 0.0768, 1.2288, np.nan])
    np.testing.assert_allclose(found.off_centre[:2], [0, 60 / 400], atol=0.003)
    partitions = {partition.title: names(partition, found) for partition in found.partitions()}
    assert tuple(partitions) == TITLES
    assert partitions["Contrast to the skin"] == ["high (above 25)"] * 3 + [""]
    assert partitions["Hair"] == ["few (below 1 %)"] * 3 + [""]
    assert partitions["Position in the frame"] == ["centred", "off centre", "touches the border", ""]
    assert partitions["Size of the photograph"] == ["below 1 MP", "below 1 MP", "1 to 5 MP", ""]
    assert partitions["Device"] == ["Canon EOS 80D", "NIKON D90", "", ""]
    assert partitions["Skin tone (ITA)"] == ["very light (above 55°)"] * 3 + [""]

    file = tmp_path / "attributes.npz"
    found.save(file)
    again = Attributes.load(file)
    assert {p.title: names(p, again) for p in again.partitions()} == partitions
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(InputError, match="measure them again"):
        Attributes.load(file)


def test_a_photograph_at_a_bound_is_in_the_part_above_it() -> None:
    parts = [Part(name, name) for name in ("low", "medium", "high")]
    values = np.array([CONTRASTS[0] - 0.1, CONTRASTS[0], CONTRASTS[1], np.nan])
    partition = divided("Contrast", parts, ["a", "b", "c", "d"], values, CONTRASTS)
    assert partition.rows_of(["d", "c", "b", "a", "unknown"]).tolist() == [-1, 2, 1, 0, -1]
    assert HAIRS[0] < HAIRS[1]


def test_many_devices_are_the_most_frequent_ones_and_all_others() -> None:
    devices = [f"Phone {number:02d}" for number in range(14)] + ["Phone 13"]
    unknown = np.full(15, np.nan)
    found = Attributes(tuple(map(str, range(15))), unknown, unknown, unknown, unknown, unknown, unknown, tuple(devices))
    (partition,) = [each for each in found.partitions() if each.title == "Device"]
    assert [part.name for part in partition.parts] == [
        "Phone 13",
        *(f"Phone {number:02d}" for number in range(10)),
        "other devices",
    ]
    assert names(partition, found)[9:] == ["Phone 09", *["other devices"] * 3, "Phone 13", "Phone 13"]
