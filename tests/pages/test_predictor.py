"""The Predict widget without a browser: drawing, models, photographs, masks, and the endpoint /predict of the mounted widget."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import secrets
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import httpx
import numpy as np
import pytest
from PIL import Image

from pages.predictor.files import mask_name, sweep, write_picture
from pages.predictor.session import MOST_PHOTOS, Photo, Session, duration, mask_png, percent
from pages.predictor.view import view
from pages.shared import models
from pages.shared.models import LoadedModels, choices, file_key, find_model, model_at, model_name, model_names
from seg_core.common.home import PROJECT
from seg_core.errors import InputError
from seg_core.prediction.catalogue import CheckpointEntry, available_checkpoints
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import save_checkpoint
from seg_core.prediction.overlay import draw_mask, preview
from seg_core.prediction.predictor import Prediction
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import lesion, metadata_of, tiny_config

MakeModel = Callable[..., Path]
NO_LONGER = "This model is no longer there; choose another."


@pytest.fixture
def make_model(lab_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MakeModel:
    """Write an untrained checkpoint as a run of this test, or as one that ships; no other checkpoints are there."""
    from seg_core.network import build_model

    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr("seg_core.prediction.catalogue.SHIPPED_CHECKPOINTS", shipped)

    def make(run: int = 0, stem: str = "", label: str = "Model 2 · fine-tuned", threshold: float = 0.5) -> Path:
        config = tiny_config(threshold=threshold, seed=run)
        file = shipped / f"{stem}.safetensors" if stem else lab_home / f"{run:04d}" / "best.safetensors"
        save_checkpoint(file, build_model(config), metadata_of(config, label=label, metrics={"val": {"iou": 0.5}}))
        return file

    return make


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    file = tmp_path / "ISIC_1.jpg"
    Image.fromarray(lesion((120, 90))[0]).save(file, quality=95)
    return file


# SplitSpec


def test_tint_colours_the_mask_and_nothing_else() -> None:
    photo = Image.new("RGB", (4, 4), "#646464")
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    drawn = np.asarray(draw_mask(photo, mask, "#0072B2", opacity=0.5, outline=False))
    assert (drawn[~mask] == 100).all()
    # Half way from 100 to 0, 114 and 178, with the rounding of 128/255.
    np.testing.assert_allclose(drawn[mask], [[50, 107, 139]] * 4, atol=1)


def test_outline_alone_leaves_the_inside_as_it_is() -> None:
    photo = Image.new("RGB", (9, 9), "#646464")
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    drawn = np.asarray(draw_mask(photo, mask, "#D55E00", opacity=0))
    assert (drawn[3:6, 3:6] == 100).all()
    assert (drawn[2, 2:7] == (0xD5, 0x5E, 0x00)).all()
    assert (drawn[1, 2:7] < 60).all()  # the dark line beside it
    assert (drawn[0] == 100).all()
    assert (np.asarray(photo) == 100).all()  # the photograph itself is not drawn on


def test_the_outline_lies_on_both_sides_of_the_edge_and_along_the_border_of_the_photograph() -> None:
    mask = np.zeros((6, 6), bool)
    mask[:, :4] = True
    drawn = np.asarray(draw_mask(Image.new("RGB", (6, 6), "#646464"), mask, "#ff0000", opacity=0, width=1))
    row = [[255, 0, 0], [100, 100, 100], [100, 100, 100], [255, 0, 0]]
    np.testing.assert_array_equal(drawn[3, :4], row)
    assert (drawn[0, :4] == [255, 0, 0]).all()
    assert (drawn[:, 4] < 60).all()  # darkened beside it
    assert (drawn[:, 5] == 100).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((3072, 2304), (1024, 768)),
        ((800, 600), (800, 600)),
        ((300, 200), (640, 427)),
        ((20_000, 10), (1024, 1)),
        ((1, 1), (640, 640)),
    ],
)
def test_preview_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert preview(Image.new("RGB", size), 1024, 640).size == expected


def test_mask_of_another_size_and_impossible_opacity_are_refused() -> None:
    photo = Image.new("RGB", (4, 4))
    with pytest.raises(ValueError, match="does not fit"):
        draw_mask(photo, np.zeros((4, 5), bool), "#ffffff")
    with pytest.raises(ValueError, match="opacity"):
        draw_mask(photo, np.zeros((4, 4), bool), "#ffffff", opacity=40)


# Models


def test_names_and_choices(make_model: MakeModel) -> None:
    shipped, run = make_model(stem="fine-tune-best"), make_model(run=3, label="Mine")
    assert choices() == [
        ("Model 2 · fine-tuned · val IoU 0.50 at 64 px", str(shipped)),
        ("Mine, run 3 · val IoU 0.50 at 64 px", str(run)),
    ]
    assert find_model("fine-tune-best").path == find_model("Model 2 · fine-tuned").path == shipped
    assert find_model("run 3").path == find_model("Mine, run 3").path == find_model(str(run)).path == run
    with pytest.raises(InputError, match=r"no model 'best'; choose one of: Model 2 · fine-tuned; Mine, run 3\."):
        find_model("best")


def test_a_model_goes_by_what_its_run_is_called_now(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore()
    monkeypatch.setattr(models, "store", lambda: store)
    run_id = store.queue.add("first", tiny_config(), "sample").id
    renamed, gone = make_model(run=run_id), make_model(run=7, label="Gone")
    store.annotate(run_id, name="renamed")
    entries = available_checkpoints()
    assert model_names(entries) == {renamed: "renamed, run 1", gone: "Gone, run 7"}
    assert model_names(entries) == {entry.path: model_name(entry) for entry in entries}
    store.close()


def test_no_model_at_all(make_model: MakeModel) -> None:
    assert choices() == []
    with pytest.raises(InputError, match="train one first"):
        find_model("run 1")


def test_models_used_last_stay_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []

    def load(path: Path, name: str) -> object:
        loads.append(path.name)
        return object()

    monkeypatch.setattr(models, "load_checkpoint", load)
    a, b, c = (CheckpointEntry(Path(name), "Model", None, 64, modified=1) for name in "abc")
    loaded = LoadedModels(capacity=2)
    first = loaded.get(a)
    loaded.get(b)
    assert loaded.get(a) is first
    loaded.get(c)  # b was not used for longest
    assert loaded.get(a) is first
    loaded.get(b)
    assert loads == ["a", "b", "c", "b"]
    loaded.get(replace(a, modified=2))  # a run that improved
    assert loads[-1] == "a"


# Photographs, predictions, masks


def halves(photo: Photo, model: Path, left: float, right: float, threshold: float = 0.5) -> None:
    """Let a model have said one probability for the left half of a photograph and one for the right."""
    probabilities = np.repeat([[left, left, right, right]], 4, axis=0).astype(np.float32)
    photo.predictions[file_key(model_at(str(model))), False] = Prediction(probabilities, photo.size, threshold, 0.25)


def test_measures_follow_the_thresholds(make_model: MakeModel, photo_file: Path) -> None:
    photo = Photo.read(photo_file, "ISIC_1.jpg")
    one, two = make_model(run=1), make_model(run=2)
    halves(photo, one, 0.9, 0.1)
    halves(photo, two, 0.9, 0.6, threshold=0.4)
    sides, iou = view(photo, [str(one), str(two)], [None, None])
    # Bilinear scaling puts the step of the first model at its middle, where it passes 0.5; the second is lesion everywhere.
    assert [side.area for side in sides] == pytest.approx([0.5, 1], abs=0.01)
    assert [side.threshold for side in sides] == [0.5, 0.4]
    assert iou == pytest.approx(0.5, abs=0.01)
    sides, iou = view(photo, [str(one), str(two)], [0.95, 0.95])
    assert [side.area for side in sides] == [0, 0]
    assert iou == 1  # two empty masks agree
    assert view(photo, [str(one)], [None])[1] is None


def test_model_that_is_gone_says_so_in_its_place(make_model: MakeModel, photo_file: Path) -> None:
    photo = Photo.read(photo_file, "ISIC_1.jpg")
    gone, there = make_model(run=1), make_model(run=2)
    halves(photo, there, 0.9, 0.1)
    gone.unlink()
    sides, iou = view(photo, [str(gone), str(there)], [None, None])
    assert sides[0].problem == NO_LONGER
    assert sides[1].area == pytest.approx(0.5, abs=0.01)
    assert iou is None


def test_model_runs_once_for_each_photograph(make_model: MakeModel, photo_file: Path) -> None:
    model, photo = str(make_model(run=1)), Photo.read(photo_file, "ISIC_1.jpg")
    assert not photo.knows([model])
    (first,), (second,) = photo.predict([model]), photo.predict([model])
    assert first is second
    assert photo.knows([model])
    assert not photo.knows([model], tta=True)
    (averaged,) = photo.predict([model], tta=True)
    assert isinstance(first, Prediction)
    assert isinstance(averaged, Prediction)
    assert np.abs(averaged.probabilities - first.probabilities).max() > 0
    assert photo.predict([model], tta=True)[0] is averaged
    assert photo.predict([model])[0] is first


def test_deleted_upload_is_said_in_a_sentence(make_model: MakeModel, photo_file: Path) -> None:
    model, photo = str(make_model(run=1)), Photo.read(photo_file, "ISIC_1.jpg")
    photo_file.unlink()
    (problem,) = photo.predict([model])
    assert str(problem) == "ISIC_1.jpg was deleted from this machine after an hour; drop it again."


def bomb() -> bytes:
    """A PNG of a few hundred kilobytes that says it has 900 million pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = (30_000).to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def wide() -> bytes:
    file = io.BytesIO()
    Image.new("L", (20_001, 3)).save(file, "PNG")
    return file.getvalue()


