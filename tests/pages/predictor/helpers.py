"""Shared by the tests of the Predict widget: predictions with known halves, and files that are no use."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pages.predictor.photo import Photo
from pages.shared.models import file_key, model_at
from seg_core.prediction.expected_iou import STEPS
from seg_core.prediction.predictor import Prediction
from tests.helpers import lesion

MakeModel = Callable[..., Path]
EXPECTED_IOU = {"dataset": "clinic", "photographs": 60, "mean": [0.8] * STEPS, "low": [0.6049] * STEPS}
"""Metadata of a model that expects the same of all its masks."""
NO_LONGER = "This model is no longer there; choose another."


def halves(photo: Photo, model: Path, left: float, right: float, threshold: float = 0.5) -> None:
    """Store a prediction of a model: one probability for the left half of a photograph, one for the right."""
    probabilities = np.repeat([[left, left, right, right]], 4, axis=0).astype(np.float32)
    photo.predictions[file_key(model_at(str(model))), False] = Prediction(probabilities, photo.size, threshold, 0.25)


def bomb() -> bytes:
    """A PNG of a few hundred kilobytes that says it has 900 million pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = (30_000).to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def wide() -> bytes:
    file = io.BytesIO()
    Image.new("L", (20_001, 3)).save(file, "PNG")
    return file.getvalue()


def cut() -> bytes:
    file = io.BytesIO()
    Image.fromarray(lesion((200, 200))[0]).save(file, "JPEG")
    return file.getvalue()[:3000]


BAD: dict[str, tuple[bytes, str]] = {
    "notes.jpg": (b"no image", "not an image"),
    "paper.jpg": (b"%PDF-1.7\n%%EOF", "not an image"),
    "empty.jpg": (b"", "empty"),
    "cut.jpg": (cut(), "cut off"),
    "wide.png": (wide(), "20,001"),
    "bomb.png": (bomb(), "pixels"),
}


def mask_of(file: str) -> np.ndarray:
    with Image.open(file) as image:
        pixels = np.asarray(image)
    assert set(np.unique(pixels)) <= {0, 255}
    mask: np.ndarray = pixels == 255
    return mask
