"""Loggers: what each real one holds in its offline mode, after a training that was stopped and resumed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event as Logged

from seg_core.data.dataset import Dataset
from seg_core.training.events import Message
from seg_core.training.loggers.wandb_files import last_epoch, records
from tests.helpers import thin_networks, tiny_config
from tests.training.trainings import Trained, home_in, run

pytestmark = pytest.mark.usefixtures("logger_places")

ALL = "tensorboard,wandb,mlflow,trackio"
PHOTOGRAPHS = 3


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


def test_trackio_has_one_run_with_all_of_it(resumed: Trained, logger_places: Path) -> None:
    from trackio.sqlite_storage import SQLiteStorage

    (name,) = SQLiteStorage.get_runs("lesionlab")
    assert name.startswith("a try ")
    rows = SQLiteStorage.get_logs("lesionlab", name)
    assert [(row["step"], row["val/iou"]) for row in rows if "val/iou" in row] == list(expected(resumed).items())
    assert {"train/loss", "process/learning_rate"} <= rows[0].keys()
    assert [row["status"] for row in rows if "status" in row] == ["stopped", "finished"]
    pictures = [row["masks"]["file_path"] for row in rows if "masks" in row]
    assert len(pictures) == 3
    assert is_picture(logger_places / "trackio" / "media" / pictures[0])
    config = SQLiteStorage.get_run_config("lesionlab", name)
    assert config is not None
    assert (config["epochs"], config["val_photographs"]) == (3, 3)
    versions = SQLiteStorage.list_artifacts("lesionlab")
    assert [artifact["name"].split("-")[0] for artifact in versions] == ["model"]


@pytest.mark.usefixtures("thin_network")
def test_an_mlflow_run_goes_on_with_more_epochs_and_one_that_was_deleted_begins_anew(
    dataset: Dataset, tmp_path: Path, lab_home: Path
) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient((lab_home / "mlflow").as_uri())
    run(tiny_config(swa_fraction=0, log="mlflow", epochs=1), dataset, tmp_path)
    (experiment,) = [each.experiment_id for each in client.search_experiments() if each.name == "LesionLab"]
    (first,) = client.search_runs([experiment])
    run(tiny_config(swa_fraction=0, log="mlflow", epochs=2, schedule_from=1), dataset, tmp_path, resume=True)
    (more,) = client.search_runs([experiment])
    assert (more.info.run_id, more.info.status) == (first.info.run_id, "FINISHED")
    assert (more.data.params["epochs"], more.data.tags["now.epochs"]) == ("1", "2")
    assert [metric.step for metric in client.get_metric_history(more.info.run_id, "val/loss")] == [1, 2]
    assert not any(name.startswith("now.") for name in first.data.tags)
    client.delete_run(first.info.run_id)
    run(tiny_config(swa_fraction=0, log="mlflow", epochs=3, schedule_from=2), dataset, tmp_path, resume=True)
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


@pytest.mark.usefixtures("thin_network")
def test_epochs_that_a_killed_training_left_out_of_wandbs_file_are_logged_again(dataset: Dataset, tmp_path: Path) -> None:
    config = tiny_config(epochs=4, log="wandb", swa_fraction=0)
    run(config, dataset, tmp_path, stop_after=(4, 1))
    (file,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    id = json.loads((tmp_path / "loggers" / "wandb.json").read_text())["id"]
    assert (last_epoch(tmp_path, id), last_epoch(tmp_path, "another")) == (3, None)
    whole = file.read_bytes()
    for found in reversed(list(re.finditer(b"val/iou", whole))):
        file.write_bytes(whole[: found.start()])
        if last_epoch(tmp_path, id) == 1:
            break
    assert last_epoch(tmp_path, id) == 1
    run(config, dataset, tmp_path, resume=True)
    kept = sorted((tmp_path / "wandb").glob("offline-run-*"), key=lambda folder: folder.stat().st_mtime)
    steps = [[each["_step"] for each in attempt(folder).history if "val/iou" in each] for folder in kept]
    assert sorted(steps) == [[1], [2, 3, 4]]
