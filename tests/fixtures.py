"""Fixtures that tests of several rooms use: datasets, masks of another program, trained runs, the app in a new process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from PIL import Image

from seg_core.common.home import PROJECT
from seg_core.data.sample.folder import sample_folder
from seg_core.report import write_report
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from tests.app_process import AppProcess
from tests.helpers import PASSWORD, VIEWER_PASSWORD, make_dataset, thin_networks, tiny_config


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that one worker of pytest-xdist fills for all of them, and a single process for itself."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            folder.mkdir()
            make(folder)
    return folder


@pytest.fixture(scope="session")
def sample_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in dataset as it is made for users; for tests that only read it."""
    with pytest.MonkeyPatch.context() as patch:

        def make(home: Path) -> None:
            patch.setenv("LESIONLAB_HOME", str(home))
            sample_folder()

        (folder,) = (made_once(tmp_path_factory, "sample", make) / "cache").iterdir()
    return folder


@pytest.fixture(scope="session")
def fresh_app(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Facts that `tests.fresh_app` prints in a new process, whose working folder is not the project's."""

    def make(folder: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(PROJECT), "LESIONLAB_HOME": str(folder / "home")}
        command = [sys.executable, "-m", "tests.fresh_app"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        (folder / "facts.json").write_text(done.stdout)

    facts: dict[str, Any] = json.loads((made_once(tmp_path_factory, "fresh-app", make) / "facts.json").read_text())
    return facts


@pytest.fixture(scope="module")
def guarded_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The running app behind a password, and another one for viewers."""
    app = AppProcess(
        tmp_path_factory.mktemp("guarded-home"), LESIONLAB_PASSWORD=PASSWORD, LESIONLAB_VIEWER_PASSWORD=VIEWER_PASSWORD
    )
    yield app
    errors = app.stop()
    assert "Traceback" not in errors, errors


@pytest.fixture(scope="module")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photographs to train and five to test."""
    return make_dataset(tmp_path_factory.mktemp("data") / "tiny", size=(80, 60), train=4, test=5)


@pytest.fixture(scope="module")
def other_masks(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Masks of another program: the truth, but an empty mask for one photograph and no file for another."""
    folder = tmp_path_factory.mktemp("other") / "other-tool"
    folder.mkdir()
    first, second, *others = sorted((small_dataset / "test" / "masks").glob("*.png"))
    for mask in (second, *others):
        shutil.copy(mask, folder / f"{mask.stem}_pred.png")
    with Image.open(second) as size:
        Image.new("L", size.size).save(folder / f"{second.stem}_pred.png")
    assert first.stem not in {file.stem for file in folder.iterdir()}
    return folder


@pytest.fixture(scope="module")
def leaky_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with a mirrored training photograph in the test split, an unreadable photograph, and a missing mask."""
    folder = make_dataset(tmp_path_factory.mktemp("data") / "leaky", size=(96, 96), train=6, test=3)
    for kind, ending in (("images", "jpg"), ("masks", "png")):
        with Image.open(folder / "train" / kind / f"ISIC_0000002.{ending}") as picture:
            picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "test" / kind / f"copy.{ending}", quality=95)
    photo = folder / "train" / "images" / "ISIC_0000003.jpg"
    photo.write_bytes(photo.read_bytes()[:400])
    (folder / "train" / "masks" / "ISIC_0000004.png").unlink()
    return folder


@pytest.fixture(scope="module")
def reported_runs(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """Two finished runs, the second by the recipe `report`, and a queued one."""
    home = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch, thin_networks():
        patch.setenv("LESIONLAB_HOME", str(home / "runs"))
        data = make_dataset(home / "data", size=(80, 60), train=6, val=2, test=5)
        store = RunStore()
        for config in (tiny_config(), tiny_config("report", variant="trainable-decoder", seed=1)):
            work(store.queue.add("<first> & only" if config.recipe == "best" else "", config, str(data)).id)
        store.queue.add("", tiny_config(), str(data))
    return store


@pytest.fixture(scope="module")
def report_file(reported_runs: RunStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The HTML report on the finished `reported_runs`."""
    file = tmp_path_factory.mktemp("written") / "report.html"
    write_report([reported_runs.get_run(1), reported_runs.get_run(2)], reported_runs, file)
    return file


@pytest.fixture
def home_of_the_app(app_server: AppProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test read and write what the app has: its runs, results and collections."""
    monkeypatch.setenv("LESIONLAB_HOME", str(app_server.home))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of three photographs of 64 × 64 pixels without masks."""
    return make_dataset(tmp_path / "clinic", size=(64, 64), train=3) / "train" / "images"


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread for torch: small tensors train ten times slower on all cores when others use these too."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
