"""What the photographs of a dataset are like: contrast, hair, place of the lesion, size, device and skin tone."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seg_core.common.atomic_file import atomic_file
from seg_core.common.parallel import ordered_map
from seg_core.common.text import legible
from seg_core.data.folders import Pair
from seg_core.data.image import Size, read_scaled, scaled_mask
from seg_core.data.image_file import decoding, open_image
from seg_core.data.partition import Part, Partition, divided
from seg_core.data.photo_measures import SIDE, contrast, hair_share, lab_of, off_centre, touches_border, typology_angle
from seg_core.data.truth import read_truth
from seg_core.errors import InputError

ATTRIBUTES_VERSION = 1
"""Raised when the same photographs would be measured otherwise."""

CONTRASTS = (10, 25)
HAIRS = (0.01, 0.05)
OFF_CENTRE = 0.1
MEGAPIXELS = (1, 5)
TYPOLOGY_ANGLES = (-30, 10, 28, 41, 55)
"""In degrees (Chardon et al., 1991, doi:10.1111/j.1467-2494.1991.tb00561.x)."""
MOST_DEVICES = 12

_NUMBERS = ("contrast", "hair", "typology_angle", "off_centre", "touches_border", "megapixels")
_MAKE, _MODEL = 0x010F, 0x0110
TITLES = ("Contrast to the skin", "Hair", "Position in the frame", "Size of the photograph", "Device", "Skin tone (ITA)")
"""Of `Attributes.partitions`, in their order."""


class _Measured(NamedTuple):
    """The attributes of one photograph; NaN and an empty device where they are unknown."""

    contrast: float = np.nan
    hair: float = np.nan
    typology_angle: float = np.nan
    off_centre: float = np.nan
    touches_border: float = np.nan
    megapixels: float = np.nan
    device: str = ""


@dataclass(frozen=True, eq=False)
class Attributes:
    """Attributes of N photographs, each (N,) and NaN where unknown; `seg_core.data.photo_measures` says what they measure."""

    ids: tuple[str, ...]
    contrast: np.ndarray
    hair: np.ndarray
    typology_angle: np.ndarray
    off_centre: np.ndarray
    touches_border: np.ndarray
    """0 or 1."""
    megapixels: np.ndarray
    """Of the stored photograph."""
    devices: tuple[str, ...]
    """Make and model by EXIF; empty where the file does not say."""

    def partitions(self) -> list[Partition]:
        """Return the partition that each attribute makes, by `TITLES`."""
        contrasts, hairs, position, sizes, device, tones = TITLES
        place = np.where(self.touches_border == 1, 0.5, np.where(self.off_centre > OFF_CENTRE, 1.5, 2.5))
        place[np.isnan(self.off_centre)] = np.nan
        return [
            divided(contrasts, _CONTRAST_PARTS, self.ids, self.contrast, CONTRASTS, _CONTRAST_NOTE),
            divided(hairs, _HAIR_PARTS, self.ids, self.hair, HAIRS, _HAIR_NOTE),
            divided(position, _POSITION_PARTS, self.ids, place, (1, 2), _POSITION_NOTE),
            divided(sizes, _SIZE_PARTS, self.ids, self.megapixels, MEGAPIXELS, "Megapixels of the stored photograph."),
            self._by_device(device),
            divided(tones, _TONE_PARTS, self.ids, self.typology_angle, TYPOLOGY_ANGLES, TONE_NOTE),
        ]

    def _by_device(self, title: str) -> Partition:
        """The most frequent devices, and all others as one."""
        named = [device for device in self.devices if device]
        frequent = sorted(set(named), key=lambda device: (-named.count(device), device))
        if others := frequent[MOST_DEVICES - 1 :] if len(frequent) > MOST_DEVICES else []:
            frequent = frequent[: MOST_DEVICES - 1]
        place = {device: number for number, device in enumerate(frequent)} | dict.fromkeys(others, len(frequent))
        parts = [Part(device, f"photographs by {device}") for device in frequent]
        parts += [Part("other devices", "photographs by other devices")] * bool(others)
        of_ids = {id: place[device] for id, device in zip(self.ids, self.devices, strict=True) if device}
        return Partition(title, tuple(parts), of_ids, "Make and model of the camera by EXIF, which many collections remove.")

    def save(self, path: Path) -> None:
        """Write everything to one ``.npz`` file, which appears whole or not at all; nothing in it is pickled."""
        words = {"version": ATTRIBUTES_VERSION, "ids": self.ids, "devices": self.devices}
        arrays = {name: getattr(self, name) for name in _NUMBERS}
        with atomic_file(path) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, words=np.frombuffer(json.dumps(words).encode(), np.uint8), **arrays)

    @classmethod
    def load(cls, path: Path) -> Attributes:
        """Read what `save` wrote.

        Raises:
            InputError: if the file is missing, damaged or of another version.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                words = json.loads(saved["words"].tobytes())
                if words["version"] != ATTRIBUTES_VERSION:
                    raise ValueError("another version")
                arrays = {name: saved[name] for name in _NUMBERS}
            return cls(ids=tuple(words["ids"]), devices=tuple(words["devices"]), **arrays)
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            raise InputError(f"{path} holds no attributes of photographs, or is damaged; measure them again.") from None


