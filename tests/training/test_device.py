"""The precision that `auto` takes: measured once for each machine, and never the slower one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.network import Segmenter, build_model
from seg_core.training import device
from seg_core.training.device import bf16_is_faster, choose_precision, find_device

AUTO = Config.of(device="cpu")


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    bf16_is_faster.cache_clear()
    yield
    bf16_is_faster.cache_clear()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[bool, float]:
    """A processor that computes in bf16: the seconds of a step in fp32 (False) and bf16 (True), and how often one was taken."""
    seconds = {False: 2.0, True: 1.0}
    taken: list[bool] = []
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "cpu_name": "one"})
    monkeypatch.setattr(device, "_trial_step", lambda: lambda half: taken.append(half) or seconds[half])  # type: ignore[func-returns-value]
    monkeypatch.setattr(device, "_taken", taken, raising=False)
    return seconds


def steps() -> int:
    return len(device._taken)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("bf16", "expected"), [(1.0, "bf16-mixed"), (3.0, "32-true")])
def test_auto_takes_what_is_faster(bf16: float, expected: str, measured: dict[bool, float]) -> None:
    measured[True] = bf16
    assert choose_precision(AUTO) == expected
    assert choose_precision(Config.of(device="cpu", precision="32-true")) == "32-true"
    assert choose_precision(Config.of(device="cpu", precision="bf16-mixed")) == "bf16-mixed"


@pytest.mark.parametrize("able", [{"avx512_bf16": False}, {}])
def test_a_processor_that_does_not_compute_in_bf16_is_not_measured(
    able: dict[str, bool], measured: dict[bool, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert choose_precision(AUTO) == "32-true"
    assert steps() == 0


def test_a_machine_is_measured_once(measured: dict[bool, float], lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bf16_is_faster()
    once = steps()
    bf16_is_faster.cache_clear()  # another process
    measured[True] = 3.0
    assert bf16_is_faster()
    assert steps() == once
    (facts,) = json.loads((lab_home / "cache" / "precision.json").read_text()).values()
    assert facts == {"fp32": 2.0, "bf16": 1.0}

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "cpu_name": "another"})
    bf16_is_faster.cache_clear()
    assert not bf16_is_faster()
    assert steps() == 2 * once


def test_a_damaged_note_of_it_is_measured_again(measured: dict[bool, float], lab_home: Path) -> None:
    (lab_home / "cache").mkdir()
    (lab_home / "cache" / "precision.json").write_text("{")
    assert bf16_is_faster()
    assert steps() > 0


@pytest.mark.usefixtures("thin_network")
def test_a_step_is_taken_in_both_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[torch.dtype] = []

    def watched(config: Config) -> Segmenter:
        model = build_model(config)
        model.decoder.register_forward_hook(lambda *called: computed.append(called[-1].dtype))
        return model

    monkeypatch.setattr(device, "build_model", watched)
    step = device._trial_step()
    assert all(step(half) > 0 for half in (False, True))
    assert computed == [torch.float32, torch.bfloat16]


def test_a_device_that_is_not_there_is_named() -> None:
    assert find_device("cpu") == ("cpu", 0)
    with pytest.raises(InputError, match="no device cuda:99; choose auto or cpu"):
        find_device("cuda:99")
