"""docs/security.md: the tests that it names are there."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from seg_core.common.home import PROJECT

NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (PROJECT / "docs" / "security.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_defence_names_a_test_that_exists(file: str, test: str) -> None:
    text = (PROJECT / file).read_text(encoding="utf-8")
    assert f"def {test}(" in text if test else "def test_" in text


def test_every_row_of_an_attack_names_one() -> None:
    text = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
    lines = text.split("## Defences")[1].splitlines()
    heads = {line for line, below in pairwise(lines) if below.startswith("| ---")}
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| ---") and line not in heads]
    assert [row for row in rows if "`tests/" not in row] == []
    assert len(NAMED) > 10
