"""The README's library example, run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seg_core.common.home import PROJECT


def test_library_example_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(from pathlib.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10

    environment = os.environ | {"LESIONLAB_HOME": str(tmp_path / "home"), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)

    assert done.returncode == 0, done.stderr
    iou, shape = re.fullmatch(r"([\d.]+) (\(.*\))", done.stdout.strip().splitlines()[-1]).groups()  # type: ignore[union-attr]
    assert 0 <= float(iou) <= 1
    assert shape == "(256, 256)"
    assert (tmp_path / "runs" / "notebook" / "best.safetensors").exists()


@pytest.mark.parametrize("command", ["make app", "make test"])
def test_starts_with_the_two_commands(command: str) -> None:
    first_lines = (PROJECT / "README.md").read_text().splitlines()[:6]
    assert any(line.strip().startswith(command) for line in first_lines)
