"""Loggers: what each real one holds in its offline mode after a training that was stopped and resumed, and what may go wrong."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event as Logged

from seg_core.config import Config
from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.runs.store import RunStore
from seg_core.training.events import EpochDone, Event, Message, Stop
from seg_core.training.loggers import kinds, listener
from seg_core.training.loggers.logger import Begun
from seg_core.training.loggers.outlet import without_secrets
from seg_core.training.loggers.pictures import has_picture
from tests.helpers import thin_networks, tiny_config
from tests.training.trainings import Log, Trained, home_in, run

ALL = "tensorboard,wandb,mlflow,trackio"
KEY = "5ecret" * 7
OWN = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_RUN_ID",
    "TRACKIO_SPACE_ID",
    "TRACKIO_SERVER_URL",
)
OWN_WANDB = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE", "WANDB_PROJECT", "WANDB_DIR")
PHOTOGRAPHS = 3


@pytest.fixture(scope="module", autouse=True)
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders for what the libraries keep outside a run's folder, and none of their settings."""
    folder = tmp_path_factory.mktemp("places")
    with pytest.MonkeyPatch.context() as patch:
        for name in (*OWN, *OWN_WANDB):
            patch.delenv(name, raising=False)
        for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
            patch.setenv(name, str(folder / name))
        patch.setenv("NETRC", str(folder / "netrc"))
        patch.setenv("TRACKIO_DIR", str(folder / "trackio"))
        for name in [each for each in sys.modules if each.split(".")[0] == "trackio" or each.endswith(".to_trackio")]:
            patch.delitem(sys.modules, name)  # Trackio reads its folder when it is imported
        yield folder


