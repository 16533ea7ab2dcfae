"""The commands below `token`."""

from __future__ import annotations

from pathlib import Path

from seg_core.common.tokens import Tokens
from tests.cli.lab import Lab


def test_a_token_is_made_listed_and_removed(lab: Lab, lab_home: Path) -> None:
    made = lab("token", "add", "nightly")
    token = made.out.strip()
    found = Tokens(lab_home / "tokens").find(token)
    assert made.status == 0
    assert found is not None
    assert (found.name, found.role) == ("nightly", "owner")
    assert "shown only now" in made.err
    assert token not in made.err
    assert lab("token", "add", "wall", "--viewer", "--json").json["role"] == "viewer"
    listed = lab("token", "list")
    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["Name", "Rights"],
        ["nightly", "owner"],
        ["wall", "viewer"],
    ]
    assert token not in listed.out
    assert listed.out.count("never") == 1  # that of the wall
    names = [each["name"] for each in lab("token", "list", "--json").json["tokens"]]
    assert names == ["nightly", "wall"]
    assert lab("token", "remove", "nightly").out == "The token nightly is removed.\n"
    assert Tokens(lab_home / "tokens").find(token) is None


def test_without_a_token_it_says_how_to_make_one(lab: Lab, lab_home: Path) -> None:
    assert lab("token", "list").out.startswith("No tokens yet; make one with:")
    assert lab.refuses("token", "remove", "nightly") == "There is no token nightly; there are none."
