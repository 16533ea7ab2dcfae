"""Several masks of one photograph, read as one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.data.check import load_pair
from seg_core.data.fingerprint import dataset_fingerprint, pair_facts
from seg_core.data.folders import Pair
from seg_core.data.truth import read_truth
from seg_core.errors import InputError


def write(file: Path, values: list[list[int]]) -> Path:
    Image.fromarray(np.array(values, np.uint8)).save(file)
    return file


def test_several_masks_mark_together(tmp_path: Path) -> None:
    first = write(tmp_path / "a.png", [[255, 0], [0, 0]])
    second = write(tmp_path / "a_1.png", [[255, 0], [0, 255]])
    Image.new("RGB", (2, 2)).save(tmp_path / "a.jpg")
    pair = Pair("a", tmp_path / "a.jpg", first, "train", (second,))
    assert read_truth(pair).mask.tolist() == [[True, False], [False, True]]
    assert load_pair(pair, 2).lesion_area == 0.5
    assert load_pair(pair, 2).mask.tolist() == [[255, 0], [0, 255]]

    alone = Pair("a", tmp_path / "a.jpg", first, "train")
    assert read_truth(alone).mask.tolist() == [[True, False], [False, False]]
    before = pair_facts([pair])
    assert dataset_fingerprint([pair], before) != dataset_fingerprint([alone], pair_facts([alone]))
    os.utime(second, ns=(0, 1))
    assert pair_facts([pair])[0, 3] != before[0, 3]


def test_masks_of_one_photograph_have_one_size(tmp_path: Path) -> None:
    files = write(tmp_path / "a.png", [[255, 0]]), write(tmp_path / "a_1.png", [[255], [0]])
    with pytest.raises(InputError, match=r"a\.png and a_1\.png differ in size; export both at the photograph's size"):
        read_truth(Pair("a", tmp_path / "a.jpg", files[0], "train", files[1:]))
