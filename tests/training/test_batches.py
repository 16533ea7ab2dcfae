"""Batches: every pair once, pixels and masks that belong together, and the same from a device's memory as from the cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.data.cache.storage import cache_pairs
from seg_core.data.dataset import open_dataset
from seg_core.network.normalisation import to_uint8
from seg_core.training import batches as batches_module
from seg_core.training.batches import Batches
from tests.helpers import make_dataset, tiny_config

CPU = torch.device("cpu")
PAIRS = 10  # in batches of four: 4, 4, 2


@pytest.fixture
def pairs(tmp_path: Path) -> CachedPairs:
    return cache_pairs(open_dataset(make_dataset(tmp_path / "data", train=PAIRS)).pairs, 64)


@pytest.fixture(params=[False, True], ids=["from the cache", "resident"])
def batches(pairs: CachedPairs, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Batches:
    monkeypatch.setattr(batches_module, "_fits", lambda pairs, device: request.param)
    return Batches(pairs, tiny_config(), CPU)


def test_in_order_every_pair_comes_once_as_it_is(batches: Batches, pairs: CachedPairs) -> None:
    for _ in range(2):  # the second time from the device's memory, where that is asked for
        seen = list(batches.sequential())
        assert [batch.indices for batch in seen] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert len(batches) == 3
        for batch in seen:
            photos, masks = zip(*(pairs[index] for index in batch.indices), strict=True)
            np.testing.assert_array_equal(to_uint8(batch.images).numpy(), np.stack(photos))
            np.testing.assert_array_equal(batch.masks[:, 0].numpy(), np.stack(masks) == 255)
            assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_shuffled_the_order_is_drawn_anew_and_every_pair_comes_once(batches: Batches) -> None:
    torch.manual_seed(0)
    orders = [[index for batch in batches.shuffled() for index in batch.indices] for _ in range(2)]
    assert [sorted(order) for order in orders] == [list(range(PAIRS))] * 2
    assert orders[0] != orders[1]


def test_what_lies_in_the_devices_memory_is_not_read_again(pairs: CachedPairs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "_fits", lambda pairs, device: True)
    resident = Batches(pairs, tiny_config(), CPU)
    first = [batch.images for batch in resident.sequential()]

    def refuse(self: CachedPairs, indices: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(CachedPairs, "read", refuse)
    again = [batch.images for batch in resident.sequential()]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert sorted(index for batch in resident.shuffled() for index in batch.indices) == list(range(PAIRS))


def test_only_a_gpu_keeps_pixels(pairs: CachedPairs) -> None:
    assert Batches(pairs, tiny_config(), CPU)._resident is None


@pytest.mark.parametrize("resident", [False, True])
def test_pairs_with_an_error_drop_out_of_their_batch_and_an_empty_batch_still_counts(
    resident: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches_module, "_fits", lambda pairs, device: resident)
    pairs = open_dataset(make_dataset(tmp_path / "data", train=PAIRS)).pairs
    for index in (1, 4, 5, 6, 7):
        pairs[index].image.write_bytes(b"no photograph")
    batches = Batches(cache_pairs(pairs, 64, skip_problems=True), tiny_config(), CPU)
    for _ in range(2):
        assert [(batch.number, batch.indices) for batch in batches.sequential()] == [(1, [0, 2, 3]), (3, [8, 9])]
        assert all(len(batch.images) == len(batch.masks) == len(batch.indices) for batch in batches.sequential())
    assert len(batches) == 3
