"""An evaluation for several test files."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.result import Evaluation
from tests.evaluation.stub import PROBABILITY, TRUTH, Stub, mask, write


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    """Two images, at the hundredths and at one third, which is the model's threshold."""
    pairs = write(tmp_path / "two", {"a": mask(TRUTH), "b": mask(["...."] * 4)})
    return evaluate(Stub({"a": PROBABILITY, "b": PROBABILITY}, threshold=1 / 3), pairs)
