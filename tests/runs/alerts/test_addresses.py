"""Addresses: where they come from, and that only their names are shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from seg_core.errors import InputError
from seg_core.runs.alerts.addresses import FILE, VARIABLE, add_address, addresses, has_addresses, remove_address


def test_they_come_from_the_environment_and_from_the_file(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_addresses(lab_home)
    monkeypatch.setenv(VARIABLE, "slack://a/b/c, ntfy://topic?to=x,y\n https://example.org/hook ")
    (lab_home / FILE).write_text(
        "# mine\n\n  mailto://me:pass@example.org \nhttps://hooks.slack.com/services/A/B/C\nntfy://topic?to=x,y\n"
    )
    found = addresses(lab_home)
    assert [(each.name, each.url, each.is_in_file) for each in found] == [
        ("Slack 1", "slack://a/b/c", False),
        ("ntfy", "ntfy://topic?to=x,y", False),
        ("Webhook", "https://example.org/hook", False),
        ("E-mail", "mailto://me:pass@example.org", True),
        ("Slack 2", "https://hooks.slack.com/services/A/B/C", True),
    ]
    assert "pass" not in repr(found)


@pytest.mark.parametrize("text", ["hunter2", "secret.example.org/hook", "hunter2-is-no-scheme://x", "http://[secret"])
def test_what_is_no_address_gives_nothing_of_itself_away(lab_home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    (found,) = addresses(lab_home)
    assert found.name in ("Address", "Webhook")


def test_the_file_is_for_its_owner_alone_and_keeps_what_people_wrote(lab_home: Path) -> None:
    (lab_home / FILE).write_text("# mine\n")
    (lab_home / FILE).chmod(0o644)
    add_address(lab_home, " ntfy://topic \n")
    add_address(lab_home, "json://localhost/a")
    assert (lab_home / FILE).read_text() == "# mine\nntfy://topic\njson://localhost/a\n"
    if os.name == "posix":
        assert stat.S_IMODE((lab_home / FILE).stat().st_mode) == 0o600
    remove_address(lab_home, addresses(lab_home)[0])
    assert (lab_home / FILE).read_text() == "# mine\njson://localhost/a\n"


@pytest.mark.parametrize("text", ["", "example.org/hook", "ntfy://to pic", "ntfy://known", f"ntfy://{'x' * 2000}"])
def test_one_that_cannot_be_kept_is_one_sentence_without_it(lab_home: Path, text: str) -> None:
    add_address(lab_home, "ntfy://known")
    with pytest.raises(InputError, match=r"This is no address; begin it with|This address is there already") as refused:
        add_address(lab_home, text)
    assert not text or text not in str(refused.value)
    assert len(addresses(lab_home)) == 1


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pipes with names")
def test_a_pipe_in_place_of_the_file_is_not_waited_for(lab_home: Path) -> None:
    os.mkfifo(lab_home / FILE)
    assert addresses(lab_home) == []
