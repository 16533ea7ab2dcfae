"""A real training of the command line with every logger: what it prints, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KEYS = {"WANDB_API_KEY": "a1b2c3d4" * 5, "MLFLOW_TRACKING_PASSWORD": "open-sesame", "HF_TOKEN": "hf_" + "z9y8x7w6" * 4}


@pytest.mark.slow
def test_a_training_logs_everywhere_prints_one_line_and_writes_no_key(lab_home: Path, tmp_path: Path) -> None:
    places = {
        name: str(tmp_path / name) for name in ("HOME", "TRACKIO_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR")
    }
    command = [sys.executable, "-m", "seg_core", "train", "--data", "sample", "--epochs", "1", "--image-size", "64"]
    command += ["--encoder-weights", "random", "--json", "--log", "mlflow,trackio", "--log", "wandb", "--log", "tensorboard"]
    environment = os.environ | places | KEYS | {"WANDB_MODE": "offline"}
    for own in ("MLFLOW_TRACKING_URI", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
        environment.pop(own, None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["status"] == "finished"
    assert done.stderr.count("Logging to ") == 4
    assert "no longer" not in done.stderr
    held = {path: json.loads(path.read_text())["epoch"] for path in (lab_home / "0001" / "loggers").iterdir()}
    assert list(held.values()) == [1, 1, 1, 1]
    written = [path for folder in (lab_home, tmp_path) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".wandb" for path in written)
    found = [path for path in written for key in KEYS.values() if key.encode() in path.read_bytes()]
    assert (found, [name for name, key in KEYS.items() if key in done.stdout + done.stderr]) == ([], [])
