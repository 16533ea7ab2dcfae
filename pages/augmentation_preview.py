"""A picture of augmented pairs. It needs torchvision, so it is imported only when it is asked for."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pages.overlays import draw_mask
from seg_core.config import Config
from seg_core.data.check import load_pair
from seg_core.data.dataset import Dataset
from seg_core.data.transforms import TrainPreset, to_uint8

ROWS, DRAWS, SIDE, GAP = 4, 3, 160, 6


def preview_grid(dataset: Dataset, recipe: str) -> Image.Image:
    """A grid: a row per training pair, as stored and then in three draws of the recipe's augmentation, masks outlined.

    Raises:
        InputError: if the dataset cannot be split.
    """
    config = Config.of(recipe, image_size=SIDE)
    pairs = dataset.split(config.seed, config.val_fraction).train
    chosen = [pairs[index] for index in np.linspace(0, len(pairs) - 1, min(ROWS, len(pairs))).astype(int)]
    augment = TrainPreset(config)
    grid = np.full((len(chosen) * (SIDE + GAP) - GAP, (DRAWS + 1) * (SIDE + GAP) - GAP, 4), 0, np.uint8)
    for row, pair in enumerate(chosen):
        loaded = load_pair(pair, SIDE)
        views = [(loaded.image, loaded.mask > 0)]
        for _ in range(DRAWS):
            image, mask = augment(loaded.image, loaded.mask)
            views.append((to_uint8(image), mask[0].numpy() > 0))
        for column, (image, mask) in enumerate(views):
            top, left = row * (SIDE + GAP), column * (SIDE + GAP)
            grid[top : top + SIDE, left : left + SIDE, :3] = draw_mask(Image.fromarray(image), mask, "#ffffff", opacity=0)
            grid[top : top + SIDE, left : left + SIDE, 3] = 255
    return Image.fromarray(grid)
