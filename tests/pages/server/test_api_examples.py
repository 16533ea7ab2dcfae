"""docs/api.md: every example, run as it stands against the app with a password."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seg_core.common.home import PROJECT
from seg_core.common.tokens import Tokens
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import PASSWORD, keep_sample

TEXT = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")


def examples(language: str) -> str:
    """Return all examples in a language, as one script."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, sample_dataset: Path) -> Iterator[AppProcess]:
    home = tmp_path_factory.mktemp("home")
    keep_sample(home, sample_dataset)
    app = AppProcess(home, ["--root-path", "/lab"], LESIONLAB_PASSWORD=PASSWORD)
    try:
        yield app
    finally:
        errors = app.stop()
    assert "Traceback" not in errors, errors


def run(app: AppProcess, command: list[str], folder: Path, script: str = "", **more: str) -> str:
    """Run a command as somebody would who follows the page, and return what it prints."""
    environment = os.environ | {
        "APP": app.url,
        "LESIONLAB_HOME": str(app.home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "no_proxy": "localhost,127.0.0.1",
    }
    done = subprocess.run(
        command, input=script, cwd=folder, env=environment | more, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr + app.errors()
    return done.stdout


def test_the_examples_for_curl(app: AppProcess, tmp_path: Path) -> None:
    assert shutil.which("curl"), "curl is needed"
    printed = run(app, ["bash", "-euo", "pipefail"], tmp_path, examples("bash"))
    health, rest = printed.split("}{", 1)
    first, second, *states, deleted = rest.splitlines()
    assert '"status":"ok"' in health
    assert ('"epoch":1,' in first, '"epoch":2,' in second) == (True, True)
    assert states[:3] == ["finished", "best so far", "queued"]
    assert states[3] in ("stopped", "stopping")  # the app may have had room for both
    assert states[4:] == ["queued"]
    assert re.fullmatch(r'{"id":2,"bytes_freed":\d+}{"id":1,"bytes_freed":\d{6,}}The token nightly is removed.', deleted)
    assert read_metadata(tmp_path / "first-try.safetensors")["config"]["epochs"] == 2
    assert Tokens(app.home / "tokens").list() == []


def test_the_example_in_python(app: AppProcess, tmp_path: Path) -> None:
    token = Tokens(app.home / "tokens").add("python", "owner")
    printed = run(app, [sys.executable, "-"], tmp_path, examples("python"), TOKEN=token).splitlines()
    assert [line.split()[0] for line in printed if line[0].isdigit()] == ["1", "2"]
    assert printed[-1].startswith("finished")
    assert read_metadata(tmp_path / "from-python.safetensors")["config"]["variant"] == "trainable-decoder"
    store = RunStore(app.home / "lesionlab.db")
    assert store.list_runs() == []
    store.close()


def test_every_example_is_one_that_is_run() -> None:
    assert set(re.findall(r"^```(\w+)$", TEXT, re.MULTILINE)) == {"bash", "python"}
