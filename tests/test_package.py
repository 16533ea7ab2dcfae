"""The wheel: its contents, and LesionLab working from it, far from the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from seg_core.common.home import PROJECT
from seg_core.common.versions import VERSION
from seg_core.prediction.catalogue import SHIPPED

PACKAGED = {"checkpoints", "docs", "pages", "seg_core"}
"""Folders that are in the wheel whole."""
FILES = {"app.py", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "CITATION.cff"}
"""Single files that are in it: the host, and documents of the About page."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel, as site-packages would hold it, in a folder without a checkout."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(installed: Path, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the installed package in ``folder``, which also holds packages of the user's with the same names."""
    for name in ("pages", "seg_core"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "__init__.py").write_text("raise RuntimeError('a package of the user')\n")
    (folder / "app.py").write_text("raise RuntimeError('a program of the user')\n")
    # The console command's script: its own folder leads sys.path, not the current one.
    code = "import sys; sys.path.remove(''); from seg_core.__main__ import main; main()"
    without_home = {name: value for name, value in os.environ.items() if name != "LESIONLAB_HOME"}
    variables = without_home | {"PYTHONPATH": str(installed), "XDG_DATA_HOME": str(folder / "data")} | environment
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=200)


def test_the_wheel_holds_one_package_and_everything_that_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"lesionlab-{VERSION}.dist-info/METADATA").decode()
        entry_points = archive.read(f"lesionlab-{VERSION}.dist-info/entry_points.txt").decode()
    assert wheel.name == f"lesionlab-{VERSION}-py3-none-any.whl"
    assert {name.split("/")[0] for name in names} == {"seg_core", f"lesionlab-{VERSION}.dist-info"}
    assert {"seg_core/py.typed", "seg_core/bundle/app.py", "seg_core/bundle/pages/.streamlit/config.toml"} <= {*names}
    models = {Path(name).stem for name in names if name.endswith(".safetensors")}
    assert models == set(SHIPPED)
    assert len(models) == 8
    assert re.search(r"^lesionlab = seg_core\.__main__:main$", entry_points, re.MULTILINE)
    assert "\nLicense-Expression: MIT AND CC-BY-NC-4.0\n" in metadata


def test_the_wheel_holds_every_file_of_its_folders(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a checkout of git")
    wanted = {name for name in listed.stdout.split("\0") if name in FILES or name.split("/")[0] in PACKAGED}
    wanted = {name for name in wanted if (PROJECT / name).exists()}
    with zipfile.ZipFile(wheel) as archive:
        held = {name.removeprefix("seg_core/bundle/") for name in archive.namelist() if name.startswith("seg_core/")}
    assert wanted - held == set()
    assert not [name for name in held if "__pycache__" in name]


def test_the_installed_package_predicts(installed: Path, tmp_path: Path) -> None:
    model = installed / "seg_core" / "bundle" / "checkpoints" / "fine-tune-best.safetensors"
    photograph = next((installed / "seg_core" / "bundle" / "pages" / "examples").glob("*.jpg"))
    done = run_installed(installed, tmp_path, "predict", str(model), str(photograph), "--output", "masks")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "masks" / f"{photograph.stem}_mask.png").exists()


def test_the_installed_app_is_its_own_and_says_how_it_is_started(installed: Path, tmp_path: Path) -> None:
    done = run_installed(installed, tmp_path, "app", "--host", "192.0.2.1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "On 192.0.2.1 other machines reach LesionLab; set a password, as in LESIONLAB_PASSWORD=… lesionlab app --host 192.0.2.1"
    ]


def test_the_installed_package_keeps_its_files_in_the_users_folder_and_its_worker_takes_no_package_from_there(
    installed: Path, tmp_path: Path
) -> None:
    assert "start one with" in run_installed(installed, tmp_path, "runs", "list").stdout
    if sys.platform == "linux":
        assert (tmp_path / "data" / "lesionlab" / "lesionlab.db").exists()
    code = (
        "import sys; sys.path.remove('')\n"
        "from pathlib import Path\n"
        "from seg_core.runs.launcher import LOCAL\n"
        "print(LOCAL.start(['--help'], Path('home'), Path('worker.log')).wait() or 'ended well')"
    )
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.stdout.strip() == "ended well", done.stderr
    assert "Usage:" in (tmp_path / "worker.log").read_text()


def test_torch_finds_openmp_asleep_by_either_command_and_the_app_has_a_help_of_its_own(installed: Path, tmp_path: Path) -> None:
    code = "import seg_core.__main__ as command, os; command.main()"
    spying = "import os, atexit; atexit.register(lambda: print(os.environ['OMP_WAIT_POLICY']))\n"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | {
        "PYTHONPATH": str(installed)
    }
    command = [sys.executable, "-c", spying + code, "app", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert done.stdout.startswith("usage: lesionlab app ")
    assert done.stdout.splitlines()[-1] == "passive", done.stderr


def test_one_version_and_its_date_stand_in_all_places() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "seg_core/common/versions.py"
    released = re.search(r"^## \[(.+?)\] - (.+)$", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released
    assert released[1] == VERSION
    citation = (PROJECT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r'^(?:version: |date-released: ")([\d.-]+)', citation, re.MULTILINE) == [VERSION, released[2]]
