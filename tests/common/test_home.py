"""The home folder of a checkout; tests/test_package.py covers that of an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.common import home as module
from seg_core.common.home import INSTALLED, PROJECT, SHIPPED_CHECKPOINTS, home


def test_a_checkout_keeps_its_runs_beside_its_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not INSTALLED
    assert (PROJECT / "app.py").exists()
    assert SHIPPED_CHECKPOINTS == PROJECT / "checkpoints"
    monkeypatch.delenv("LESIONLAB_HOME")
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    assert home() == tmp_path / "runs"
    assert home().is_dir()


def test_an_installed_lesionlab_keeps_them_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LESIONLAB_HOME")
    monkeypatch.setattr(module, "INSTALLED", True)
    monkeypatch.setattr(module, "user_data_path", lambda name, appauthor: tmp_path / name)
    assert home() == tmp_path / "lesionlab"


def test_the_environment_decides_before_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLAB_HOME", str(tmp_path / "else" / "where"))
    assert home() == tmp_path / "else" / "where"
