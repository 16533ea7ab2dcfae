"""Statistics on the disk: those of the same scores by the same methods, and never others."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from seg_core.evaluation import kept_numbers
from seg_core.evaluation.bootstrap import mean_intervals
from seg_core.evaluation.confidence import paired_differences
from seg_core.evaluation.kept_numbers import FEWEST_SCORES, kept

SCORES = np.random.default_rng(0).random((FEWEST_SCORES // 10, 10))


def files(home: Path) -> list[Path]:
    return sorted((home / "cache" / "statistics").glob("*"))


def never() -> object:
    raise AssertionError("this is known")


def test_they_are_computed_once(lab_home: Path) -> None:
    found = kept("means", SCORES, (0.5, None), lambda: SCORES.mean(axis=0))
    assert kept("means", SCORES.copy(), (0.5, None), never) == pytest.approx(found)
    assert len(files(lab_home)) == 1


@pytest.mark.parametrize(
    ("what", "scores", "others"),
    [
        ("medians", SCORES, (0.5,)),
        ("means", SCORES + 1e-12, (0.5,)),
        ("means", SCORES.reshape(-1, 5), (0.5,)),
        ("means", np.asfortranarray(SCORES.T), (0.5,)),
        ("means", SCORES, (0.6,)),
        ("means", SCORES, (np.array([0.5]),)),
    ],
)
def test_those_of_other_inputs_are_others(what: str, scores: np.ndarray, others: tuple[float | np.ndarray, ...]) -> None:
    kept("means", SCORES, (0.5,), lambda: 1)
    assert kept(what, scores, others, lambda: 2) == 2


def test_other_methods_find_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kept("means", SCORES, (), lambda: 1)
    monkeypatch.setattr(kept_numbers, "_methods", lambda: "of another version")
    assert kept("means", SCORES, (), lambda: 2) == 2


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array", b"PK\x03\x04"])
def test_a_damaged_file_is_made_again(lab_home: Path, content: bytes) -> None:
    kept("means", SCORES, (), lambda: 1)
    (file,) = files(lab_home)
    file.write_bytes(content)
    assert kept("means", SCORES, (), lambda: 2) == 2
    assert kept("means", SCORES, (), never) == 2


def test_of_few_scores_nothing_is_written(lab_home: Path) -> None:
    few = SCORES[:-1]
    assert kept("means", few, (), lambda: 1) == 1
    assert files(lab_home) == []


def test_without_a_folder_to_write_to_they_are_computed(lab_home: Path) -> None:
    (lab_home / "cache").write_text("in the way")
    assert kept("means", SCORES, (), lambda: 1) == 1


def test_those_unused_for_longest_go(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_numbers, "MOST_FILES", 2)
    for number in range(2):
        kept("means", SCORES, (number,), lambda: 1)
    for age, file in enumerate(files(lab_home)):
        os.utime(file, (age, age))
    first = files(lab_home)[0].name
    kept("means", SCORES, (2,), lambda: 1)
    assert len(files(lab_home)) == 2
    assert first not in {file.name for file in files(lab_home)}


def test_kept_intervals_and_differences_are_those_that_were_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, pairs, clusters = SCORES.copy(), [(0, 1), (2, 3)], np.arange(len(SCORES)) // 2
    scores[::3, 4] = np.nan
    for of_clusters in (None, clusters):
        computed = mean_intervals(scores, clusters=of_clusters), paired_differences(SCORES, pairs, of_clusters)
        with monkeypatch.context() as patch:
            for name in ("bootstrap.resampled_means", "confidence.resampled_means"):
                patch.setattr(f"seg_core.evaluation.{name}", never)
            assert (mean_intervals(scores, clusters=of_clusters), paired_differences(SCORES, pairs, of_clusters)) == computed
