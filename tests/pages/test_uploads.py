"""Checkpoints that are uploaded: kept by their content, refused in words, and not for ever."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from pages.comparison import uploads
from pages.comparison.uploads import keep
from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.errors import InputError
from seg_core.prediction.metadata import METADATA_KEY

MODEL = (SHIPPED_CHECKPOINTS / "fine-tune-report.safetensors").read_bytes()


def test_the_same_content_is_kept_once(lab_home: Path) -> None:
    label, path = keep("../My Model!.safetensors", MODEL)
    assert label == "Model 2 · fine-tuned (report)"
    assert path.parent == lab_home / "uploads"
    assert path.name.endswith("-my-model.safetensors")
    assert keep("My Model!.safetensors", MODEL) == (label, path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("metadata", [{"format": 1}, {"format": 1, "label": "x", "config": {"variant": "none"}}, None])
def test_what_is_no_checkpoint_is_refused_by_its_name_and_leaves_nothing(lab_home: Path, metadata: object) -> None:
    content = save({"weight": np.zeros(3, np.float32)}, {METADATA_KEY: json.dumps(metadata)}) if metadata else b"some words"
    with pytest.raises(InputError, match=r"^notes\.safetensors (is no checkpoint of LesionLab|is damaged)"):
        keep("notes.safetensors", content)
    assert list((lab_home / "uploads").iterdir()) == []


def test_those_unused_for_longest_go(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_KEPT", 3)
    for number in range(3):
        _, path = keep(f"{number}.safetensors", MODEL)
        os.utime(path, (1000 + number, 1000 + number))
    keep("0.safetensors", MODEL)  # used again
    keep("3.safetensors", MODEL)
    names = {file.name.rsplit("-", 1)[1] for file in (lab_home / "uploads").iterdir()}
    assert names == {f"{number}.safetensors" for number in (0, 2, 3)}
