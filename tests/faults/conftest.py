"""The app that strangers and viewers attack, one for all files of this folder that a process runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seg_core.config import Config
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import PASSWORD, VIEWER_PASSWORD


@pytest.fixture(scope="package")
def attacked_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The app with both passwords, no more than 1,024 open files, and one run that was taken out of the queue."""
    home: Path = tmp_path_factory.mktemp("home")
    store = RunStore(home / "lesionlab.db")
    store.queue.stop(store.queue.add("first", Config.of("report"), "sample").id)
    store.close()
    app = AppProcess(home, files=1024, LESIONLAB_PASSWORD=PASSWORD, LESIONLAB_VIEWER_PASSWORD=VIEWER_PASSWORD)
    try:
        yield app
    finally:
        errors = app.stop()
    assert "Traceback" not in errors, errors[:5000]
    assert len(errors) < 10_000
