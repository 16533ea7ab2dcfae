"""The command `doubtful`: the masks of a dataset that may be wrong, and why."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.cli.lab import Lab
from tests.cross_validated import EMPTIED, WIDENED, cross_validate, with_errors


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    return Lab(monkeypatch, capsys)


def test_masks_that_may_be_wrong_are_listed_with_the_reason(lab: Lab, tmp_path: Path) -> None:
    data, good = with_errors(tmp_path)
    cross_validate(data, good)
    file = tmp_path / "doubtful.csv"
    done = lab("doubtful", "g1", "--limit", 1, "--csv", file)
    assert done.status == 0, done.err
    head, first = done.out.splitlines()
    assert head == "2 of the 6 masks of skin may be wrong."
    assert first.startswith(f"   1  {EMPTIED}  Marks nothing, where the model's mask takes ")
    assert first.endswith("% of the photograph. IoU 0.00, expected 1.00.")
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert [(row["rank"], row["id"], row["kind"]) for row in rows] == [("1", EMPTIED, "nothing"), ("2", WIDENED, "wide")]
    assert rows[1]["mask"] == str(data / "masks" / f"{WIDENED}.png")

    of_a_run = lab("doubtful", "1", "--json").json  # by the photographs that it validated on
    assert of_a_run["photographs"] == 3
    assert lab.refuses("doubtful", "g7") == "There is no group 7; train --folds 5 makes one."
    assert lab.refuses("doubtful", "first") == "'first' names no run and no group; write 3 for run 3, or g3 for group 3."
    assert lab.refuses("doubtful", "1", "--csv", tmp_path).endswith("choose another --csv.")
