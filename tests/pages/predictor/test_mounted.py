"""The widget as the app serves it: the endpoint over HTTP, and what the widget may not give away."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pages.predictor.blocks import NOT_UPLOADED, UNUSABLE
from seg_core.common.home import PROJECT
from tests.app_process import AppProcess
from tests.pages.predictor.helpers import BAD, NO_LONGER, MakeModel, mask_of


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The running app; unlike `app_server` it may write tracebacks, which Gradio does when it refuses a file."""
    app = AppProcess(tmp_path_factory.mktemp("predictor-home"))
    yield app
    app.stop()


def call(app: AppProcess, photo: Any, model: Any) -> Any:
    """Call the endpoint over HTTP; returns its results, or the text of its error."""
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


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([{"path": "photo.jpg", "meta": {"_type": "gradio.FileData"}}, "", "", None, False], NOT_UPLOADED),
        ([{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "", "", None, False], NOT_UPLOADED),
        ([None], UNUSABLE),  # too few
        (["photo.jpg", "", "", None, False], UNUSABLE),
        ([{"path": "photo.jpg"}, "", "", None, False], UNUSABLE),
        ([{"name": {}}, "", "", None, False], UNUSABLE),
    ],
)
def test_inputs_that_cannot_be_used_get_one_sentence_without_a_folder(app: AppProcess, data: list[Any], sentence: str) -> None:
    answer = httpx.post(f"{app.url}/predictor/gradio_api/run/predict", json={"data": data})
    assert answer.json()["error"] == sentence
    assert str(PROJECT) not in answer.text


def answers_of(app: AppProcess, model: str) -> tuple[list[Any], list[Any]]:
    """Click on an example in a request that names the first model by a path.

    Returns the measures of one answer after the other, then all values of the last answer.
    """
    config = httpx.get(f"{app.url}/predictor/config").json()
    (handler,) = [each for each in config["dependencies"] if each["api_name"] == "add_example"]
    ids = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
    sent = {"model-1": model, "model-2": "", "threshold-1": 0.5, "threshold-2": 0.5, "opacity": 40, "outline": True, "tta": False}
    sent |= {"view": "Side by side", "scale": None, "scale-unit": "mm per pixel"}
    by_id = {ids[name]: value for name, value in sent.items()}  # what is left is the session, which the server keeps
    queue, visit = f"{app.url}/predictor/gradio_api/queue", secrets.token_hex(8)
    request = {"fn_index": handler["id"], "session_hash": visit, "event_data": {"index": 0}}
    httpx.post(f"{queue}/join", json=request | {"data": [by_id.get(id) for id in handler["inputs"]]}).raise_for_status()
    answer = httpx.get(f"{queue}/data", params={"session_hash": visit}, timeout=60).text
    updates = [
        json.loads(each)["output"]["data"] for each in re.findall(r'data: (\{"msg":"process_(?:generating|completed)".*)', answer)
    ]
    place = handler["outputs"].index(ids["measures-1"])
    first, *others = (update[place] for update in updates[:-1])
    changes = [value for change in others for _, _, value in change]  # after the first answer only what differs is sent
    return [each for each in (first, *changes) if isinstance(each, str)], updates[-1]


def measures_of(app: AppProcess, model: str) -> str:
    """Return the measures of an example under the first model, after the last answer."""
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


def test_widget_is_built_without_torch(fresh_app: dict[str, Any]) -> None:
    assert fresh_app["app_loads_torch"] is False


def test_the_queue_at_rest_looks_some_dozen_times_a_second(fresh_app: dict[str, Any]) -> None:
    assert fresh_app["queue_waits"] == [0.02, 0.5]


def test_a_folder_of_the_users_is_not_the_one_that_is_swept(
    lab_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import import_gradio

    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "thesis"))
    import_gradio()
    assert Path(os.environ["GRADIO_TEMP_DIR"]) == lab_home / "cache" / "gradio"
