"""Fingerprints of models and data: they stay while nothing changes, and differ as soon as something does."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seg_core.common.home import PROJECT
from seg_core.data.fingerprint import dataset_fingerprint, pair_facts
from seg_core.errors import InputError
from seg_core.evaluation.key import evaluation_key, mask_folder_digest
from seg_core.prediction.checkpoint_file import checkpoint_digest
from tests.helpers import find_pairs, make_dataset


def age(file: Path, seconds: float) -> None:
    """Make a file older by some seconds; its content stays."""
    facts = file.stat()
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns - round(seconds * 1e9)))


def test_a_checkpoint_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"weights")
    digest = checkpoint_digest(tmp_path / "a.safetensors")
    assert digest == hashlib.sha256(b"weights").hexdigest()[:16]
    shutil.copy(tmp_path / "a.safetensors", tmp_path / "copy.safetensors")
    assert checkpoint_digest(str(tmp_path / "copy.safetensors")) == digest
    (tmp_path / "a.safetensors").write_bytes(b"Weights")
    age(tmp_path / "a.safetensors", 1)
    assert checkpoint_digest(tmp_path / "a.safetensors") == hashlib.sha256(b"Weights").hexdigest()[:16]


def test_a_checkpoint_is_read_once_while_it_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"weights")
    read: list[str] = []
    real = hashlib.file_digest

    def counted(opened: object, name: str) -> object:
        read.append(name)
        return real(opened, name)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "file_digest", counted)
    assert checkpoint_digest(file) == checkpoint_digest(file)
    assert len(read) == 1
    age(file, 1)
    checkpoint_digest(file)
    assert len(read) == 2


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"The checkpoint .*none\.safetensors cannot be read \(No such file or directory\); check"
    ):
        checkpoint_digest(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        checkpoint_digest(tmp_path)


def rewrite(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")


CHANGES: list[Callable[[Path], object]] = [rewrite, lambda file: age(file, 1)]


@pytest.mark.parametrize("change", CHANGES)
def test_a_mask_folder_is_known_by_names_sizes_and_times(change: Callable[[Path], object], tmp_path: Path) -> None:
    masks = make_dataset(tmp_path, layout="flat", train=2) / "masks"
    digest = mask_folder_digest(masks)
    (masks / "notes.txt").touch()
    assert mask_folder_digest(str(masks)) == digest
    moved = masks.rename(tmp_path / "moved")
    assert mask_folder_digest(moved) == digest
    file = moved / "ISIC_0000000.png"
    renamed = file.rename(moved / "ISIC_0000000_mask.png")
    assert mask_folder_digest(moved) != digest
    change(renamed.rename(file))
    assert mask_folder_digest(moved) != digest
    with pytest.raises(InputError, match="There is no folder"):
        mask_folder_digest(masks)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("which", ["image", "mask"])
def test_an_evaluation_is_known_by_its_model_and_its_files(which: str, change: Callable[[Path], object], tmp_path: Path) -> None:
    make_dataset(tmp_path / "a", train=2)
    pairs = find_pairs(tmp_path / "a")
    key = evaluation_key("abc", pairs)
    assert key.isalnum()
    assert len(key) == 24
    assert evaluation_key("abc", find_pairs(tmp_path / "a")) == key
    assert len({key, evaluation_key("abd", pairs), evaluation_key("abc", pairs[:1]), evaluation_key("abc", pairs[1:])}) == 4
    (tmp_path / "a").rename(tmp_path / "b")
    moved = find_pairs(tmp_path / "b")
    assert evaluation_key("abc", moved) == key
    change(getattr(moved[1], which))
    assert evaluation_key("abc", moved) != key


def test_an_evaluation_of_files_that_went_away_is_refused(tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path, train=1))
    pairs[0].mask.unlink()
    with pytest.raises(InputError, match=r"ISIC_0000000\.png cannot be read \(No such file or directory\); put it back"):
        evaluation_key("abc", pairs)


def test_nothing_here_needs_torch() -> None:
    modules = "seg_core.data.fingerprint, seg_core.prediction.mask_folder, seg_core.evaluation.evaluate"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr


def test_facts_of_pairs_are_sizes_and_times_and_the_fingerprint_is_of_sizes_alone(tmp_path: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path / "data", train=1, test=1))
    for number, pair in enumerate(pairs):
        for place, file in enumerate((pair.image, pair.mask)):
            file.write_bytes(bytes(10 * number + place))
            os.utime(file, ns=(0, 1_700_000_000_123_456_789 + place))
    facts = pair_facts(pairs)
    assert facts.tolist() == [
        [0, 1_700_000_000_123_456_789, 1, 1_700_000_000_123_456_790],
        [10, 1_700_000_000_123_456_789, 11, 1_700_000_000_123_456_790],
    ]
    lines = b"test ISIC_0000001 10 11\ntrain ISIC_0000000 0 1"
    assert dataset_fingerprint(pairs, facts) == hashlib.sha256(lines).hexdigest()[:12]
    pairs[1].mask.unlink()
    with pytest.raises(InputError, match=r"ISIC_0000001\.png cannot be read"):
        pair_facts(pairs)
