"""Pictures of the predicted masks after every epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from seg_core.runs.epoch_masks import mask_epochs, mask_file, mask_photos, save_masks
from seg_core.training.events import Sample


def test_masks_of_an_attempt_that_is_started_over_go(tmp_path: Path) -> None:
    sample = Sample("a", np.zeros((4, 6, 3), np.uint8), np.eye(4, 6) > 0, np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6))
    for epoch in (1, 2, 11):
        save_masks(tmp_path, epoch, [sample, sample])
    save_masks(tmp_path, 2, [sample, sample])
    assert mask_epochs(tmp_path) == [1, 2]
    assert [file.name for file in mask_photos(tmp_path)] == ["photo-1.jpg", "photo-2.jpg"]
    with Image.open(tmp_path / "masks" / "truth-2.png") as truth, Image.open(mask_file(tmp_path, 2, 1)) as grey:
        assert np.array_equal(np.array(truth), np.eye(4, 6, dtype=np.uint8) * 255)
        assert np.array(grey)[0, 0] == 0
        assert np.array(grey)[-1, -1] == 255
    assert sorted(file.name[0] for file in (tmp_path / "masks").iterdir()) == [*"eeee", "i", *"pp", *"tt"]
