"""The lock on the test photographs of a sweep: in front of its models alone, opened by a press that is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from seg_core.config import Config
from seg_core.runs.groups import Group
from seg_core.runs.store import RunStore
from seg_core.sweeps.stepping import step
from seg_core.sweeps.store import SweepStore
from seg_core.sweeps.sweep import Plan


def page(models: object) -> None:
    import streamlit as st

    from pages.search.lock import gate

    st.text("locked" if gate(models) else "open")  # type: ignore[arg-type]


@pytest.fixture
def stores(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunStore, SweepStore]:
    runs, sweeps = RunStore(), SweepStore()
    monkeypatch.setattr("pages.search.lock.store", lambda: runs)
    monkeypatch.setattr("pages.search.lock.sweeps", lambda: sweeps)
    return runs, sweeps


def test_models_of_a_sweep_are_locked_until_the_button_is_pressed(stores: tuple[RunStore, SweepStore]) -> None:
    runs, sweeps = stores
    config = Config.of("report", epochs=2)
    other = runs.queue.add("", config, "sample")
    sweep = sweeps.add("", config, "sample", Plan.of(config, space=["loss=bce,bce-dice"], folds=2))
    assert step(sweeps, sweep.id)
    group = Group(tuple(runs.list_runs()[:2]))

    def shown(*models: Path | Group) -> AppTest:
        return AppTest.from_function(page, args=({str(number): model for number, model in enumerate(models)},)).run()

    mine, shipped = runs.folder(other.id) / "best.safetensors", Path("/checkpoints/0002/best.safetensors")
    assert shown(mine, shipped).text[0].value == "open"
    of_sweep = runs.folder(2) / "best.safetensors"
    assert shown(of_sweep, mine).text[0].value == "locked"
    app = shown(group)
    assert app.text[0].value == "locked"
    assert app.caption[0].value == "Not looked at yet."
    app.button[0].click().run()
    assert app.text[0].value == "open"
    assert sweeps.get(sweep.id).looks == 1
    assert shown(group).caption[0].value == "Looked at once."  # in another visit it is locked again
