"""What arrives at an address, by kind, and what is said of one that fails."""

from __future__ import annotations

import json
import re
from datetime import datetime

import apprise
import pytest

from seg_core.common.home import PROJECT
from seg_core.runs.alerts import channels
from seg_core.runs.alerts.channels import NOT_UNDERSTOOD, Result, send
from seg_core.runs.alerts.message import Alert
from tests.alert_server import SECRET, AlertServer, mail_server

APP = "http://lab.example:8501"
FACTS = {"run": 3, "name": "first try", "label": "#3 first try", "status": "finished", "epoch": 4, "epochs": 4, "best_iou": 0.87}
ALERT = Alert(12, "finished", 1_700_000_000.0, FACTS)
TOLD = {
    **{"id": 12, "event": "finished", **FACTS, "reason": None},
    "title": "#3 first try has finished",
    "message": "Best validation IoU 0.870 after 4 of 4 epochs.",
    "time": "2023-11-14T22:13:20+00:00",
    "link": f"{APP}/monitor?run=3",
}


def test_a_webhook_gets_the_fields(server: AlertServer) -> None:
    assert send(server.address(), ALERT, APP) == Result()
    assert server.received == [("hook", TOLD)]


def test_apprises_webhook_gets_the_same_fields_and_its_own(server: AlertServer) -> None:
    assert send(server.address(scheme="json"), ALERT, APP) == Result()
    ((_, fields),) = server.received
    assert {name: fields[name] for name in TOLD} == TOLD
    assert (fields["version"], fields["type"]) == ("1.0", "success")


def test_ntfy_gets_title_message_and_link(server: AlertServer) -> None:
    assert send(f"ntfy://127.0.0.1:{server.server_port}/lab", ALERT, APP) == Result()
    ((_, fields),) = server.received
    assert (fields["topic"], fields["title"]) == ("lab", TOLD["title"])
    assert fields["message"] == f"{TOLD['message']}\n{TOLD['link']}"


def test_an_e_mail_arrives() -> None:
    with mail_server() as server:
        assert send(server.address, ALERT, APP) == Result()
        (mail,) = server.received
    assert (mail["Subject"], mail["To"]) == (TOLD["title"], "me@example.org")
    text = "".join(str(part.get_payload(decode=True)) for part in mail.walk() if not part.is_multipart())
    assert str(TOLD["message"]) in text
    assert str(TOLD["link"]) in text


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "Slack"),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "Slack"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "Discord"),
        ("https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "Discord"),
        ("mailto://me:pass@gmail.com", "E-Mail"),
        ("ntfy://topic", "ntfy"),
    ],
)
def test_addresses_of_services_are_understood(url: str, name: str) -> None:
    service = channels._service(url)
    assert isinstance(service, apprise.NotifyBase)
    assert str(service.service_name) == name


@pytest.mark.parametrize(
    ("url", "why", "again"),
    [
        (f"{{}}/301/{SECRET}", "it answered 301 (Moved Permanently)", False),
        (f"{{}}/404/{SECRET}", "it answered 404 (Not Found)", False),
        (f"{{}}/429/{SECRET}", "it answered 429 (Too Many Requests)", True),
        (f"{{}}/500/{SECRET}", "it answered 500 (Internal Server Error)", True),
        (f"http://127.0.0.1:1/{SECRET}", "it refused the connection", True),
        (f"http://{SECRET}.invalid/", "its host was not found", True),
        (f"unheard-of://{SECRET}", NOT_UNDERSTOOD, False),
        (f"slack://{SECRET}", NOT_UNDERSTOOD, False),
        (f"http://{SECRET}:port/", NOT_UNDERSTOOD, False),
        (f"file:///etc/{SECRET}", NOT_UNDERSTOOD, False),
        (f"http://[{SECRET}/", NOT_UNDERSTOOD, False),
    ],
)
def test_what_fails_is_said_without_the_address(server: AlertServer, url: str, why: str, again: bool) -> None:
    assert send(url.format(f"http://127.0.0.1:{server.server_port}"), ALERT) == Result(why, again)


def test_the_documentation_shows_what_is_sent_and_addresses_that_are_understood() -> None:
    text = (PROJECT / "docs" / "alerts.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    shown = json.loads(block)
    facts = {name: shown[name] for name in ("run", "name", "label", "status", "epoch", "epochs", "best_iou", "reason")}
    told = Alert(shown["id"], shown["event"], datetime.fromisoformat(shown["time"]).timestamp(), facts)
    assert told.to_json("http://localhost:8501") == shown
    rows = "".join(line for line in text.splitlines() if line.startswith("| "))
    urls = re.findall(r"`([a-z]+://[^`]+)`", rows)
    assert len(urls) == 5
    assert all(channels._service(url) or channels._web_address(url) for url in urls)
