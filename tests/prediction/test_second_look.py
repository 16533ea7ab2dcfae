"""A second look at small lesions: which part of the frame is enlarged, and where its probabilities go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

from seg_core.config import Config
from seg_core.metrics import iou
from seg_core.prediction.checkpoint import Checkpoint
from seg_core.prediction.engine import Engine
from seg_core.prediction.metadata import CheckpointMetadata
from seg_core.prediction.second_look import part_to_enlarge, pasted
from seg_core.prediction.symmetry import Network
from tests.helpers import metadata_of

SIDE = 64


def marked(left: int, top: int, width: int, height: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + height, left : left + width] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "part"),
    [
        (marked(30, 30, 4, 4), (48, 48, 208, 208)),  # 16 × 2.5 pixels around (32, 32), times 4
        (marked(20, 30, 20, 4), (20, 28, 220, 228)),  # 20 × 2.5 around (30, 32)
        (marked(0, 60, 4, 4), (0, 96, 160, 256)),  # moved into the frame
        (marked(20, 30, 8, 4) | marked(36, 30, 4, 4), (20, 28, 220, 228)),  # around both
        (marked(0, 0, 0, 0), None),  # nothing to look at
        (marked(20, 20, 15, 14), None),  # 210 of 4,096 pixels are more than 5 %
        (marked(20, 30, 30, 2), None),  # so long that the part would be the frame
    ],
)
def test_what_is_marked_is_looked_at_again_with_room_around_it(mask: np.ndarray, part: tuple[int, ...] | None) -> None:
    assert part_to_enlarge(mask, 0.05) == part
    if part:
        left, top, right, bottom = part
        assert part_to_enlarge(mask[:, ::-1], 0.05) == (4 * SIDE - right, top, 4 * SIDE - left, bottom)


def test_probabilities_of_the_part_take_the_place_of_those_of_the_frame() -> None:
    whole, part = np.full((2, 2), 0.25, np.float32), np.full((2, 2), 0.75, np.float32)
    expected = np.full((8, 8), 0.25)
    expected[4:8, 2:6] = 0.75
    np.testing.assert_array_equal(pasted(whole, part, (2, 4, 6, 8)), expected)


def dark_is_lesion(photos: np.ndarray) -> np.ndarray:
    probabilities: np.ndarray = (photos.mean(axis=3) < 128).astype(np.float32)
    return probabilities


class Blind:
    """An engine that predicts by a rule, and whose encoder sees nothing."""

    def __init__(self, rule: Network) -> None:
        self.rule = rule

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        return self.rule(photos)

    def see(self, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.rule(photos), np.zeros((len(photos), 0))


def engine_of(rule: Network) -> Engine:
    return cast(Engine, Blind(rule))


def model(second_look: float) -> Checkpoint:
    metadata = metadata_of(Config.of(image_size=SIDE, second_look=second_look))
    return Checkpoint(Path("unused"), metadata, engine_of(dark_is_lesion))  # type: ignore[arg-type]


def test_a_small_lesion_gets_a_finer_outline_and_others_stay_as_they_are() -> None:
    across, down = np.meshgrid(np.arange(512), np.arange(512))
    for radius, is_small in ((40, True), (160, False)):
        truth = (across - 200) ** 2 + (down - 300) ** 2 < radius**2
        photo = Image.fromarray(np.where(truth, 40, 220).astype(np.uint8))
        once, twice = model(0).predict(photo), model(0.05).predict(photo)
        assert once.probabilities.shape == (SIDE, SIDE)
        if is_small:
            assert twice.probabilities.shape == (4 * SIDE, 4 * SIDE)
            assert iou(twice.mask(), truth) > 0.95 > 0.94 > iou(once.mask(), truth)
        else:
            np.testing.assert_array_equal(twice.probabilities, once.probabilities)


def test_a_calibrated_copy_looks_at_the_same_part() -> None:
    def graded(photos: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, 1 - photos.mean(axis=3, dtype=np.float32) / 255)

    pixels = np.full((512, 512), 250, np.uint8)
    pixels[200:290, 200:290] = 90  # a probability of 0.65, between the two thresholds
    pixels[230:250, 230:250] = 10
    trained = replace(model(0.05), engine=engine_of(graded))
    calibration = {"threshold": 0.9}
    copy = replace(trained, metadata=cast(CheckpointMetadata, {**trained.metadata, "calibration": calibration}))
    assert (trained.threshold, copy.threshold) == (0.55, 0.9)
    first, second = (each.predict(Image.fromarray(pixels)) for each in (trained, copy))
    np.testing.assert_array_equal(second.probabilities, first.probabilities)
    assert second.mask().sum() < first.mask().sum()


def test_mirror_images_get_mirrored_masks_after_a_second_look() -> None:
    pixels = np.full((512, 512, 3), 220, np.uint8)
    pixels[100:190, 60:130] = 30
    pixels[150:200, 100:160] = 90
    mask, mirrored = (model(0.05).predict(each).mask() for each in (pixels, np.ascontiguousarray(pixels[:, ::-1])))
    np.testing.assert_array_equal(mirrored, mask[:, ::-1])
