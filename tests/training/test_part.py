"""Parts of batches: together they are the batch, and what is drawn for them is what one process alone would draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seg_core.config import Config
from seg_core.training import appearance
from seg_core.training import augmentation as augmentation_module
from seg_core.training.augmentation import AUGMENTATIONS, Augment, plain
from seg_core.training.part import Part
from tests.helpers import lesion


def test_seven_photographs_for_three_processes() -> None:
    parts = [Part.of_rank(rank, 3, 7) for rank in range(3)]
    assert [(part.begin, part.end, part.total) for part in parts] == [(0, 3, 7), (3, 5, 7), (5, 7, 7)]
    assert [part.weight for part in parts] == pytest.approx([9 / 7, 6 / 7, 6 / 7])


def test_one_photograph_for_two_processes_counts_once() -> None:
    assert [Part.of_rank(rank, 2, 1) for rank in (0, 1)] == [Part(0, 1, 1, 2.0), Part(0, 1, 1, 0.0)]


def test_what_was_chosen_is_counted_from_the_beginning_of_the_part() -> None:
    mine, values = Part(3, 5, 7).among(torch.tensor([0, 3, 4, 6]), torch.tensor([10, 13, 14, 16]))
    assert (mine.tolist(), values.tolist()) == ([0, 1], [13, 14])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_parts_of_a_batch_are_augmented_as_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for share in ("BLUR_SHARE", "SHADE_SHARE", "VIGNETTE_SHARE", "NOISE_SHARE", "SOFT_SHARE"):
        monkeypatch.setattr(appearance, share, 0.5)  # so that every step happens to some of them
    monkeypatch.setattr(augmentation_module, "BARE_SKIN_SHARE", 0.5)
    photos, masks = zip(*(lesion((64, 64), seed=seed) for seed in range(7)), strict=True)
    batch = torch.from_numpy(np.stack(photos)), torch.from_numpy(np.stack(masks).astype(np.uint8) * 255)
    augment = Augment(Config.of("best", augmentation=name, image_size=64))

    def drawn(part: Part | None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        torch.manual_seed(5)
        return *augment(*batch, part), torch.get_rng_state()

    images, truths, state = drawn(None)
    for world in (2, 3):
        parts = [drawn(Part.of_rank(rank, world, 7)) for rank in range(world)]
        assert all(torch.equal(after, state) for *_, after in parts)  # the next batch is drawn alike too
        torch.testing.assert_close(torch.cat([part[0] for part in parts]), images)
        assert torch.equal(torch.cat([part[1] for part in parts]), truths)


def test_a_part_of_a_batch_without_augmentation() -> None:
    photos, masks = torch.randint(256, (3, 8, 8, 3), dtype=torch.uint8), torch.full((3, 8, 8), 255, dtype=torch.uint8)
    images, truths = plain(photos, masks, Part(1, 2, 3))
    torch.testing.assert_close(images, plain(photos, masks)[0][1:2])
    assert truths.shape == (1, 1, 8, 8)
