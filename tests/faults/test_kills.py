"""Trainings that are killed, at named points and at random, and then go on: nothing is lost, and nothing is left behind."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from seg_core.common.home import PROJECT
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from tests.faults.victim import POINTS
from tests.helpers import make_dataset, tiny_config, wait_until

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the victims are forks of one process, which has loaded torch")

CONFIG = tiny_config(epochs=2, swa_fraction=0.5)  # the last epoch is averaged
FILES = ("last", "best", "resume")


class Trainings:
    """Runs of one config in a home folder, trained by a process that dies on demand."""

    def __init__(self, home: Path) -> None:
        self.data = make_dataset(home / "data", train=5, val=2)
        (home / "home").mkdir()
        self.store = RunStore(home / "home" / "lesionlab.db")
        environment = os.environ | {"LESIONLAB_HOME": str(home / "home"), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.faults.victim"]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.killed = 0
        self.whole = self.finish()

    def finish(self, **fault: Any) -> int:
        """Train a run to its end, with a fault in its first attempt, and return its number."""
        run_id = self.store.queue.add("", CONFIG, self.data).id
        while (run := self.attempt(run_id, **fault)).status != "finished":
            if run.status != "queued":  # else it was killed before it began
                self.store.queue.resume(run_id)
            fault = {}
        return run_id

    def attempt(self, run_id: int, **fault: Any) -> Run:
        """Train a run once, and return it as it ended."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"run": run_id, **fault}) + "\n")
        self.process.stdin.flush()
        killed = self.process.stdout.readline().strip() != "0"
        self.killed += killed
        lost = self.store.claims.mark_lost()
        assert killed or not lost
        return self.store.get_run(run_id)

    def losses(self, run_id: int) -> list[str]:
        """Name what differs between a run that was killed and the one that was not."""
        folders = [self.store.folder(each) for each in (self.whole, run_id)]
        files, expected = ({file.relative_to(folder): file for file in folder.rglob("*")} for folder in reversed(folders))
        lost = [f"{name} is missing" for name in expected.keys() - files.keys()]
        lost += [f"{name} is left" for name in files.keys() - expected.keys() if name.name != "worker.log"]
        lost += [f"{each}: other weights" for each in FILES if not _same(*(folder / f"{each}.safetensors" for folder in folders))]
        pictures = [name for name in expected.keys() & files.keys() if name.suffix in (".png", ".jpg")]
        lost += [f"{name} is another picture" for name in pictures if files[name].read_bytes() != expected[name].read_bytes()]
        if self._record(run_id) != self._record(self.whole):
            lost.append(f"recorded as {self._record(run_id)}")
        return lost

    def _record(self, run_id: int) -> tuple[Any, ...]:
        run = self.store.get_run(run_id)
        clocked = {"time", "seconds", "images_per_second", "data_wait", "cores", "memory"}  # which no two trainings share
        points = [
            (point.epoch, point.split, point.name, point.value)
            for point in self.store.history.metrics(run_id)
            if point.name not in clocked
        ]
        return run.status, run.message, run.epochs_done, run.best_epoch, sorted(points)


def _same(one: Path, other: Path) -> bool:
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all(np.array_equal(tensor, second[name]) for name, tensor in first.items())


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    made = Trainings(tmp_path_factory.mktemp("kills"))
    yield made
    made.process.communicate()
    made.store.close()


def report(faults: list[list[str]], kills: int | None = None) -> None:
    lost = [each for each in faults if each]
    print(f"{len(faults) if kills is None else kills} faults, {len(lost)} lost something")
    assert not lost, lost


def some(*points: str) -> Any:
    """The points that the quick tests kill at: one of each kind of writing; the slow tests take the others."""
    return [pytest.param(point, marks=() if point in points else pytest.mark.slow) for point in POINTS]


@pytest.mark.parametrize(
    "point",
    some(
        "while a file is not yet on the disk",
        "among the pictures",
        "before the end is reported",
    ),
)
def test_a_training_killed_at_any_point_goes_on_and_ends_as_if_it_had_not_been(trainings: Trainings, point: str) -> None:
    """Kills a training before a step of saving, drawing or reporting, resumes it, and compares with one left alone."""
    before = trainings.killed
    report([trainings.losses(trainings.finish(point=point))])
    assert trainings.killed == before + 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_trainings_killed_a_hundred_times_at_random_lose_nothing(trainings: Trainings) -> None:
    """Kills 100 trainings at moments drawn from the time that one takes, resumes them, and compares with one left alone."""
    moments, faults = random.Random(0), []
    started = time.monotonic()
    trainings.finish()
    seconds = time.monotonic() - started
    before = trainings.killed
    while trainings.killed < before + 100:
        faults.append(trainings.losses(trainings.finish(after=moments.uniform(0.02, seconds))))
    report(faults, trainings.killed - before)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_training_that_gets_no_more_memory_says_so_and_can_be_resumed(trainings: Trainings) -> None:
    """Gives a training 40 MB more than it has when it begins, which is too little, and then resumes it."""
    run_id = trainings.store.queue.add("", CONFIG, trainings.data).id
    run = trainings.attempt(run_id, megabytes=40)
    assert (run.status, run.message[:31]) == ("failed", "There is not enough memory for ")
    trainings.store.queue.resume(run_id)
    assert trainings.attempt(run_id).status == "finished"
    report([trainings.losses(run_id)])


@pytest.fixture
def small_cgroup() -> Iterator[str]:
    """A control group with 30 MB; needs root and the first version of control groups."""
    group = Path("/sys/fs/cgroup/memory/lesionlab-test")
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    (group / "memory.limit_in_bytes").write_text(str(30 * 2**20))
    yield str(group)
    wait_until(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


@pytest.mark.slow
def test_a_training_that_linux_kills_for_memory_says_so_and_can_be_resumed(trainings: Trainings, small_cgroup: str) -> None:
    """Trains in a control group with too little memory, so that Linux kills it, and resumes it outside."""
    run_id = trainings.store.queue.add("", CONFIG, trainings.data).id
    run = trainings.attempt(run_id, cgroup=small_cgroup)
    assert (run.status, run.can_resume) == ("lost", True)
    assert "ran out of memory. It can be resumed" in run.message
    trainings.store.queue.resume(run_id)
    assert trainings.attempt(run_id).status == "finished"
    report([trainings.losses(run_id)])
