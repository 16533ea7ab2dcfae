"""Distances between outlines, against MONAI."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
import torch

from seg_core.evaluation.boundary import hausdorff, hausdorff_95, surface_dice

pytestmark = [
    pytest.mark.slow,  # it takes seconds to import
    pytest.mark.filterwarnings("ignore:monai.metrics.utils get_mask_edges:FutureWarning"),  # MONAI calls itself so
]

HEIGHT, WIDTH = 60, 80


@pytest.fixture(scope="module")
def monai() -> ModuleType:
    """The library; importing it takes seconds."""
    from monai import metrics

    return metrics


def rectangles(seed: int) -> np.ndarray:
    """A mask of one to four rectangles that stand apart, in which no pixel touches the background at a corner alone."""
    random, mask = np.random.default_rng(seed), np.zeros((HEIGHT, WIDTH), bool)
    for place in random.permutation(4)[: random.integers(1, 5)]:
        top, left = random.integers(0, 10, 2) + np.array([HEIGHT // 2 * (place // 2), WIDTH // 2 * (place % 2)])
        mask[top : top + random.integers(2, 20), left : left + random.integers(2, 30)] = True
    return mask


def as_batch(mask: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(mask)[None, None]


@pytest.mark.parametrize("seed", range(10))
def test_distances_are_monais(seed: int, monai: ModuleType) -> None:
    prediction, truth = rectangles(seed), rectangles(seed + 100)
    both = as_batch(prediction), as_batch(truth)
    largest, most = (float(monai.compute_hausdorff_distance(*both, include_background=True, percentile=q)) for q in (None, 95))
    assert hausdorff(prediction, truth) == pytest.approx(largest)
    assert hausdorff(prediction, truth, 95) == pytest.approx(most)
    assert hausdorff_95(prediction, truth) == pytest.approx(most / 100)  # the diagonal of 60 × 80


def test_normalised_surface_dice_is_monais(monai: ModuleType) -> None:
    pairs = [(rectangles(seed), rectangles(seed + 100)) for seed in range(20)]
    for tolerance in (0.01, 0.05, 0.123):
        pixels = [tolerance * math.hypot(HEIGHT, WIDTH)]
        expected = [
            float(monai.compute_surface_dice(as_batch(one), as_batch(other), pixels, include_background=True))
            for one, other in pairs
        ]
        assert [surface_dice(one, other, tolerance) for one, other in pairs] == pytest.approx(expected)
        assert len({round(value, 6) for value in expected}) > 5


def test_on_round_masks_the_outlines_differ_by_a_little(monai: ModuleType) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    truth, prediction = (np.hypot(rows - 30, columns - middle) < 20 for middle in (40, 43))
    expected = float(monai.compute_surface_dice(as_batch(prediction), as_batch(truth), [1.0], include_background=True))
    assert surface_dice(prediction, truth) == pytest.approx(expected, abs=0.05)
    assert hausdorff(prediction, truth) == pytest.approx(
        float(monai.compute_hausdorff_distance(as_batch(prediction), as_batch(truth), include_background=True)), abs=1
    )