def cut() -> bytes:
    file = io.BytesIO()
    Image.fromarray(lesion((200, 200))[0]).save(file, "JPEG")
    return file.getvalue()[:3000]


BAD: dict[str, tuple[bytes, str]] = {
    "notes.jpg": (b"no image", "not an image"),
    "paper.jpg": (b"%PDF-1.7\n%%EOF", "not an image"),
    "empty.jpg": (b"", "empty"),
    "cut.jpg": (cut(), "cut off"),
    "wide.png": (wide(), "20,001"),
    "bomb.png": (bomb(), "pixels"),
}


def test_bad_files_get_a_sentence_each_and_good_ones_are_kept(tmp_path: Path, photo_file: Path) -> None:
    files = []
    for name, (content, _) in BAD.items():
        (tmp_path / name).write_bytes(content)
        files.append((tmp_path / name, name))
    session = Session()
    problems = session.add([*files, (photo_file, "Läsion <1>.jpg")])
    assert [photo.name for photo in session.photos] == ["Läsion <1>.jpg"]
    assert session.photo is session.photos[0]
    for problem, (name, (_, about)) in zip(problems, BAD.items(), strict=True):
        assert problem.startswith(name)
        assert about in problem
        assert "\n" not in problem


def test_first_new_photograph_is_shown_and_their_number_is_limited(photo_file: Path) -> None:
    session = Session()
    session.add([(photo_file, "1")])
    assert session.add([(photo_file, "2"), (photo_file, "3")]) == []
    assert session.shown == 1
    (problem,) = session.add([(photo_file, "more")] * (MOST_PHOTOS + 5))
    assert problem.startswith(f"At most {MOST_PHOTOS} photographs")
    assert len(session.photos) == MOST_PHOTOS
    session.clear()
    assert session.photo is None


