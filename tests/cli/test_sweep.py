"""The commands below `sweep`."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.runs.launcher import LocalLauncher
from seg_core.runs.store import RunStore
from seg_core.sweeps.store import SweepStore
from tests.cli.lab import Lab
from tests.fake_worker import launcher
from tests.helpers import make_dataset, wait_until

TINY = ("--with", "epochs=2", "--with", "image_size=64", "--with", "batch_size=4", "--with", "encoder_weights=random")


@pytest.fixture
def fake_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every store of this process start fake workers."""

    def start(self: LocalLauncher, *arguments: object) -> object:
        return real(launcher(), *arguments)  # type: ignore[arg-type]

    real = LocalLauncher.start
    monkeypatch.setattr("seg_core.runs.launcher.LocalLauncher.start", start)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", train=6, val=2, test=2)


@pytest.mark.slow  # six interpreters
@pytest.mark.usefixtures("fake_workers")
def test_a_sweep_runs_to_its_end(lab: Lab, data: Path) -> None:
    losses = ("--set", "loss=bce,bce-dice", "--by", "grid", "--seeds", 2, "--with", "epochs=3")
    done = lab("sweep", "run", "--data", data, *losses, "--json")
    assert done.status == 0, done.err
    # A fake training scores an IoU of 0.03 in its third epoch, whatever its settings: the first trial stays the best.
    assert (done.json["phase"], done.json["best"], done.json["runs_used"]) == ("finished", 1, 2)
    assert [trial["role"] for trial in done.json["trials"]] == ["trial", "trial", "winner", "baseline"]
    assert [trial["value"] for trial in done.json["trials"]] == [0.03] * 4
    assert done.json["gain"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "seeds": 2, "is_better": False}
    assert done.json["verdict"].startswith("Trial 1 is not shown to be better than the starting settings: ")
    assert "Trial 2 is complete, 0.0300: loss bce-dice" in done.err
    assert lab("sweep", "list", "--json").json["sweeps"][0]["id"] == 1
    shown = lab("sweep", "show", 1).out
    assert "Importance: too early to tell; 2 of at least 10 trials are complete." in shown
    assert "Scores on the test photographs were not looked at yet." in shown


@pytest.mark.usefixtures("fake_workers")
def test_a_sweep_starts_and_is_stopped(lab: Lab, data: Path) -> None:
    done = lab(
        "sweep", "start", "--data", data, "--set", "learning_rate=1e-4..1e-2 log", "--name", "rates", "--with", "epochs=900"
    )
    assert done.out == "Sweep 1 has started; see it with: python -m seg_core sweep show 1\n"
    assert "rates" in lab("sweep", "list").out
    assert lab("sweep", "stop", 1).out == "Sweep 1 is stopped.\n"
    store = RunStore()
    wait_until(lambda: not store.get_run(1).is_active, what="the run has stopped")
    assert lab.refuses("sweep", "stop", 1) == "Sweep 1 is stopped; only those that go on can be stopped."
    assert lab("sweep", "delete", 1).out == "Sweep 1 is deleted; 0.0 MB freed.\n"
    assert (store.list_runs(), SweepStore().all()) == ([], [])
    assert lab.refuses("sweep", "delete", 1) == "There is no sweep 1; choose one from the list of sweeps."


def test_mistakes_are_refused_before_anything_is_kept(lab: Lab, data: Path) -> None:
    start = ("sweep", "start", "--data", data)
    assert lab.refuses(*start, "--set", "loss=bce,huber") == "Loss cannot be 'huber'; choose bce, bce-dice or bce-lovasz."
    assert lab.refuses(*start, "--set", "loss=bce,bce-dice", "--with", "epochs").startswith("--with takes SETTING=VALUE")
    assert lab.refuses(*start, "--set", "loss=bce,bce-dice", "--runs", 0).startswith("A sweep cannot have 0 as runs")
    assert lab.refuses(*start, "--set", "loss=bce,bce-dice", "--folds", 9).startswith("data has 8 pairs to train and 0 to ")
    split_up = ("--images", data / "train" / "images", "--masks", data / "nowhere")
    assert lab.refuses(*start, "--set", "loss=bce,bce-dice", *split_up).startswith(f"There is no folder {data / 'nowhere'}")
    assert lab.refuses("sweep", "show", 3) == "There is no sweep 3; choose one from the list of sweeps."
    assert lab("sweep", "list").out.startswith("No sweeps yet; start one with: ")
    assert SweepStore().all() == []


@pytest.mark.slow
def test_a_sweep_trains_for_real_and_goes_on_without_a_terminal(lab: Lab, data: Path) -> None:
    """Each run is started by the worker of the one before: only the first by the command."""
    done = lab("sweep", "start", "--data", data, "--set", "loss=bce,bce-dice", "--by", "grid", "--seeds", 2, *TINY, "--json")
    assert done.status == 0, done.err
    store = SweepStore()
    sweep = wait_until(lambda: (sweep := store.get(1)).ending and sweep, timeout=250, what="the sweep has ended")
    assert sweep
    assert (sweep.ending, sweep.message) == ("finished", "")
    assert [trial.state for trial in sweep.trials] == ["complete", "complete"]
    assert all(0 <= (trial.value or -1) <= 1 for trial in sweep.trials)
    assert all((RunStore().folder(run.id) / "best.safetensors").exists() for run in sweep.runs)
