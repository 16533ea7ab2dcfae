"""Several processes that train one model: held against one process that takes BatchNorm's statistics of half batches."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from seg_core.data.dataset import Dataset, open_dataset
from seg_core.errors import InputError
from seg_core.network import Segmenter, build_model
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.training import companions, loop
from seg_core.training.command_line import command_line
from seg_core.training.companions import Companions
from seg_core.training.events import EpochDone, Event
from seg_core.training.loop import train
from tests.helpers import make_dataset, tiny_config, wait_until

# At higher rates, Adam makes whole steps of rounding errors, where a weight's gradient is 0.
SETTINGS: dict[str, Any] = {"epochs": 4, "swa_fraction": 0.5, "batch_size": 8, "augmentation": "strong", "learning_rate": 1e-4}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Batches of eight and of five to train on, and one of three to validate with."""
    return open_dataset(make_dataset(tmp_path_factory.mktemp("data"), train=13, val=3))


class OfHalves(nn.BatchNorm2d):
    """BatchNorm that normalises both halves of a batch by themselves; its statistics are the means of theirs."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(features)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        rate = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        halves = torch.split(features, -(-len(features) // 2))
        for of_halves, running in (
            ([half.mean((0, 2, 3)) for half in halves], self.running_mean),
            ([half.var((0, 2, 3)) for half in halves], self.running_var),
        ):
            running.lerp_(torch.stack(of_halves).mean(0).detach(), rate)
        return torch.cat([F.batch_norm(half, None, None, self.weight, self.bias, True, 0.0, self.eps) for half in halves])


def build_of_halves(*arguments: Any, **options: Any) -> Segmenter:
    network = build_model(*arguments, **options)
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = OfHalves
    return network


def lesionlab(home: Path, *arguments: object, program: tuple[str, ...] = ("-m", "seg_core")) -> subprocess.Popen[str]:
    variables = os.environ | {"LESIONLAB_HOME": str(home), "OMP_NUM_THREADS": "1"}
    home.mkdir(exist_ok=True)
    command = (sys.executable, *program, *map(str, arguments))
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def train_command(dataset: Dataset, **settings: Any) -> list[str]:
    config = tiny_config(**{**SETTINGS, **settings})
    return [*shlex.split(command_line(config, list(dataset.sources), "")[len("python -m seg_core ") :]), "--json"]


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    result = json.loads(out.splitlines()[-1])
    assert isinstance(result, dict)
    return result


def losses(store: RunStore, run_id: int) -> list[float]:
    return [point.value for point in store.history.metrics(run_id) if point.name == "loss" and point.split in ("train", "val")]


def after_epochs(store: RunStore, epochs: int) -> Run:
    """Wait until the only run has so many epochs, and return it."""
    (run,) = wait_until(lambda: [run for run in store.list_runs() if run.epochs_done >= epochs], what=f"{epochs} epochs")
    return run


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("variant", ["fine-tune", "trainable-decoder"])
def test_two_processes_have_the_losses_of_one(
    variant: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = ended(lesionlab(tmp_path / "home", *train_command(dataset, devices=2, variant=variant)))
    assert (result["status"], result["epochs"]) == ("finished", 4)
    store = RunStore(tmp_path / "home" / "lesionlab.db")

    told: list[Event] = []
    monkeypatch.setattr(loop, "build_model", build_of_halves)
    train(tiny_config(**SETTINGS, variant=variant), dataset, told.append, folder=tmp_path)
    epochs = [event for event in told if isinstance(event, EpochDone)]
    expected = [split["loss"] for epoch in epochs for split in (epoch.train, epoch.val)]
    assert losses(store, result["run_id"]) == pytest.approx(expected, rel=1e-4)
    iou = [point.value for point in store.history.metrics(result["run_id"]) if (point.split, point.name) == ("val", "iou")]
    assert iou == pytest.approx([epoch.val["iou"] for epoch in epochs], abs=1e-3)
    log = " ".join(line.text for line in store.history.log_tail(result["run_id"]))
    assert "2 processes train it together." in log


def test_a_run_of_a_killed_process_is_lost_and_goes_on_in_one(dataset: Dataset, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = lesionlab(home, *train_command(dataset, devices=2, epochs=300))
    store = RunStore(home / "lesionlab.db")
    run = after_epochs(store, 2)
    (other,) = psutil.Process(process.pid).children()
    other.kill()
    _, err = process.communicate(timeout=30)
    lost = store.get_run(run.id)
    assert (lost.status, lost.message) == (
        "lost",
        "Process 2 of the 2 that train together was killed by signal 9; the run can be resumed.",
    )
    assert "Traceback" not in err

    more = lesionlab(home, "runs", "resume", run.id, "--devices", 1, "--json")
    wait_until(lambda: store.get_run(run.id).epochs_done > lost.epochs_done, what="one more epoch")
    more.send_signal(signal.SIGINT)
    assert ended(more)["status"] == "stopped"
    assert store.get_run(run.id).config.devices == 1


def test_the_others_end_with_the_first(dataset: Dataset, tmp_path: Path) -> None:
    process = lesionlab(tmp_path, *train_command(dataset, devices=2, epochs=300))
    store = RunStore(tmp_path / "lesionlab.db")
    after_epochs(store, 1)
    (other,) = psutil.Process(process.pid).children()
    process.kill()
    process.communicate(timeout=30)
    other.wait(30)
    (lost,) = store.claims.mark_lost()
    assert lost.can_resume


def test_a_stop_ends_all_of_them_after_the_batch(dataset: Dataset, tmp_path: Path) -> None:
    process = lesionlab(tmp_path, *train_command(dataset, devices=2, epochs=300))
    store = RunStore(tmp_path / "lesionlab.db")
    run = after_epochs(store, 1)
    store.queue.stop(run.id)
    assert ended(process)["status"] == "stopped"
    assert store.get_run(run.id).can_resume


def test_torchrun_starts_them_too(dataset: Dataset, tmp_path: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "seg_core")
    result = ended(lesionlab(tmp_path, *train_command(dataset, epochs=2), program=torchrun))
    (run,) = RunStore(tmp_path / "lesionlab.db").list_runs()
    assert (run.status, run.epochs_done, run.config.devices) == ("finished", 2, 2)
    assert result["run_id"] == run.id


@pytest.mark.parametrize("status", [0, 3])
def test_a_training_that_waits_for_a_failed_process_ends(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr(companions, "END_SECONDS", 0.1)
    monkeypatch.setattr("os._exit", left.append)
    monkeypatch.setattr(companions, "COMMAND", (sys.executable, "-c", f"input(); raise SystemExit({status})"))
    with Companions(tiny_config(devices=2), ["sample"], resume=False):
        wait_until(lambda: not any(thread.name == "rank-1" for thread in threading.enumerate()), what="nobody watches it")
    assert left == ([1] if status else [])  # the first process may go on after the last epoch


def test_more_processes_than_processors_are_refused(dataset: Dataset) -> None:
    with (
        pytest.raises(InputError, match=r"too few for 64 processes; choose up to \d+ \(--devices\)\."),
        Companions(tiny_config(devices=64), dataset.sources, resume=False),
    ):
        pass