def measure(pairs: Sequence[Pair], on_progress: Callable[[int, int], None] | None = None) -> Attributes:
    """Measure photographs, on all cores; what cannot be read is unknown.

    An exception from ``on_progress``, which gets (done, total), ends it.
    """
    found = list[_Measured]()
    with closing(ordered_map(_measured, pairs)) as each:
        for done, measured in enumerate(each, start=1):
            found.append(measured)
            if on_progress:
                on_progress(done, len(pairs))
    numbers = {name: np.array([getattr(measured, name) for measured in found], float) for name in _NUMBERS}
    return Attributes(ids=tuple(pair.id for pair in pairs), devices=tuple(each.device for each in found), **numbers)


def _measured(pair: Pair) -> _Measured:
    try:
        photo, own = read_scaled(pair.image, _small, draft=SIDE)
        megapixels, device = own[0] * own[1] / 1e6, _device(pair.image)
        mask = scaled_mask(read_truth(pair, own).mask, photo.size)
    except InputError:
        return _Measured()
    lab = lab_of(np.asarray(photo))
    return _Measured(
        contrast(lab, mask),
        hair_share(np.asarray(photo.convert("L")), mask),
        typology_angle(lab, mask),
        off_centre(mask),
        touches_border(mask),
        megapixels,
        device,
    )


def _small(own: Size) -> Size:
    scale = SIDE / max(own)
    return max(1, round(own[0] * scale)), max(1, round(own[1] * scale))


def _device(photo: Path) -> str:
    """Return make and model of the camera, the make once; empty where the file does not say."""
    with open_image(photo, photo.name) as image, decoding(photo.name):
        exif = image.getexif()
    make, model = (" ".join(legible(str(exif.get(tag, ""))).replace("\0", " ").split()) for tag in (_MAKE, _MODEL))
    return model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()


_CONTRAST_PARTS = [
    Part("low (below 10)", "lesions of low contrast"),
    Part("medium (10 to 25)", "lesions of medium contrast"),
    Part("high (above 25)", "lesions of high contrast"),
]
_CONTRAST_NOTE = "Distance of colour (CIE76) between the lesion and a ring of skin around its true mask."
_HAIR_PARTS = [
    Part("few (below 1 %)", "photographs with few hairs"),
    Part("some (1 to 5 %)", "photographs with some hairs"),
    Part("many (above 5 %)", "photographs with many hairs"),
]
_HAIR_NOTE = (
    "Share of the skin outside the lesion under thin, straight, dark lines, as DullRazor begins (Lee et al., 1997). Rulers, ink "
    "and, in close-ups, creases of the skin count too; light hairs do not."
)
_POSITION_PARTS = [
    Part("touches the border", "lesions that touch the border"),
    Part("off centre", "lesions off centre"),
    Part("centred", "lesions in the centre"),
]
_POSITION_NOTE = "Off centre: its middle is more than a tenth of the diagonal from that of the frame."
_SIZE_PARTS = [
    Part("below 1 MP", "photographs below 1 megapixel"),
    Part("1 to 5 MP", "photographs of 1 to 5 megapixels"),
    Part("above 5 MP", "photographs above 5 megapixels"),
]
_TONE_PARTS = [
    Part(f"{name} ({degrees})", f"photographs of {name} skin by ITA")
    for name, degrees in (
        ("dark", "below −30°"),
        ("brown", "−30° to 10°"),
        ("tan", "10° to 28°"),
        ("intermediate", "28° to 41°"),
        ("light", "41° to 55°"),
        ("very light", "above 55°"),
    )
]
TONE_NOTE = (
    "Individual typology angle of the skin around the lesion, as used by Kinyanjui et al. (2020). It follows light, camera and "
    "white balance too, and agrees with dermatologists less than these agree with each other (Groh et al., 2022). "
    "Photographs too pink for it, no more yellow than blue, are in no group."
)