@pytest.fixture(scope="module")
def resumed(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A training of three epochs with every logger that was stopped in its second one, and its events since then."""
    config, folder = tiny_config(epochs=3, log=ALL, seed=4), tmp_path_factory.mktemp("resumed")
    with thin_networks(), home_in(folder):
        run(config, dataset, folder, stop_after=(2, 1), name="a try")
        yield Trained(config, folder, *run(config, dataset, folder, name="a try", resume=True))


def expected(resumed: Trained) -> dict[int, float]:
    """The validation IoU by epoch."""
    from seg_core.training.resume import saved_history

    epochs = saved_history(resumed.folder / "resume.safetensors", "best").epochs
    return {number: epoch.val["iou"] for number, epoch in enumerate(epochs, start=1)}


def is_picture(path: Path) -> bool:
    """True for the picture of masks: a row for each photograph, and three squares a row."""
    with Image.open(path) as picture:
        return picture.size == (3 * 64, PHOTOGRAPHS * 64) and np.ptp(np.asarray(picture)) > 0


def test_every_logger_says_where_it_logs_to_and_none_complains(resumed: Trained) -> None:
    said = [event.text for event in resumed.log.of(Message)]
    assert sorted(text.split(":")[0] for text in said if text.startswith("Logging to")) == [
        "Logging to MLflow",
        "Logging to TensorBoard",
        "Logging to Trackio",
        "Logging to W&B",
    ]
    assert [event.text for event in resumed.log.of(Message) if event.level == "warning"] == []
    assert {path.stem: json.loads(path.read_text())["epoch"] for path in (resumed.folder / "loggers").iterdir()} == dict.fromkeys(
        ALL.split(","), 3
    )


def written(folder: Path) -> dict[str, list[tuple[int, Any]]]:
    """What TensorBoard's event files in a run's folder hold: steps and values by tag, in the order in which they were written."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for file in sorted((folder / "tensorboard").iterdir(), key=lambda file: int(file.name.rpartition(".")[2])):
        content, place = file.read_bytes(), 0
        while place < len(content):
            length = int.from_bytes(content[place : place + 8], "little")
            event = Logged.FromString(content[place + 12 : place + 12 + length])
            place += length + 16
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    return found


def test_tensorboard_has_settings_masks_and_how_it_ended(resumed: Trained) -> None:
    found = written(resumed.folder)
    assert b"| epochs | 3 |" in found["settings/text_summary"][0][1].tensor.string_val[0]
    assert [step for step, _ in found["masks"]] == [1, 2, 3]
    assert (found["masks"][0][1].image.width, found["masks"][0][1].image.height) == (3 * 64, PHOTOGRAPHS * 64)
    assert [value.tensor.string_val[0] for _, value in found["status/text_summary"]] == [b"stopped", b"finished"]
    assert [step for step, _ in found["iou/val"]] == [1, 2, 3]


def test_mlflow_has_one_run_with_all_of_it(resumed: Trained) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient((resumed.folder / "home" / "mlflow").as_uri())
    (experiment,) = [each for each in client.search_experiments() if each.name == "LesionLab"]
    (logged,) = client.search_runs([experiment.experiment_id])
    assert (logged.info.run_name, logged.info.status) == ("a try", "FINISHED")
    assert (logged.data.params["epochs"], logged.data.params["val_photographs"]) == ("3", "3")
    assert logged.data.params["learning_rate"] == str(resumed.config.learning_rate)
    history = client.get_metric_history(logged.info.run_id, "val/iou")
    assert [(metric.step, metric.value) for metric in history] == list(expected(resumed).items())
    assert {"train/loss", "val/dice", "process/gradient_norm", "process/seconds"} <= logged.data.metrics.keys()
    pictures = [each.path for each in client.list_artifacts(logged.info.run_id, "images") if each.path.endswith(".png")]
    assert len(pictures) == 3
    assert is_picture(Path(client.download_artifacts(logged.info.run_id, pictures[0])))
    kept = Path(client.download_artifacts(logged.info.run_id, "checkpoint/best.safetensors"))
    assert kept.read_bytes() == (resumed.folder / "best.safetensors").read_bytes()


def records(file: Path) -> Iterator[Any]:
    """The records of W&B's offline file: LevelDB's log format after a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

    content, place, record = file.read_bytes(), 7, b""
    assert content[:4] == b":W&B"
    while place + 7 <= len(content):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(record)
            record = b""


class Attempt(NamedTuple):
    """What an attempt left in W&B's offline files."""

    id: str
    name: str
    config: dict[str, Any]
    history: list[dict[str, Any]]
    artifacts: list[Any]
    status: str
    folder: Path


def attempt(folder: Path) -> Attempt:
    (file,) = folder.glob("run-*.wandb")
    found = Attempt("", "", {}, [], [], "", folder)
    for record in records(file):
        match record.WhichOneof("record_type"):
            case "run":
                config = {each.key: json.loads(each.value_json) for each in record.run.config.update if each.key}
                found = found._replace(id=record.run.run_id, name=record.run.display_name, config=found.config | config)
            case "history":
                values = {each.key or ".".join(each.nested_key): each.value_json for each in record.history.item}
                found.history.append({name: json.loads(value) for name, value in values.items()})
            case "request" if record.request.HasField("log_artifact"):
                found.artifacts.append(record.request.log_artifact.artifact)
            case "artifact":
                found.artifacts.append(record.artifact)
            case "summary":
                for each in record.summary.update:
                    if (each.key or ".".join(each.nested_key)) == "status":
                        found = found._replace(status=json.loads(each.value_json))
    return found


def test_wandb_has_an_offline_file_of_each_attempt_of_one_run(resumed: Trained) -> None:
    first, second = (
        attempt(folder) for folder in sorted((resumed.folder / "wandb").glob("offline-run-*"), key=lambda f: f.stat().st_mtime)
    )
    assert first.id == second.id
    assert (first.name, first.config["epochs"], first.config["val_photographs"]) == ("a try", 3, 3)
    steps = {each["_step"]: each["val/iou"] for each in first.history + second.history if "val/iou" in each}
    assert steps == pytest.approx(expected(resumed))
    assert [[each["_step"] for each in one.history if "val/iou" in each] for one in (first, second)] == [[1], [2, 3]]
    assert {"train/loss", "process/learning_rate"} <= second.history[-1].keys()
    assert is_picture(second.folder / "files" / second.history[-1]["masks.path"])
    assert [entry.path for each in second.artifacts for entry in each.manifest.contents] == ["best.safetensors"]
    assert (first.status, second.status) == ("stopped", "finished")


def test_trackio_has_one_run_with_all_of_it(resumed: Trained, places: Path) -> None:
    from trackio.sqlite_storage import SQLiteStorage

    (name,) = SQLiteStorage.get_runs("lesionlab")
    assert name.startswith("a try ")
    rows = SQLiteStorage.get_logs("lesionlab", name)
    assert [(row["step"], row["val/iou"]) for row in rows if "val/iou" in row] == list(expected(resumed).items())
    assert {"train/loss", "process/learning_rate"} <= rows[0].keys()
    assert [row["status"] for row in rows if "status" in row] == ["stopped", "finished"]
    pictures = [row["masks"]["file_path"] for row in rows if "masks" in row]
    assert len(pictures) == 3
    assert is_picture(places / "trackio" / "media" / pictures[0])
    config = SQLiteStorage.get_run_config("lesionlab", name)
    assert config is not None
    assert (config["epochs"], config["val_photographs"]) == (3, 3)
    versions = SQLiteStorage.list_artifacts("lesionlab")
    assert [artifact["name"].split("-")[0] for artifact in versions] == ["model"]


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


@pytest.mark.usefixtures("thin_network")
def test_an_mlflow_run_goes_on_with_more_epochs_and_one_that_was_deleted_begins_anew(
    dataset: Dataset, tmp_path: Path, lab_home: Path
) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient((lab_home / "mlflow").as_uri())
    run(small(epochs=1), dataset, tmp_path)
    (experiment,) = [each.experiment_id for each in client.search_experiments() if each.name == "LesionLab"]
    (first,) = client.search_runs([experiment])
    run(small(epochs=2, schedule_from=1), dataset, tmp_path, resume=True)
    (more,) = client.search_runs([experiment])
    assert (more.info.run_id, more.info.status) == (first.info.run_id, "FINISHED")
    assert (more.data.params["epochs"], more.data.tags["now.epochs"]) == ("1", "2")
    assert [metric.step for metric in client.get_metric_history(more.info.run_id, "val/loss")] == [1, 2]
    assert not any(name.startswith("now.") for name in first.data.tags)
    client.delete_run(first.info.run_id)
    run(small(epochs=3, schedule_from=2), dataset, tmp_path, resume=True)
    (anew,) = client.search_runs([experiment])
    assert anew.info.run_id != first.info.run_id
    assert [metric.step for metric in client.get_metric_history(anew.info.run_id, "val/loss")] == [1, 2, 3]


@pytest.mark.usefixtures("thin_network")
def test_a_training_of_a_version_that_kept_no_ids_goes_on_in_tensorboard_without_doubled_epochs(
    dataset: Dataset, tmp_path: Path
) -> None:
    config = tiny_config(epochs=2, log="tensorboard", swa_fraction=0)
    run(config, dataset, tmp_path, stop_after=(2, 1))
    (tmp_path / "loggers" / "tensorboard.json").unlink()
    run(config, dataset, tmp_path, resume=True)
    steps = [step for step, _ in written(tmp_path)["iou/val"]]
    assert steps == [1, 2]
