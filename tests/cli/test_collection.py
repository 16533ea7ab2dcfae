"""The commands below `collection`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seg_core.data.collection.store import open_collection
from seg_core.data.dataset import open_dataset
from tests.cli.lab import Lab
from tests.helpers import make_dataset


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    return Lab(monkeypatch, capsys)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", layout="flat", train=3)


def test_a_collection_from_its_beginning_to_an_export(lab: Lab, data: Path, tmp_path: Path, lab_home: Path) -> None:
    assert lab("collection", "list").out == "No collections yet; make one with collection create NAME.\n"
    made = lab("collection", "create", "Clinic 2", "--data", data)
    folder = lab_home / "collections" / "Clinic 2"
    assert made.out == f"Clinic 2 has 3 photographs, 3 of them with a mask; 3 were added.\n{folder}\n"
    assert lab("collection", "list", "--json").json == {"collections": ["Clinic 2"]}

    more = make_dataset(tmp_path / "more", layout="flat", first=3, train=1) / "images"
    added = lab("collection", "add", "Clinic 2", "--photos", more, "--photos", data / "images", "--link", "--json").json
    assert (added["added"], added["photographs"], added["masks"]) == (["ISIC_0000003"], 4, 3)
    assert added["notes"] == ["Photographs that were there already: 3."]
    assert (folder / "images" / "ISIC_0000003.jpg").is_symlink()

    id = "ISIC_0000001"
    collection = open_collection("Clinic 2")
    empty = np.zeros((64, 64), bool)
    collection.save(id, empty, author="Bob", began_as="truth", seconds=12, base=1)
    collection.save(id, ~empty, author="Cleo", began_as="truth", seconds=0, base=1)
    restored = lab("collection", "restore", "Clinic 2", id, 1)
    assert restored.out == f"Version 1 of {id} is the current mask again, as version 4.\n"
    lines = lab("collection", "history", "Clinic 2", id).out.splitlines()
    assert [line.partition(" UTC")[2] for line in lines] == [
        ", began as truth",
        " by Bob, began as truth, 12 s",
        " by Cleo, began as truth; its author knew version 1",
        " by ada, began as version 1",
    ]
    versions = lab("collection", "history", "Clinic 2", id, "--json").json["versions"]
    assert [(each["number"], each["conflict"], each["meanwhile"]) for each in versions[1:3]] == [
        (2, False, []),
        (3, True, ["Bob"]),
    ]
    assert lab("collection", "history", "Clinic 2", "ISIC_0000003").out == "ISIC_0000003 has no mask yet.\n"

    collection.propose("ISIC_0000003", empty, model="m")
    assert lab("collection", "exclude", "Clinic 2", "ISIC_0000002", "--reason", "two [b]lesions").out.endswith("of Clinic 2.\n")
    first, header, *rows = lab("collection", "show", "Clinic 2").out.splitlines()
    assert first == f"Clinic 2 has 4 photographs in {folder}."
    assert [row.split() for row in (header, *rows)] == [
        ["ID", "Mask", "Versions", "Excluded"],
        ["ISIC_0000000", "saved", "1"],
        ["ISIC_0000001", "saved", "4"],
        ["ISIC_0000002", "saved", "1", "two", "[b]lesions"],
        ["ISIC_0000003", "proposed", "0"],
    ]
    shown = lab("collection", "show", "Clinic 2", "--json").json["photographs"]
    assert [(each["versions"], each["excluded"]) for each in shown] == [(1, None), (4, None), (1, "two [b]lesions"), (0, None)]

    written = lab("collection", "export", "Clinic 2", "--format", "coco", "--output", tmp_path / "coco")
    assert written.out == f"{tmp_path / 'coco'} holds 2 photographs with masks (coco).\n"
    assert [pair.id for pair in open_dataset(tmp_path / "coco").pairs] == ["ISIC_0000000", "ISIC_0000001"]
    assert lab("collection", "include", "Clinic 2", "ISIC_0000002").out == "ISIC_0000002 is part of Clinic 2.\n"
    assert (
        lab("collection", "export", "Clinic 2", "--format", "isic", "--output", tmp_path / "isic", "--json").json["photographs"]
        == 3
    )


def test_a_collection_is_deleted_once_that_is_confirmed(lab: Lab, data: Path) -> None:
    lab("collection", "create", "Clinic", "--data", data, "--link")
    loses = "3 photographs and 3 versions of masks"
    assert f"Deleting Clinic loses {loses}; add --yes" in lab.refuses("collection", "delete", "Clinic")
    assert lab("collection", "delete", "Clinic", "--yes").out == f"Clinic is deleted, with {loses}.\n"
    assert "There is no collection Clinic" in lab.refuses("collection", "delete", "Clinic", "--yes")
    assert len(open_dataset(data).pairs) == 3
    lab("collection", "create", "Clinic", "--photos", data / "images")
    deleted = lab("collection", "delete", "Clinic", "--yes", "--json").json
    assert deleted == {"name": "Clinic", "photographs": 3, "versions": 0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("create ../x", "A collection cannot be called '../x'; use up to 60 letters"),
        ("create made --data {data}/gone", "There is no folder {data}/gone; check the path."),
        ("create made --photos {data}/gone", "There is no folder {data}/gone; check the path."),
        ("create Clinic", "There is a collection Clinic already; choose another name."),
        ("add Clinic", "Nothing was named to add"),
        ("show made", "There is no collection made; there are Clinic."),
        ("history Clinic x", "There is no photograph x in the collection Clinic."),
        ("restore Clinic ISIC_0000000 7", "There is no version 7 of the mask of ISIC_0000000; the newest is 1."),
        ("restore Clinic ISIC_0000000 one", "Invalid value for 'VERSION'"),
        ("exclude Clinic ISIC_0000000", "Missing option '--reason'; see --help."),
        (
            "export Clinic --format voc --output {data}/out",
            "There is no layout 'voc' to export; choose isic, images-masks, coco, nnunet.",
        ),
        ("export Clinic --format isic --output {data}", "{data} is there and is no empty folder; name a new one"),
    ],
)
def test_bad_input_is_one_line(lab: Lab, data: Path, arguments: str, message: str) -> None:
    assert lab("collection", "create", "Clinic", "--data", data).status == 0
    assert message.format(data=data) in lab.refuses("collection", *arguments.format(data=data).split())
    assert lab("collection", "list").out == "Clinic\n"
