"""The README: its library example, run as it stands, its first lines, its length, and its pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from seg_core.common.home import PROJECT
from seg_core.data.sample import folder


def test_library_example_runs(
    lab_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(from pathlib.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10

    monkeypatch.setattr(folder, "TRAIN_COUNT", 16)
    monkeypatch.setattr(folder, "TEST_COUNT", 4)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seg_core.training.device.bf16_is_faster", lambda: False)  # takes seconds to measure
    exec(compile(code, "README.md", "exec"), {})

    iou, shape = re.fullmatch(r"([\d.]+) (\(.*\))", capsys.readouterr().out.splitlines()[-1]).groups()  # type: ignore[union-attr]
    assert 0 <= float(iou) <= 1
    assert shape == "(256, 256)"
    assert (tmp_path / "runs" / "notebook" / "best.safetensors").exists()


@pytest.mark.parametrize("command", ["make app", "make test"])
def test_starts_with_the_two_commands(command: str) -> None:
    first_lines = (PROJECT / "README.md").read_text().splitlines()[:6]
    assert any(line.strip().startswith(command) for line in first_lines)


def test_is_short_and_its_moving_picture_is_small() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    tour = PROJECT / "docs" / "images" / "tour.webp"
    assert f"](docs/images/{tour.name})" in text
    assert tour.stat().st_size < 3_000_000
    with Image.open(tour) as film:
        assert film.n_frames > 10  # type: ignore[attr-defined]
