"""Viewers who try to change something, past the buttons that they do not have."""

from __future__ import annotations

from textwrap import dedent

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest
from websockets.sync.client import ClientConnection, connect

from seg_core.common.tokens import Tokens
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import PASSWORD, VIEWER_PASSWORD

REFUSED = "You are signed in as a viewer: you see everything, and change nothing."


def cookie(app: AppProcess, password: str) -> str:
    name, value = next(iter(httpx.post(f"{app.url}/sign-in", data={"password": password}).cookies.items()))
    return f"{name}={value}"


def run_page(socket: ClientConnection, message: BackMsg) -> list[ForwardMsg]:
    """Have a page drawn as its script asks for it, and return what the browser would get."""
    socket.send(message.SerializeToString())
    answers: list[ForwardMsg] = []
    while not answers or answers[-1].WhichOneof("type") != "script_finished":
        answer = ForwardMsg()
        answer.ParseFromString(socket.recv(timeout=30))
        answers.append(answer)
    return answers


@pytest.mark.parametrize(("password", "slots"), [(VIEWER_PASSWORD, 1), (PASSWORD, 3)])
def test_a_forged_message_of_a_page_changes_nothing(attacked_app: AppProcess, password: str, slots: int) -> None:
    """Sets the number of runs at a time by the websocket, as if the field were not disabled: refused, unless by the owner."""
    headers = {"cookie": cookie(attacked_app, password), "x-lesionlab-role": "owner"}
    with connect(f"{attacked_app.url.replace('http', 'ws')}/_stcore/stream", additional_headers=headers, max_size=None) as socket:
        asked = BackMsg()
        asked.rerun_script.page_name = "monitor"
        drawn = run_page(socket, asked)
        fields = [answer.delta.new_element.number_input for answer in drawn if answer.delta.new_element.HasField("number_input")]
        (field,) = [field for field in fields if field.label == "Runs that train at a time"]
        assert field.disabled is (password == VIEWER_PASSWORD)
        asked.rerun_script.widget_states.widgets.add(id=field.id, double_value=3)
        run_page(socket, asked)
    store = RunStore(attacked_app.home / "lesionlab.db")
    assert store.queue.slots() == slots
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        "store().queue.add('', Config.of(), 'sample')",
        "store().queue.add_group('', Config.of().repeated(seeds=2, folds=1), 'sample')",
        "store().queue.set_slots(2)",
        "store().queue.stop(1)",
        "store().queue.resume(1)",
        "store().queue.extend(1, 2)",
        "store().queue.move(1, 1)",
        "store().queue.cancel_stop(1)",
        "store().annotate(1, name='mine')",
        "store().delete(1)",
        "jobs().submit(fetch_request('/data'))",
        "jobs().cancel(1)",
    ],
)
def test_code_of_a_page_changes_nothing_for_a_viewer(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs as a page does, with no button in between; whoever is not known to be the owner counts as a viewer."""
    script = f"""
        from pages.shared.stores import jobs, store
        from seg_core.config import Config
        from seg_core.jobs.requests import fetch_request
        store.cache_clear(), jobs.cache_clear()
        {change}
    """
    monkeypatch.setenv("LESIONLAB_VIEWER_PASSWORD", VIEWER_PASSWORD)
    page = AppTest.from_string(dedent(script)).run(timeout=30)
    assert [problem.message for problem in page.exception] == [REFUSED]


def test_the_api_refuses_viewers_whatever_way_they_sign_in(attacked_app: AppProcess) -> None:
    token = {"authorization": f"Bearer {Tokens(attacked_app.home / 'tokens').add('wall', 'viewer')}"}
    for headers, auth in (({"cookie": cookie(attacked_app, VIEWER_PASSWORD)}, None), ({}, ("", VIEWER_PASSWORD)), (token, None)):
        with httpx.Client(base_url=attacked_app.url, headers=headers, auth=auth) as viewer:
            of_runs = ("runs/1/resume", "runs/1/stop", "runs/1/move?by=1", "runs/1/keep-going", "jobs/1/cancel")
            for path in (*of_runs, "collections/Clinic/a?base=0", "collections/Clinic/a/restore?version=1"):
                answer = viewer.post(f"/api/{path}", headers={"x-lesionlab-role": "owner"})
                assert (answer.status_code, answer.json()) == (403, {"detail": REFUSED})
            for method, path in (("POST", "runs"), ("PATCH", "runs/1"), ("DELETE", "runs/1"), ("DELETE", "groups/1")):
                answer = viewer.request(method, f"/api/{path}", json={"data": "sample"})
                assert (answer.status_code, answer.json()) == (403, {"detail": REFUSED})
            assert viewer.get("/api/runs/1").json()["status"] == "stopped"
