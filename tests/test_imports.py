"""Imports that import-linter cannot see: those of `app.py`, which is no package, and those made only at first use."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from seg_core.common.home import PROJECT

MODEL_CODE = (
    "torch",
    "torchvision",
    "lightning_fabric",
    "seg_core.network",
    "seg_core.training.loop",
    "seg_core.prediction.checkpoint",
)


def imported_names(file: Path) -> set[str]:
    """Every module that a file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_host_runs_no_model_code() -> None:
    names = imported_names(PROJECT / "app.py")
    assert "pages.server.access" in names
    assert [name for name in names if name.startswith(MODEL_CODE)] == []


def test_torch_waits_until_it_is_used(fresh_app: dict[str, Any]) -> None:
    assert (fresh_app["app_loads_torch"], fresh_app["pages_load_torch"]) == (False, False)


def test_predicting_needs_no_torch(tmp_path: Path) -> None:
    (model, *_) = sorted((PROJECT / "checkpoints").glob("*.safetensors"))
    code = (
        "import sys, numpy; from seg_core.prediction.checkpoint import load_checkpoint; "
        f"print(load_checkpoint({str(model)!r}).predict(numpy.zeros((40, 50, 3), numpy.uint8)).size, 'torch' in sys.modules)"
    )
    environment = os.environ | {"LESIONLAB_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout.strip()) == (0, "(50, 40) False"), done.stderr


def test_openvino_reports_to_nobody(tmp_path: Path) -> None:
    code = "import sys, seg_core.prediction.engine; print([name for name in sys.modules if 'telemetry' in name.lower()])"
    environment = os.environ | {"HOME": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
    assert not (tmp_path / "intel").exists()  # where a number for this machine would lie
