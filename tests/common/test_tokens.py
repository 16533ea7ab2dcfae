"""Tokens: made once, kept as digests, gone for every process at once."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from seg_core.common.tokens import PREFIX, USED_EVERY, Tokens
from seg_core.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "tokens"


def test_a_token_is_found_and_kept_nowhere(folder: Path) -> None:
    tokens = Tokens(folder)
    token = tokens.add("  nightly   job ", "viewer")
    assert token.startswith(PREFIX)
    assert len(token) == len(PREFIX) + 43  # 256 bits in base64
    (file,) = folder.iterdir()
    assert file.name == sha256(token.encode()).hexdigest()
    assert token[len(PREFIX) :] not in file.read_text(encoding="utf-8")
    if os.name == "posix":
        assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o700, 0o600)
    found = Tokens(folder).find(token)
    assert found is not None
    assert (found.name, found.role, found.used) == ("nightly job", "viewer", None)


def test_its_last_use_is_noted_to_a_minute(folder: Path) -> None:
    tokens = Tokens(folder)
    token = tokens.add("nightly", "owner")
    tokens.find(token)
    (used,) = tokens.list()
    assert used.used is not None
    assert abs(used.used - used.made) < USED_EVERY
    (file,) = folder.iterdir()
    os.utime(file, (used.used - 10,) * 2)
    tokens.find(token)
    assert tokens.list()[0].used == pytest.approx(used.used - 10)
    os.utime(file, (used.used - 2 * USED_EVERY,) * 2)
    tokens.find(token)
    assert tokens.list()[0].used == pytest.approx(used.used, abs=USED_EVERY)


def test_a_removed_token_is_worthless_at_once(folder: Path) -> None:
    tokens = Tokens(folder)
    first, second = tokens.add("first", "owner"), tokens.add("second", "owner")
    Tokens(folder).remove("first")
    assert tokens.find(first) is None
    assert tokens.find(second) is not None
    assert [token.name for token in tokens.list()] == ["second"]


@pytest.mark.parametrize("given", ["", "lesionlab_", "../lesionlab.db", "a" * 100_000, "\udcff", "x\x00y"])
def test_what_is_no_token_is_not_found(folder: Path, given: str) -> None:
    tokens = Tokens(folder)
    assert tokens.find(given) is None
    tokens.add("nightly", "owner")
    assert tokens.find(given) is None


@pytest.mark.parametrize("name", ["", "   ", "a" * 61, "a\x1b[2Jb"])
def test_a_name_has_to_be_readable(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="A token needs a name of 1 to 60 characters"):
        Tokens(folder).add(name, "owner")


def test_names_are_unique_and_known(folder: Path) -> None:
    tokens = Tokens(folder)
    with pytest.raises(InputError, match="There is no token nightly; there are none"):
        tokens.remove("nightly")
    tokens.add("nightly", "owner")
    with pytest.raises(InputError, match="There is a token nightly; choose another name"):
        tokens.add("nightly", "viewer")
    with pytest.raises(InputError, match="There is no token weekly; there are: nightly"):
        tokens.remove("weekly")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', '{"name": "x", "role": "owner", "made": "soon"}', "\x00"])
def test_a_damaged_file_is_no_token(folder: Path, text: str) -> None:
    tokens = Tokens(folder)
    token = tokens.add("nightly", "owner")
    (file,) = folder.iterdir()
    file.write_text(text, encoding="utf-8")
    assert tokens.find(token) is None
    assert tokens.list() == []


def test_an_unknown_role_may_only_look(folder: Path) -> None:
    tokens = Tokens(folder)
    token = tokens.add("nightly", "owner")
    (file,) = folder.iterdir()
    file.write_text(file.read_text(encoding="utf-8").replace("owner", "admin"), encoding="utf-8")
    found = tokens.find(token)
    assert found is not None
    assert found.role == "viewer"
