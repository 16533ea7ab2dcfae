"""Augmentation: photograph and mask move together, by torch's seed, and evaluation changes nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torchvision.models import MobileNet_V2_Weights
from torchvision.transforms import v2

from seg_core.config import Config
from seg_core.data.transforms import AUGMENTATIONS, MEAN, STD, EvalPreset, TrainPreset, normalise, to_uint8
from tests.helpers import lesion

NAMES = ("report", "standard")


def preset(augmentation: str) -> TrainPreset:
    return TrainPreset(Config.of("best", augmentation=augmentation, image_size=64))


@pytest.mark.parametrize("augmentation", NAMES)
def test_photograph_and_mask_are_augmented_together(augmentation: str) -> None:
    # The photograph shows its own mask: after any turn, flip and crop, what is bright in it is what the mask says.
    _, mask = lesion((64, 64), seed=3)
    mask[:24, :24] = True  # no symmetry left
    values = mask.astype(np.uint8) * 255
    shown = np.repeat(values[..., None], 3, axis=2)
    torch.manual_seed(0)
    moved = []
    for _ in range(20):
        photo, truth = preset(augmentation)(shown, values)
        bright = to_uint8(photo).mean(axis=-1) >= 110
        # Only along the edges may they differ, where the photograph is interpolated and the mask is not.
        assert (bright == truth[0].numpy().astype(bool)).mean() > 0.97
        moved.append(truth)
    assert sum(torch.equal(truth[0] > 0, torch.from_numpy(mask)) for truth in moved) == 0


@pytest.mark.parametrize("augmentation", NAMES)
def test_masks_stay_binary_and_everything_keeps_its_shape(augmentation: str) -> None:
    photo, mask = lesion((64, 64), seed=1)
    torch.manual_seed(1)
    for _ in range(10):
        image, truth = preset(augmentation)(photo, mask.astype(np.uint8) * 255)
        assert (image.shape, image.dtype) == ((3, 64, 64), torch.float32)
        assert (truth.shape, truth.dtype) == ((1, 64, 64), torch.float32)
        assert set(truth.flatten().tolist()) <= {0.0, 1.0}
        assert type(image) is type(truth) is torch.Tensor


@pytest.mark.parametrize("augmentation", NAMES)
def test_torchs_seed_decides(augmentation: str) -> None:
    photo, mask = lesion((64, 64), seed=1)

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat(preset(augmentation)(photo, mask.astype(np.uint8) * 255))

    assert torch.equal(drawn(5), drawn(5))
    assert not torch.equal(drawn(5), drawn(6))


@pytest.mark.parametrize(
    ("augmentation", "mirrored", "upside_down"), [("report", (0.25, 0.75), (0, 0)), ("standard", (0.25, 0.75), (0.25, 0.75))]
)
def test_both_mirror_photographs_and_only_standard_turns_them_upside_down(
    augmentation: str, mirrored: tuple[float, float], upside_down: tuple[float, float]
) -> None:
    # Of a mask of one half, a turn by at most 20 degrees and a crop leave most where it was.
    photo, left = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    left[:, :32] = 255
    torch.manual_seed(0)

    def share_on_the_other_side(mask: np.ndarray, axis: int) -> float:
        truths = [preset(augmentation)(photo, mask)[1][0].numpy() for _ in range(40)]
        return float(np.mean([np.delete(truth, slice(32), axis).sum() > truth.sum() / 2 for truth in truths]))

    assert mirrored[0] <= share_on_the_other_side(left, axis=1) <= mirrored[1]
    assert upside_down[0] <= share_on_the_other_side(left.T, axis=0) <= upside_down[1]


def test_standard_draws_the_eight_symmetries_of_a_square_equally_often() -> None:
    corners = torch.tensor([[[1, 2], [3, 4]]])
    flips_and_turns = [one for one in AUGMENTATIONS["standard"] if isinstance(one, v2.RandomHorizontalFlip | v2.RandomChoice)]
    torch.manual_seed(0)
    drawn = Counter(tuple(v2.Compose(flips_and_turns)(corners).flatten().tolist()) for _ in range(800))
    turned = [torch.rot90(square, turns, (1, 2)) for square in (corners, corners.flip(2)) for turns in range(4)]
    assert set(drawn) == {tuple(square.flatten().tolist()) for square in turned}
    assert all(62 <= count <= 138 for count in drawn.values())  # 100 expected, give or take four standard deviations of 9.4


def test_colours_are_jittered_a_little() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    torch.manual_seed(0)
    means = [to_uint8(preset("report")(grey, grey[..., 0])[0])[28:36, 28:36].mean() for _ in range(20)]
    assert 90 < min(means) < 120 < 136 < max(means) < 170


def test_evaluation_only_normalises() -> None:
    photo, mask = lesion((64, 64), seed=2)
    image, truth = EvalPreset()(photo, mask.astype(np.uint8) * 255)
    expected = (photo / 255 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(image.permute(1, 2, 0).numpy(), expected, atol=1e-5)
    assert torch.equal(image, normalise(photo))
    np.testing.assert_array_equal(truth[0].numpy(), mask)


def test_normalisation_is_the_one_that_the_encoders_weights_expect() -> None:
    expected = MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
    assert (list(MEAN), list(STD)) == (expected.mean, expected.std)


def test_a_normalised_photograph_comes_back_to_be_looked_at() -> None:
    photo, _ = lesion((64, 64), seed=2)
    np.testing.assert_array_equal(to_uint8(normalise(photo)), photo)


def test_the_cache_is_never_written_to() -> None:
    photo, mask = lesion((64, 64), seed=2)
    values = mask.astype(np.uint8) * 255
    for array in (photo, values):
        array.setflags(write=False)  # as a read-only memory map; torch would warn, and writing would crash
    before = photo.copy(), values.copy()
    torch.manual_seed(0)
    preset("standard")(photo, values)
    EvalPreset()(photo, values)
    np.testing.assert_array_equal(photo, before[0])
    np.testing.assert_array_equal(values, before[1])
