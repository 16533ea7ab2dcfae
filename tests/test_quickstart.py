"""The notebook docs/quickstart.ipynb, executed as Jupyter would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seg_core.common.home import PROJECT

NOTEBOOK = PROJECT / "docs" / "quickstart.ipynb"


def outputs(notebook: dict[str, Any]) -> str:
    """The cells' outputs, as one JSON text."""
    return json.dumps([cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"])


@pytest.mark.slow
def test_every_cell_of_the_notebook_runs(tmp_path: Path) -> None:
    executed = tmp_path / "quickstart.ipynb"
    executed.write_bytes(NOTEBOOK.read_bytes())
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "LESIONLAB_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", "--timeout=250", str(executed)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr

    shown = outputs(json.loads(executed.read_text(encoding="utf-8")))
    assert "'train': 160, 'val': 0, 'test': 40" in shown
    assert re.findall(r"epoch (\d): loss", shown) == ["1", "2"]
    assert shown.count("image/png") == 1
    assert len(re.findall(r"IoU 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\), Dice 0\.\d{3}", shown)) == 2
    assert '"name": "stderr"' not in shown


def test_what_the_notebook_shows_names_no_machine_and_is_small() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]  # executed once, in order
    assert not re.search(r"/(home|root|tmp|work|Users)/|\\\\Users", outputs(notebook))
    assert NOTEBOOK.stat().st_size < 300_000
