"""The picture of augmented pairs: a row for each pair, as stored and in three draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seg_core.config import Config
from seg_core.data.dataset import open_dataset
from seg_core.training.augmentation_preview import DRAWS, GAP, ROWS, SIDE, preview_grid
from tests.helpers import make_dataset


def test_each_row_shows_a_pair_as_stored_and_then_three_draws_that_differ(tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(tmp_path / "data", train=8))
    grid = np.asarray(preview_grid(dataset, Config.of("best")))
    step = SIDE + GAP
    assert grid.shape == (ROWS * step - GAP, (DRAWS + 1) * step - GAP, 4)
    tiles = [[grid[row * step :, column * step :][:SIDE, :SIDE, :3] for column in range(DRAWS + 1)] for row in range(ROWS)]
    for stored, *draws in tiles:
        # The lesion is dark on light skin, and a crop keeps most of it.
        assert stored[SIDE // 2, SIDE // 2].mean() < stored[4, 4].mean()
        assert len({draw.tobytes() for draw in (stored, *draws)}) == DRAWS + 1
