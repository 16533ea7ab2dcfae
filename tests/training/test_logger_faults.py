"""Loggers that fail, hang, are not installed or have no key: the training goes on, or never begins."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg_core.config import Config
from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.runs.store import RunStore
from seg_core.training.events import EpochDone, Event, Message, Stop
from seg_core.training.loggers import kinds, listener
from seg_core.training.loggers.logger import Begun
from seg_core.training.loggers.outlet import without_secrets
from seg_core.training.loggers.pictures import has_picture
from tests.helpers import tiny_config
from tests.training.trainings import Log, run

pytestmark = pytest.mark.usefixtures("logger_places")

KEY = "5ecret" * 7


class Recording:
    """A logger that notes what it is told, and may fail or wait."""

    told: list[Any]

    def __init__(self, fails_in: int = 0, waits: threading.Event | None = None) -> None:
        self.told, self.fails_in, self.waits = [], fails_in, waits

    def begin(self, training: Any, id: str | None) -> Begun:
        self.told.append(("begin", id))
        if self.waits:
            self.waits.wait()
        return Begun("its id", f"https://me:{KEY}@logs.example")

    def epoch(self, epoch: int, metrics: Any) -> None:
        if epoch == self.fails_in:
            raise OSError(f"No space left\non https://me:pass@logs.example, {KEY}")
        self.told.append(("epoch", epoch))

    def masks(self, epoch: int, picture: np.ndarray) -> None:
        self.told.append(("masks", picture.shape))

    def end(self, status: str, epoch: int, checkpoint: Path | None) -> None:
        self.told.append(("end", status, epoch, checkpoint and checkpoint.name))


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    """What every logger is, whatever its name."""
    logger = Recording()
    monkeypatch.setattr(listener, "make_logger", lambda name: logger)
    return logger


def small(**settings: Any) -> Config:
    return tiny_config(swa_fraction=0, log="mlflow", **settings)


@pytest.mark.usefixtures("thin_network")
def test_a_logger_that_raises_in_the_middle_is_left_out_with_one_warning(
    dataset: Dataset, tmp_path: Path, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", KEY)
    recording.fails_in = 2
    result, log = run(small(epochs=3), dataset, tmp_path)
    assert (result.status, result.epochs) == ("finished", 3)
    assert recording.told == [("begin", None), ("epoch", 1), ("masks", (3 * 64, 3 * 64, 3))]
    assert [event.text for event in log.of(Message) if event.level == "warning"] == [
        "The training is no longer logged to MLflow, and goes on: OSError: No space left on https://logs.example, …"
    ]
    assert not any(KEY in event.text for event in log.of(Message))


@pytest.mark.usefixtures("thin_network")
def test_a_logger_that_hangs_holds_up_nothing_but_a_moment_at_the_end(
    dataset: Dataset, tmp_path: Path, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "END_SECONDS", 0.01)
    recording.waits = threading.Event()
    result, log = run(small(epochs=1), dataset, tmp_path)
    recording.waits.set()
    assert result.status == "finished"
    (warning,) = [event.text for event in log.of(Message) if event.level == "warning"]
    assert warning.endswith("it did not take everything within 0 seconds")


@pytest.mark.usefixtures("thin_network")
def test_epochs_that_a_killed_attempt_did_not_log_are_made_up_for(dataset: Dataset, tmp_path: Path, recording: Recording) -> None:
    run(small(epochs=2), dataset, tmp_path, stop_after=(2, 1))
    (tmp_path / "loggers" / "mlflow.json").write_text('{"id": "its id", "epoch": 0}')
    run(small(epochs=2), dataset, tmp_path, resume=True)
    assert recording.told == [
        ("begin", None),
        ("epoch", 1),
        ("masks", (3 * 64, 3 * 64, 3)),
        ("end", "stopped", 1, "best.safetensors"),
        ("begin", "its id"),
        ("epoch", 1),
        ("epoch", 2),
        ("masks", (3 * 64, 3 * 64, 3)),
        ("end", "finished", 2, "best.safetensors"),
    ]


@pytest.mark.usefixtures("thin_network")
@pytest.mark.parametrize(("error", "status"), [(Stop, "stopped"), (KeyboardInterrupt, "stopped"), (ValueError, "failed")])
def test_a_training_that_a_listener_ends_is_logged_as_ended(
    error: type[BaseException], status: str, dataset: Dataset, tmp_path: Path, recording: Recording
) -> None:
    from seg_core.training.loop import train

    def end(event: Event) -> None:
        if isinstance(event, EpochDone):
            raise error

    with pytest.raises(error):
        train(small(epochs=3), dataset, end, folder=tmp_path)
    assert recording.told[-1] == ("end", status, 1, "best.safetensors")


@pytest.mark.usefixtures("thin_network")
def test_a_server_that_is_gone_costs_a_warning(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hidden@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result, log = run(small(epochs=1), dataset, tmp_path)
    assert result.status == "finished"
    (warning,) = [event.text for event in log.of(Message) if event.level == "warning"]
    assert warning.startswith("The training is no longer logged to MLflow, and goes on: MlflowException: ")
    assert "hidden" not in warning


@pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio"])
def test_a_missing_package_is_one_sentence_before_anything_begins(
    name: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    title = {"wandb": "W&B", "mlflow": "MLflow", "trackio": "Trackio"}[name]
    sentence = f'Logging to {title} needs the package {name}; install it with: pip install "lesionlab[{name}]".'
    log = Log()
    with pytest.raises(InputError) as refused:
        run(tiny_config(log=name), dataset, tmp_path)
    assert (str(refused.value), list(log), list(tmp_path.glob("*.safetensors"))) == (sentence, [], [])
    store = RunStore()
    with pytest.raises(InputError) as refused:
        store.queue.add("", tiny_config(log=f"tensorboard,{name}"), "sample")
    assert (str(refused.value), store.list_runs()) == (sentence, [])


def test_a_folder_of_a_packages_name_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wandbx").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(kinds.KINDS, "wandb", kinds.Kind("W&B", "wandbx", "", ""))
    with pytest.raises(InputError, match="needs the package wandbx"):
        kinds.require_loggers(["wandb"])


def test_wandb_is_offline_without_a_key_and_never_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from seg_core.training.loggers.to_wandb import _mode

    assert _mode() == "offline"
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(RuntimeError, match=r"^WANDB_MODE is online, and there is no key; set WANDB_API_KEY"):
        _mode()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert _mode() == "online"
    monkeypatch.delenv("WANDB_MODE")
    assert _mode() == "online"
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert _mode() == "offline"


def test_secrets_leave_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "open sesame")
    assert without_secrets("https://a:b@host/x said open sesame to a@b.c") == "https://host/x said … to a@b.c"


def test_long_trainings_log_about_ten_pictures() -> None:
    assert [epoch for epoch in range(1, 4) if has_picture(epoch, 3)] == [1, 2, 3]
    assert [epoch for epoch in range(1, 86) if has_picture(epoch, 85)] == [1, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 85]
