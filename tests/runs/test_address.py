"""Addresses: every spelling of a run or a group, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.errors import InputError
from seg_core.runs.address import Address, parse_address, parse_run_id, short_key
from seg_core.runs.groups import by_key
from seg_core.runs.store import RunStore
from tests.helpers import tiny_config


@pytest.mark.parametrize(
    ("text", "number", "is_group"),
    [
        ("3", 3, False),
        ("#3", 3, False),
        (" 12 ", 12, False),
        ("run 3", 3, False),
        ("Run 3", 3, False),
        ("run3", 3, False),
        ("run #3", 3, False),
        ("007", 7, False),
        ("g3", 3, True),
        ("G3", 3, True),
        ("g 3", 3, True),
        ("group 3", 3, True),
        ("GROUP  3", 3, True),
        ("group #3", 3, True),
    ],
)
def test_every_spelling_has_one_meaning(text: str, number: int, is_group: bool) -> None:
    address = parse_address(text)
    assert address == Address(number, is_group)
    assert address.key == short_key(text) == (f"g{number}" if is_group else str(number))
    assert parse_address(address.key) == address


@pytest.mark.parametrize(
    "text", ["", " ", "g", "run", "#", "-3", "3.0", "3 4", "runs 3", "gg3", "##3", "x" * 500, "9" * 20, "\u0663"]
)
def test_what_is_no_address_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r" names no run and no group; write 3 for run 3, or g3 for group 3\.$") as refused:
        parse_address(text)
    assert len(str(refused.value)) < 150
    assert short_key(text) == text


def test_a_group_is_no_run() -> None:
    assert parse_run_id("run 3") == 3
    with pytest.raises(InputError, match=r"^g3 is a group, and this takes one run; give the number of one of its runs\.$"):
        parse_run_id("g3")


def test_runs_and_groups_by_their_keys(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "lesionlab.db")
    alone = store.queue.add("alone", tiny_config(), "sample")
    store.queue.add_group("a try", tiny_config().repeated(seeds=2), "sample")
    found = by_key(store.list_runs())
    assert list(found) == ["3", "2", "1", "g2"]
    assert found[alone.key] == alone
    assert all(one.key == key for key, one in found.items())
    store.close()
