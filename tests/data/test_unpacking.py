"""Unpacking of archives that are damaged or malicious."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seg_core.data import unpacking
from seg_core.data.unpacking import BadArchive, unpack
from tests.archive_server import content, pack

PHOTO = re.compile(r"ISIC_\d{7}\.jpg", re.I)
GOOD = {f"photos/ISIC_000000{number}.jpg": content(str(number)) for number in range(3)}


def unpack_here(folder: Path, archive: bytes, count: int = 3) -> dict[str, bytes]:
    """Unpack and return the files by name; whatever happens, nothing else may be left in the folder."""
    (folder / "archive.zip").write_bytes(archive)
    try:
        unpack(folder / "archive.zip", folder / "out", PHOTO, count, lambda: None)
        return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    finally:
        assert {path.name for path in folder.iterdir()} <= {"archive.zip", "out", "lesionlab-home"}


def refused(folder: Path, archive: bytes, count: int = 3) -> str:
    with pytest.raises(BadArchive) as error:
        unpack_here(folder, archive, count)
    assert not (folder / "out").exists()
    return str(error.value)


def pack_one(info: ZipInfo, data: bytes = b"data") -> bytes:
    """Return an archive of the good files and one more member."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for path, photo in GOOD.items():
            archive.writestr(path, photo)
        archive.writestr(info, data)
    return buffer.getvalue()


def test_files_come_out_as_they_went_in(tmp_path: Path) -> None:
    names = {f"ISIC_000000{number}.jpg": content(str(number)) for number in range(3)}
    others = {"photos/ISIC_0000003.png": b"", "ISIC_00000004.jpg": b"", "._ISIC_0000005.jpg": b"", "con.jpg": b"", "a.jpg/": b""}
    assert unpack_here(tmp_path, pack(GOOD | others)) == names


def test_a_member_without_a_name_is_left_out(tmp_path: Path) -> None:
    assert len(unpack_here(tmp_path, pack_one(ZipInfo("")))) == 3


@pytest.mark.parametrize(
    "path",
    [
        "../evil.jpg",
        "photos/../../ISIC_0000009.jpg",
        "/evil.jpg",
        "..\\evil.jpg",
        "C:\\evil.jpg",
        "\\\\host\\evil.jpg",
        "../",
        "..",
    ],
)
def test_paths_that_lead_out_are_refused(path: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    assert refused(inside, pack(GOOD | {path: b"evil"})) == f"holds a path that leads out of its folder ({path!r})"
    assert list(tmp_path.rglob("*evil*")) == list(tmp_path.rglob("ISIC*")) == []


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = ZipInfo("photos/ISIC_0000003.jpg")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    assert refused(tmp_path, pack_one(link, b"/etc/passwd")) == "holds a link ('photos/ISIC_0000003.jpg')"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = pack(GOOD | {"bomb.txt": bytes(2 * 10**6)})
    assert len(bomb) < 10_000
    monkeypatch.setattr(unpacking, "MAX_FILE_BYTES", 10**6)
    assert refused(tmp_path, bomb) == "holds a file of more than 1 MB ('bomb.txt')"
    monkeypatch.setattr(unpacking, "MAX_TOTAL_BYTES", 10**6)
    assert refused(tmp_path, bomb) == "would unpack to more than 10000 files or 0.001 GB"
    monkeypatch.setattr(unpacking, "MAX_TOTAL_BYTES", 10**7)
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 3)
    assert refused(tmp_path, bomb) == "would unpack to more than 3 files or 0.01 GB"


def test_a_bomb_that_lies_about_its_size_comes_to_nothing(tmp_path: Path) -> None:
    bomb = pack(GOOD | {"ISIC_0000003.jpg": bytes(2 * 10**6)})
    lying = bomb.replace(struct.pack("<I", 2 * 10**6), struct.pack("<I", 1000))
    assert lying != bomb
    assert refused(tmp_path, lying, count=4) == "is damaged at 'ISIC_0000003.jpg'"


def test_packing_that_is_not_usual_is_refused(tmp_path: Path) -> None:
    strange = ZipInfo("strange.txt")
    strange.compress_type = ZIP_BZIP2
    assert refused(tmp_path, pack_one(strange)) == "is packed in an unsupported way ('strange.txt')"
    secret = pack(GOOD)
    at = secret.index(b"PK\x01\x02") + 8  # the flags of the first entry in the list at the archive's end
    assert refused(tmp_path, secret[:at] + b"\x01" + secret[at + 1 :]).startswith("is packed in an unsupported way")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, pack(GOOD | {"more/isic_0000001.JPG": b"another"})) == "holds isic_0000001.JPG twice"


def test_another_number_of_files_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, pack({**GOOD, "ISIC_0000003.jpg": b""})) == "holds 4 of the 3 files that are expected"
    assert refused(tmp_path, pack({})) == "holds 0 of the 3 files that are expected"


def test_damage_in_a_file_that_is_left_out_is_noticed_too(tmp_path: Path) -> None:
    archive = pack(GOOD | {"table.csv": content("table")})
    at = archive.index(content("table")[:100])
    assert refused(tmp_path, archive[:at] + bytes(50) + archive[at + 50 :]) == "is damaged at 'table.csv'"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.integers(0, 10**4), st.integers(0, 255), min_size=1, max_size=4), cut=st.integers(0, 10**4))
def test_whatever_is_damaged_either_the_files_are_right_or_it_is_refused(
    changes: Mapping[int, int], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Small members, so that most changes hit what describes them.
    archive = bytearray(pack({f"ISIC_000000{number}.jpg": bytes([number]) * 5 for number in range(3)} | {"table.csv": b"1,2"}))
    for at, value in changes.items():
        archive[at % len(archive)] = value
    damaged = bytes(archive[: len(archive) - (cut % len(archive) if cut % 3 == 0 else 0)])
    try:
        files = unpack_here(tmp_path_factory.mktemp("damaged"), damaged)
    except BadArchive:
        return
    assert set(files.values()) == {bytes([number]) * 5 for number in range(3)}