def test_mask_file_has_the_size_of_the_photograph(tmp_path: Path) -> None:
    prediction = Prediction(np.array([[0.9, 0.1]] * 2, np.float32), (301, 200), 0.5, 0.1)
    with Image.open(mask_png(prediction, 0.5, tmp_path, "mask.png")) as mask:
        assert (mask.size, mask.mode) == ((301, 200), "L")
        pixels = np.asarray(mask)
    assert set(np.unique(pixels)) == {0, 255}
    assert pixels[:, 0].all()
    assert not pixels[:, -1].any()


def test_words() -> None:
    assert [percent(0.1239), percent(0), percent(1)] == ["12.4 %", "0.0 %", "100.0 %"]
    assert [duration(0.84), duration(0.076), duration(0.001), duration(12)] == ["0.8 s", "0.08 s", "0.01 s", "12.0 s"]


def test_files_of_a_photograph_with_a_long_name_have_names_that_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    name = mask_name("病" * 80 + ".jpg", "a run of a hundred letters, " * 3 + "called so")
    assert name.startswith("病" * 40 + "_mask_a-run-of")
    assert len(name.encode()) <= 255
    assert Path(write_picture(b"", "病" * 83 + ".jpg")).exists()


def test_sweep_takes_old_files_and_empty_folders_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old/photo.jpg", "mixed/photo.jpg", "mixed/new.jpg", "new.jpg"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
        if file.name == "photo.jpg":
            os.utime(file, (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", Mock(side_effect=PermissionError))  # what Windows says of a file that is being read
        sweep(tmp_path, older_than=3600)
    assert (tmp_path / "old" / "photo.jpg").exists()
    sweep(tmp_path, older_than=3600)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} == {"mixed", "mixed/new.jpg", "new.jpg"}


# The endpoint, called as a function


@pytest.fixture
def predict(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Call the endpoint for a file; gives what it gives, or the sentence of its error."""
    from gradio import Error

    from pages.predictor.api import predict as endpoint

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))

    def predict(file: Path, *arguments: Any) -> Any:
        try:
            return endpoint({"path": str(file), "orig_name": file.name}, *arguments)
        except Error as error:
            return error.message

    return predict


def test_a_damaged_model_goes_by_its_name_not_by_its_path(
    predict: Callable[..., Any], make_model: MakeModel, photo_file: Path
) -> None:
    model = make_model(run=3)
    os.truncate(model, model.stat().st_size - 1000)
    (side,), _ = view(Photo.read(photo_file, "ISIC_1.jpg"), [str(model)], [None])
    sentence = "Model 2 · fine-tuned, run 3 is damaged or does not fit this version (SafetensorError); copy or train it again."
    assert side.problem == predict(photo_file, "run 3") == sentence


def mask_of(file: str) -> np.ndarray:
    with Image.open(file) as image:
        pixels = np.asarray(image)
    assert set(np.unique(pixels)) <= {0, 255}
    mask: np.ndarray = pixels == 255
    return mask


def test_endpoint_gives_both_masks_and_their_measures(
    predict: Callable[..., Any], make_model: MakeModel, photo_file: Path
) -> None:
    make_model(run=2, threshold=0.3)
    make_model(stem="fine-tune-best")
    first, second, measures = predict(photo_file)
    masks = [mask_of(first), mask_of(second)]
    assert [mask.shape for mask in masks] == [(90, 120), (90, 120)]
    assert Path(first).name == "ISIC_1_mask_model-2-fine-tuned.png"
    assert measures["models"] == ["Model 2 · fine-tuned", "Model 2 · fine-tuned, run 2"]
    assert measures["thresholds"] == [0.5, 0.3]
    assert measures["lesion_area"] == pytest.approx([mask.mean() for mask in masks])
    both, either = (masks[0] & masks[1]).sum(), (masks[0] | masks[1]).sum()
    assert measures["agreement"] == pytest.approx(both / either if either else 1)
    assert measures["size"] == [120, 90]
    assert len(measures["seconds"]) == 2


def test_endpoint_decodes_a_large_photograph_as_the_page_and_the_command_line_do(
    predict: Callable[..., Any], make_model: MakeModel, tmp_path: Path
) -> None:
    model = make_model(run=1)
    large = tmp_path / "large.jpg"
    Image.fromarray(lesion((1200, 900))[0]).save(large, quality=95)
    expected = load_checkpoint(model).predict(large)
    with Image.open(large) as photo:
        assert not np.array_equal(load_checkpoint(model).predict(photo).probabilities, expected.probabilities)
    limit = float(np.median(expected.probability()))
    file, _, measures = predict(large, "run 1", None, limit)
    np.testing.assert_array_equal(mask_of(file), expected.mask(limit))
    assert measures["size"] == [1200, 900]


def test_one_model_gives_one_mask(predict: Callable[..., Any], make_model: MakeModel, photo_file: Path) -> None:
    assert predict(photo_file) == "There is no trained model yet; train one first."
    make_model(run=6)
    make_model(run=7, label="Late")
    mask, none, measures = predict(photo_file, "run 7", "", 0.9)
    assert (Path(mask).name, none) == ("ISIC_1_mask_late-run-7.png", None)
    assert (measures["models"], measures["thresholds"], measures["agreement"]) == (["Late, run 7"], [0.9], None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run 9",), "There is no model 'run 9'; choose one of: Model 2 · fine-tuned, run 1."),
        (("", "", 2), "The threshold cannot be 2; give a number between 0 and 1."),
        (("", "", "half"), "The threshold cannot be 'half'; give a number between 0 and 1."),
    ],
)
def test_wrong_arguments_get_one_sentence(
    predict: Callable[..., Any], make_model: MakeModel, photo_file: Path, arguments: tuple[Any, ...], sentence: str
) -> None:
    make_model(run=1)
    assert predict(photo_file, *arguments) == sentence


# The endpoint of the running app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The running app; unlike `app_server` it may write tracebacks, which Gradio does when it refuses a file."""
    app = AppProcess(tmp_path_factory.mktemp("predictor-home"))
    yield app
    app.stop()


def call(app: AppProcess, photo: Any, model: Any) -> Any:
    """Call the endpoint over HTTP; gives what it gives, or the text of its error."""
    calls = f"{app.url}/predictor/gradio_api/call/predict"
    event = httpx.post(calls, json={"data": [photo, model, None, None, False]}).json()["event_id"]
    kind, content = re.findall(r"event: (\w+)\ndata: (.*)", httpx.get(f"{calls}/{event}", timeout=60).text)[-1]
    return json.loads(content)["error"] if kind == "error" else json.loads(content)


def uploaded(app: AppProcess, name: str, content: bytes) -> dict[str, Any]:
    (path,) = httpx.post(f"{app.url}/predictor/gradio_api/upload", files={"files": (name, content)}).json()
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def test_gradio_client_calls_a_checkpoint_that_appeared_later(
    app: AppProcess, make_model: MakeModel, photo_file: Path, tmp_path: Path
) -> None:
    assert "There is no" in call(app, uploaded(app, "a.jpg", photo_file.read_bytes()), "run 7")
    for run in (7, 8):
        (app.home / f"{run:04d}").mkdir()
        make_model(run=run).replace(app.home / f"{run:04d}" / "best.safetensors")
    # In a process of its own, because the client leaves event loops open.
    code = """
import sys
from gradio_client import Client, handle_file

client = Client(sys.argv[1], verbose=False, download_files=sys.argv[3], analytics_enabled=False)
first, second, measures = client.predict(
    handle_file(sys.argv[2]), model="run 7", second_model="run 8", threshold=0.5, api_name="/predict"
)
print(first, second, measures["models"], sep="\\n")
"""
    arguments = [sys.executable, "-c", code, f"{app.url}/predictor/", str(photo_file), str(tmp_path / "masks")]
    printed = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
    assert [mask_of(file).shape for file in printed[:2]] == [(90, 120)] * 2
    assert printed[2] == "['Model 2 · fine-tuned, run 7', 'Model 2 · fine-tuned, run 8']"


@pytest.mark.parametrize("name", BAD)
def test_bad_uploads_get_one_sentence(app: AppProcess, name: str) -> None:
    content, about = BAD[name]
    sentence = call(app, uploaded(app, name, content), "")
    assert sentence.startswith(name)
    assert about in sentence
    assert "\n" not in sentence


def test_files_that_nobody_uploaded_are_refused(app: AppProcess, photo_file: Path) -> None:
    file = {"path": str(photo_file), "meta": {"_type": "gradio.FileData"}}
    assert "not uploaded" in call(app, file, "")
    assert "not uploaded" in call(app, None, file)
    for path in (photo_file, PROJECT / "app.py", "/etc/passwd"):
        assert httpx.get(f"{app.url}/predictor/gradio_api/file={path}").status_code in (403, 404)


def answers_of(app: AppProcess, model: str) -> tuple[list[Any], list[Any]]:
    """What the widget answers to a click on an example when a request names the first model by a path.

    First what it says of the measures, one answer after the other, then all values of the last answer.
    """
    config = httpx.get(f"{app.url}/predictor/config").json()
    (handler,) = [each for each in config["dependencies"] if each["api_name"] == "add_example"]
    (measures,) = [each["id"] for each in config["components"] if each["props"].get("elem_id") == "measures-1"]
    queue, visit = f"{app.url}/predictor/gradio_api/queue", secrets.token_hex(8)
    request = {"fn_index": handler["id"], "session_hash": visit, "event_data": {"index": 0}}
    httpx.post(f"{queue}/join", json=request | {"data": [None, model, "", 0.5, 0.5, 40, True, False]}).raise_for_status()
    answer = httpx.get(f"{queue}/data", params={"session_hash": visit}, timeout=60).text
    updates = [
        json.loads(each)["output"]["data"] for each in re.findall(r'data: (\{"msg":"process_(?:generating|completed)".*)', answer)
    ]
    place = handler["outputs"].index(measures)
    first, *others = (update[place] for update in updates[:-1])
    changes = [value for change in others for _, _, value in change]  # after the first answer only what differs is sent
    return [each for each in (first, *changes) if isinstance(each, str)], updates[-1]


def measures_of(app: AppProcess, model: str) -> str:
    """What the widget says in the end of an example under the first model."""
    return str(answers_of(app, model)[0][-1])


def test_an_answer_that_is_complete_changes_nothing_more(app: AppProcess) -> None:
    said, last = answers_of(app, str(PROJECT / "checkpoints" / "fine-tune-best.safetensors"))
    assert "Computing" in said[0]
    assert "Lesion area" in said[-1]
    # Gradio sends the last answer twice: had it a picture, it would come back over one that was asked for meanwhile.
    assert set(re.findall(r"\w+", json.dumps(last))) <= {"null", "props", "__type__", "update"}


def test_a_request_cannot_name_a_file_that_is_no_choice(app: AppProcess, make_model: MakeModel, tmp_path: Path) -> None:
    folder, model = app.home / "0009", make_model(run=9)
    folder.mkdir()
    listed = model.rename(folder / "best.safetensors")
    model_elsewhere = make_model(run=10)  # in the home of this test, which is not the app's
    assert "esion" in measures_of(app, str(listed))
    refused = {
        measures_of(app, str(path))
        for path in (model_elsewhere, "/etc/passwd", tmp_path, tmp_path / "missing", f"{folder}/../0009/best.safetensors")
    }
    assert refused == {f'<div class="problem" role="alert"><p>{NO_LONGER}</p></div>'}


def test_only_one_endpoint_is_public_and_described(app: AppProcess) -> None:
    endpoints = httpx.get(f"{app.url}/predictor/gradio_api/info").json()["named_endpoints"]
    assert list(endpoints) == ["/predict"]
    parameters = [parameter["parameter_name"] for parameter in endpoints["/predict"]["parameters"]]
    assert parameters == ["photo", "model", "second_model", "threshold", "tta"]
    assert "Segment the lesion" in endpoints["/predict"]["description"]


def test_page_fetches_nothing_from_elsewhere(app: AppProcess) -> None:
    style = httpx.get(f"{app.url}/predictor/theme.css").text
    assert "http" not in style.replace("http://www.w3.org/2000/svg", "")
    assert "system-ui" in style
    config = httpx.get(f"{app.url}/predictor/config").json()
    assert (config["analytics_enabled"], config.get("stylesheets") or []) == (False, [])
    assert "frameElement" in httpx.get(f"{app.url}/predictor/").text  # the script that fits the widget into the page


def test_widget_is_built_without_torch() -> None:
    code = "import sys; from pages.predictor import build_predictor; build_predictor(); print('torch' in sys.modules)"
    environment = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False"}
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "False"


REST = """
import asyncio
from pages.predictor import build_predictor

queue, waits = build_predictor()._queue, []
async def sleep(seconds):
    waits.append(seconds)
    queue.stopped = True
asyncio.sleep = sleep
for loop in (queue.start_processing, queue.start_progress_updates):
    queue.stopped = False
    asyncio.run(loop())
print(waits)
"""


def test_the_queue_at_rest_looks_some_dozen_times_a_second() -> None:
    environment = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False"}
    printed = subprocess.run(
        [sys.executable, "-c", REST], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[0.02, 0.5]"


# What the page is told


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    import gradio

    from pages.predictor.handlers import Handlers
    from pages.predictor.widget import _layout

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))

    async def make() -> Any:
        with gradio.Blocks(analytics_enabled=False):
            return Handlers(_layout([]), [])

    # Without a running loop Gradio opens loops that nobody closes; in this thread the browser of other tests may have one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, make()).result()


def shown_by(updates: Iterable[dict[Any, Any]]) -> dict[Any, Any]:
    """What the page shows after some updates."""
    page: dict[Any, Any] = {}
    for update in updates:
        page |= update
    return page


def test_choices_follow_the_checkpoints(handlers: Any, make_model: MakeModel) -> None:
    parts, (first, second) = handlers.parts, handlers.parts.sides
    page: dict[str, Any] = {"known": None, "first": None, "second": None}

    def look() -> tuple[bool | None, str | None, str | None]:
        """Whether the note is shown, and what the two choices show, once the page has looked."""
        update = handlers.refresh(*page.values())
        page["known"] = update[parts.known]
        page["first"] = update.get(first.choice, {}).get("value", page["first"])
        page["second"] = update.get(second.choice, {}).get("value", page["second"])
        return update.get(parts.note, {}).get("visible"), page["first"], page["second"]

    assert look() == (True, None, "")
    one = str(make_model(run=1))
    assert look() == (False, one, "")
    two = str(make_model(run=2))
    assert look() == (False, one, two)
    assert look() == (None, one, two)  # nothing is new
    page["second"] = ""
    three = str(make_model(run=3))
    assert look() == (False, one, "")  # with models to choose from, none was meant
    page["second"] = two
    Path(one).unlink()
    _, now, other = look()
    assert now in (two, three)
    assert other == two


def test_a_model_that_is_being_chosen_is_not_replaced_by_the_one_before(handlers: Any, make_model: MakeModel) -> None:
    one, two = str(make_model(run=1)), str(make_model(run=2))
    known = handlers.refresh(None, None, None)[handlers.parts.known]
    make_model(run=3)
    update = handlers.refresh(known, one, two)
    for side in handlers.parts.sides:
        assert len(update[side.choice]["choices"]) >= 3
        assert "value" not in update[side.choice]


def test_slider_is_set_only_for_a_new_model(handlers: Any, make_model: MakeModel, photo_file: Path) -> None:
    session, parts = Session(), handlers.parts
    session.add([(photo_file, "ISIC_1.jpg")])
    assert session.photo
    one = str(make_model(run=1))
    halves(session.photo, Path(one), 0.9, 0.6, threshold=0.4)
    update = shown_by(handlers.show(session, one, "", 0.5, 0.5, 40, True, False))
    assert update[parts.sides[0].threshold] == 0.4
    assert "100.0 %" in update[parts.sides[0].measures]
    update = handlers.redraw(session, one, "", 0.8, 0.5, 40, True, False)
    assert parts.sides[0].threshold not in update
    assert "100.0 %" not in update[parts.sides[0].measures]


def test_a_number_that_is_being_typed_is_never_out_of_range_nor_missing(
    handlers: Any, make_model: MakeModel, photo_file: Path
) -> None:
    session, (side, _) = Session(), handlers.parts.sides
    session.add([(photo_file, "ISIC_1.jpg")])
    assert session.photo
    one = str(make_model(run=1))
    halves(session.photo, Path(one), 1, 0.3)
    list(handlers.show(session, one, "", 0.5, 0.5, 40, True, False))

    def drawn(threshold: float | None) -> str:
        update = handlers.redraw(session, one, "", threshold, 0.5, 40, True, False)
        assert side.threshold not in update  # nothing is written into a field that is being typed in
        return str(update[side.measures])

    areas = {threshold: drawn(threshold) for threshold in (0.01, 0.6, 0.99)}
    assert len(set(areas.values())) == 3
    assert (drawn(55), drawn(None), drawn(-1), drawn(0.6), drawn(None)) == tuple(
        areas[each] for each in (0.99, 0.99, 0.01, 0.6, 0.6)
    )
    for opacity in (150, -10, None):
        assert side.picture in handlers.redraw(session, one, "", 0.5, 0.5, opacity, True, False)


def test_the_mask_to_download_is_the_one_that_is_drawn(
    handlers: Any, make_model: MakeModel, photo_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    session = Session()
    session.add([(photo_file, "ISIC_1.jpg")])
    assert session.photo
    one, two = str(make_model(run=1)), str(make_model(run=2))
    halves(session.photo, Path(one), 0.9, 0.6)
    halves(session.photo, Path(two), 0.9, 0.6, threshold=0.4)

    def share(model: str) -> float:
        with Image.open(handlers.mask_file(0, session, model, False)) as mask:
            return float(np.mean(np.asarray(mask) > 0))

    list(handlers.show(session, one, "", 0.5, 0.5, 40, True, False))
    assert share(one) == 1
    handlers.redraw(session, one, "", 0.8, 0.5, 40, True, False)
    assert 0.4 < share(one) < 0.6
    assert share(two) == 1  # chosen this moment: at its own threshold, whatever the slider says still


def test_a_photograph_that_comes_before_the_page_knows_of_models_gets_the_first_two(
    handlers: Any, make_model: MakeModel, photo_file: Path
) -> None:
    session, (one, two) = Session(), handlers.parts.sides
    session.add([(photo_file, "ISIC_1.jpg")])
    assert session.photo
    paths = [make_model(stem="a", label="Model 1"), make_model(stem="b", label="Model 2")]
    for path in paths:
        halves(session.photo, path, 0.9, 0.6, threshold=0.75)
    for first, second in ((None, None), (str(paths[0]), str(paths[1]))):  # then the page knows them, its sliders still at 0.5
        update = shown_by(handlers.show(session, first, second, 0.5, 0.5, 40, True, False))
        for side in (one, two):
            assert update[side.result]["visible"]
            assert "50.0 %" in update[side.measures]
            assert update[side.threshold] == 0.75
        assert update[one.tools]["visible"]
        assert update[handlers.parts.both]["visible"]
    update = shown_by(handlers.show(session, str(paths[0]), "", 0.75, 0.75, 40, True, False))
    assert not update[two.result]["visible"]


def test_an_answer_that_took_long_is_not_shown_over_a_later_one(
    handlers: Any, make_model: MakeModel, photo_file: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.jpg"
    slow.write_bytes(photo_file.read_bytes())
    session, parts = Session(), handlers.parts
    session.add([(photo_file, "quick.jpg"), (slow, "slow.jpg")])
    one = str(make_model(run=1))
    halves(session.photos[0], Path(one), 0.9, 0.6)
    values = (session, one, "", 0.5, 0.5, 40, True, False)

    session.shown = 1
    answer = handlers.show(*values)
    assert "Computing" in next(answer)[parts.sides[0].measures]
    session.shown = 0
    quick = shown_by(handlers.show(*values))
    assert "100.0 %" in quick[parts.sides[0].measures]
    assert list(answer) == [{parts.session: session}]
    assert session.photos[1].knows([one])  # it was not for nothing

    session.shown = 1
    other = handlers.show(*values[:-1], True)
    next(other)
    handlers.clear(session)
    assert list(other) == [{parts.session: session}]


def test_what_is_asked_for_while_photographs_are_read_is_shown(
    handlers: Any, make_model: MakeModel, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, parts = Session(), handlers.parts
    one, other = (str(make_model(stem=stem, label=stem)) for stem in ("one", "other"))

    def read(file: Path, name: str) -> Photo:
        photo = genuine(file, name)
        halves(photo, Path(one), 0.1, 0.1)
        halves(photo, Path(other), 0.9, 0.3, threshold=0.2)
        return photo

    genuine = Photo.read
    monkeypatch.setattr(Photo, "read", read)
    session.add([(photo_file, "before.jpg")])
    list(handlers.show(session, one, "", 0.5, 0.5, 40, True, False))

    def read_while_another_is_chosen(file: Path, name: str) -> Photo:
        asked = shown_by(handlers.show(session, other, "", 0.5, 0.5, 40, True, False))
        assert asked[parts.sides[0].threshold] == 0.2
        return read(file, name)

    monkeypatch.setattr(Photo, "read", read_while_another_is_chosen)
    files = [{"path": str(photo_file), "orig_name": "new.jpg"}]
    page = shown_by(handlers.add_uploads(files, session, one, "", 0.5, 0.5, 40, True, False))
    assert session.photo
    assert session.photo.name == "new.jpg"
    assert "100.0 %" in page[parts.sides[0].measures]  # by the other model, at its own threshold
    assert page[parts.uploads] is None


def test_photographs_dropped_together_with_others_are_shown(photo_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, read = Session(), Photo.read

    def read_beside_another(file: Path, name: str) -> Photo:
        monkeypatch.setattr(Photo, "read", read)
        session.add([(photo_file, "quick.jpg")])
        return read(file, name)

    monkeypatch.setattr(Photo, "read", read_beside_another)
    session.add([(photo_file, "slow.jpg")])
    assert [photo.name for photo in session.photos] == ["quick.jpg", "slow.jpg"]
    assert session.photo
    assert session.photo.name == "slow.jpg"


def test_names_are_shown_as_text(handlers: Any, make_model: MakeModel, photo_file: Path) -> None:
    session = Session()
    session.add([(photo_file, '<img src=x onerror="alert(1)">')])
    update = shown_by(handlers.show(session, None, "", 0.5, 0.5, 40, True, False))
    assert "<img src=x" not in json.dumps(update[handlers.parts.strip])
    update = handlers.clear(session)
    assert update[handlers.parts.both]["visible"] is False


def test_a_folder_of_the_users_is_not_the_one_that_is_swept(
    lab_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import keep_gradio_at_home

    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "thesis"))
    keep_gradio_at_home()
    assert Path(os.environ["GRADIO_TEMP_DIR"]) == lab_home / "cache" / "gradio"


def test_a_model_can_be_taken_away_as_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gradio as gr
    import onnx

    from pages.predictor.handlers import Handlers

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    handlers = Handlers(cast(Any, None), [])
    (_, model), *_ = choices()
    file = Path(handlers.model_file(model))
    assert file.suffix == ".onnx"
    assert tmp_path in file.parents
    onnx.checker.check_model(onnx.load(file))
    with pytest.raises(gr.Error, match="no longer there"):
        handlers.model_file("/etc/passwd")
