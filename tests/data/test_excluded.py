"""The list of photographs that a dataset's folder leaves out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seg_core.data.dataset import open_dataset
from seg_core.data.excluded import EXCLUDED, exclude, include, read_excluded
from seg_core.errors import InputError
from tests.helpers import make_dataset


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", train=3, test=2)


def ids(folder: Path) -> list[str]:
    return [pair.id[-1] for pair in open_dataset(folder).pairs]


def test_listed_photographs_are_left_out_of_every_split_and_nothing_is_deleted(data: Path) -> None:
    files = sorted(data.rglob("*.*"))
    before = open_dataset(data).fingerprint
    exclude(data, ["ISIC_0000001", "ISIC_0000004"], "misses a region", "Ada")
    (data / "train" / "masks" / "ISIC_0000002.png").unlink()
    exclude(data, ["ISIC_0000002", "not there"], "=1+1", "Bob")
    dataset = open_dataset(data)
    assert ids(data) == ["0", "3"]
    assert dataset.notes == ["Photographs that excluded.csv lists are left out: 3."]
    assert dataset.unpaired_files == []
    assert dataset.fingerprint != before
    assert set(files) - set(data.rglob("*.*")) == {data / "train" / "masks" / "ISIC_0000002.png"}
    include(data, ["ISIC_0000004", "never was"])
    assert ids(data) == ["0", "3", "4"]


def test_the_list_is_a_table_for_people(data: Path) -> None:
    exclude(data, ["a"], '  =SUM(1;2)\n "twice" ', "Ada, B.")
    exclude(data, ["-b"], "blurred" + 200_000 * "!", "\udcff")
    exclude(data, ["a"], "=again", "Cleo")
    header, first, second = (data / EXCLUDED).read_text(encoding="utf-8").splitlines()
    assert header == "id,reason,who,when"
    assert first.startswith("a,'=again,Cleo,20")
    assert second.startswith("'-b,blurred!!!")
    read = read_excluded(data)
    assert [(each.id, each.reason, each.who) for each in read.values()] == [
        ("a", "=again", "Cleo"),
        ("-b", "blurred" + 493 * "!", "?"),
    ]


def test_a_list_that_was_written_by_hand_is_read(data: Path) -> None:
    (data / EXCLUDED).write_bytes(b"\xef\xbb\xbfwho,id\r\nAda,ISIC_0000000\r\n\r\n,\r\nBob, ISIC_0000001 ,more\r\n")
    assert ids(data) == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"name,reason\na,b\n", "has no column id"),
        (b"", "has no column id"),
        (b"id\n\xff\n", "cannot be read"),
        (b'id\n"a\n', "cannot be"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(data: Path, content: bytes, sentence: str) -> None:
    (data / EXCLUDED).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        open_dataset(data)


def test_a_zip_archive_brings_its_list(data: Path, tmp_path: Path) -> None:
    exclude(data, ["ISIC_0000001"], "blurred", "Ada")
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", data)
    assert ids(Path(archive)) == ["0", "2", "3", "4"]


def test_a_list_that_cannot_be_written_is_one_sentence(data: Path) -> None:
    (data / ".excluded.csv.lock").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        exclude(data, ["a"], "blurred", "Ada")
