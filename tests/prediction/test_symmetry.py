"""Symmetries of photographs: the orientation that a network sees, and its answer turned back; worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.prediction.symmetry import canonical_probabilities, mean_over_symmetries


def photos(*rows: list[int]) -> np.ndarray:
    """Photographs of one row's grey values, which is repeated until they are square."""
    grey = np.array(rows, np.uint8)
    return np.broadcast_to(grey[:, None, :, None], (len(rows), len(rows[0]), len(rows[0]), 3))


class Network:
    """Marks the leftmost column as lesion, whatever it sees, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        self.seen.append(photos[:, 0, :, 0])
        found = np.zeros(photos.shape[:3], np.float32)
        found[:, :, 0] = 1
        return found


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        ([10, 20, 30], [10, 20, 30]),  # darker on the left
        ([30, 20, 10], [10, 20, 30]),
        ([0, 255, 1], [0, 255, 1]),  # however bright the middle is
        ([9, 0, 9], [9, 0, 9]),
        ([200, 0, 90, 140], [140, 90, 0, 200]),  # 3 × (140 - 200) + (90 - 0) is less than 0
        ([200, 0, 90, 180], [200, 0, 90, 180]),  # and with 180 it is more
    ],
)
def test_a_photograph_is_seen_with_its_darker_side_to_the_left(row: list[int], seen: list[int]) -> None:
    network = Network()
    canonical_probabilities(network, photos(row))
    assert network.seen[0].tolist() == [seen]


def test_the_answer_for_a_mirrored_photograph_is_mirrored_back_each_of_a_batch_for_itself() -> None:
    network = Network()
    found = canonical_probabilities(network, photos([1, 2, 3], [3, 2, 1]))
    assert network.seen[0].tolist() == [[1, 2, 3], [1, 2, 3]]
    assert found[:, 0].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert found.dtype == np.float32


def test_the_mean_over_all_symmetries_finds_what_lies_at_every_edge() -> None:
    found = mean_over_symmetries(Network(), photos([1, 2, 3]))
    np.testing.assert_allclose(found[0], [[0.5, 0.25, 0.5], [0.25, 0, 0.25], [0.5, 0.25, 0.5]])
