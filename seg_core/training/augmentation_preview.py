"""A picture that shows what augmentation does to some training pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image

from seg_core.config import Config
from seg_core.data.check import load_pair
from seg_core.data.dataset import Dataset
from seg_core.data.folders import Pair
from seg_core.network.normalisation import to_uint8
from seg_core.prediction.overlay import draw_mask
from seg_core.training.augmentation import Augment

ROWS, DRAWS, SIDE, GAP = 4, 3, 160, 6


def preview_grid(dataset: Dataset, config: Config) -> Image.Image:
    """Draw a row for each of up to `ROWS` training pairs: as stored, then augmented `DRAWS` times, masks outlined.

    Raises:
        InputError: if the dataset cannot be split.
    """
    pairs = dataset.split(config.split_spec).train
    chosen = [pairs[index] for index in np.linspace(0, len(pairs) - 1, min(ROWS, len(pairs))).astype(int)]
    augment = Augment(config)
    step = SIDE + GAP
    grid = Image.new("RGBA", ((DRAWS + 1) * step - GAP, len(chosen) * step - GAP))
    for row, pair in enumerate(chosen):
        for column, tile in enumerate(_tiles(pair, augment)):
            grid.paste(tile, (column * step, row * step))
    return grid


def _tiles(pair: Pair, augment: Augment) -> Iterator[Image.Image]:
    loaded = load_pair(pair, SIDE)
    yield _outlined(loaded.image, loaded.mask > 0)
    images, masks = (torch.from_numpy(np.array(pixels)).expand(DRAWS, *pixels.shape) for pixels in (loaded.image, loaded.mask))
    photos, truths = augment(images, masks)
    for photo, truth in zip(to_uint8(photos).numpy(), truths.numpy(), strict=True):
        yield _outlined(photo, truth[0] > 0)


def _outlined(image: np.ndarray, mask: np.ndarray) -> Image.Image:
    return draw_mask(Image.fromarray(image), mask, "#ffffff", opacity=0)
