"""A dataset that three simulated experts outlined, made from the masks of another: one tight, one wide and one rough.

    python -m benchmarks.simulated_experts DIR [--data sample] [--most 40]

The tight one's masks are shrunk and the wide one's grown by a share of the lesion's radius, which varies between photographs;
the rough one's outline wavers. `lesionlab compare MODEL MODEL --data DIR` then says how the models agree with the three.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.image import write_mask
from seg_core.data.truth import read_truth

EXPERTS = ("expert1", "expert2", "expert3")
"""Tight, wide, rough."""


def main() -> None:
    """Write the dataset; splits stay as they are."""
    parser = argparse.ArgumentParser(description="Make a dataset that three simulated experts outlined.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", default="sample", help="the dataset whose masks they start from")
    parser.add_argument("--most", type=int, default=10**6, help="photographs of each split")
    options = parser.parse_args()
    dataset = open_dataset(options.data)
    for split in ("train", "val", "test"):
        write_experts(options.folder, [pair for pair in dataset.unique_pairs if pair.split == split][: options.most])
    print(*open_dataset(options.folder).notes, sep="\n")


def write_experts(folder: Path, pairs: Sequence[Pair]) -> Path:
    """Write the photographs of some pairs, and below ``masks_expert1`` and so on what each expert marks; return the folder."""
    for number, pair in enumerate(pairs):
        photos = folder / pair.split / "images"
        photos.mkdir(parents=True, exist_ok=True)
        shutil.copy(pair.image, photos)
        for expert, mask in zip(EXPERTS, drawn(read_truth(pair).mask, number), strict=True):
            own = folder / pair.split / f"masks_{expert}"
            own.mkdir(exist_ok=True)
            write_mask(mask, own / f"{pair.id}.png")
    return folder


def drawn(truth: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the three experts mark where the lesion (H, W) bool is."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    random = np.random.default_rng(seed)
    if not truth.any() or truth.all():
        return truth, truth, truth
    radius = np.sqrt(truth.sum() / np.pi)
    depth = distance_transform_edt(truth) - distance_transform_edt(~truth)  # positive within
    less, more = 1 + radius * random.uniform(0.02, 0.08, 2)  # a pixel beside the outline is 1 from it
    waves = gaussian_filter(random.standard_normal(truth.shape), radius / 5)
    rough = depth + waves / np.abs(waves).max() * (2 + radius * 0.15)
    return depth > less, depth > -more, rough > 0


if __name__ == "__main__":
    main()
