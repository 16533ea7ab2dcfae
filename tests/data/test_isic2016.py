"""Fetching of the official data from a sound server, and from servers and networks with faults."""

from __future__ import annotations

import os
import shutil
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from filelock import FileLock

from seg_core.data.dataset import open_dataset
from seg_core.data.isic2016 import download
from seg_core.data.isic2016.download import FetchStopped
from seg_core.data.isic2016.fetch import fetch_isic2016
from seg_core.errors import InputError
from tests.archive_server import (
    FOUR,
    PAIRS,
    TEST_DATA,
    TEST_MASKS,
    TRAINING_DATA,
    TRAINING_MASKS,
    Fault,
    Server,
    answers,
    breaks_after,
    challenge_archives,
    content,
    ids,
    pack,
    resets_after,
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use no proxy of the machine that runs the tests."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(challenge_archives())
    yield server
    server.stop()


@pytest.fixture
def fetch(server: Server, tmp_path: Path) -> Callable[..., Path]:
    """Fetch from the server into a folder of this test, trying three times without waiting."""

    def fetch(**options: Any) -> Path:
        return fetch_isic2016(tmp_path / "data", **{"base_url": server.url, "pairs": PAIRS, "waits": (0, 0), **options})

    return fetch


def refused(fetch: Callable[..., Path], **options: Any) -> str:
    """Return the error message of a fetch, which must be one line."""
    with pytest.raises(InputError) as error:
        fetch(**options)
    assert "\n" not in str(error.value)
    return str(error.value)


def assert_complete(folder: Path) -> None:
    """Assert that the four folders hold exactly their files, and form the dataset."""
    expected: dict[str, bytes] = {}
    for split in PAIRS:
        expected |= {f"ISBI2016_ISIC_Part1_{split}_Data/{id}.jpg": content(f"{id}.jpg") for id in ids(split)}
        masks = (f"{id}_Segmentation.png" for id in ids(split))
        expected |= {f"ISBI2016_ISIC_Part1_{split}_GroundTruth/{name}": content(name) for name in masks}
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".fetching.lock"]
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in files} == expected
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 4
    assert open_dataset(folder).counts == {"train": 3, "val": 0, "test": 2}


def test_the_four_archives_become_the_dataset(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    assert fetch(on_progress=lambda *progress: told.append(progress)) == tmp_path / "data"
    assert_complete(tmp_path / "data")
    assert [(seen.method, seen.file) for seen in server.seen] == [("HEAD", name) for name in FOUR] + [
        ("GET", name) for name in FOUR
    ]
    assert all(seen.headers["User-Agent"].startswith("LesionLab/") for seen in server.seen)

    total = sum(map(len, server.files.values()))
    done = [here for here, _, _ in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, total)
    assert {everything for _, everything, _ in told} == {total}
    whats = ["training photographs", "training masks", "test photographs", "test masks"]
    assert list(dict.fromkeys(what for _, _, what in told)) == [
        f"{do} the {what}" for what in whats for do in ("Fetching", "Unpacking")
    ]


def test_what_is_there_is_not_fetched_again(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    folder = fetch()
    server.seen.clear()
    assert fetch() == folder
    assert server.seen == []
    shutil.rmtree(folder / "ISBI2016_ISIC_Part1_Test_Data")
    fetch()
    assert [(seen.method, seen.file) for seen in server.seen] == [("HEAD", TEST_DATA), ("GET", TEST_DATA)]
    assert_complete(folder)


def test_an_archive_put_there_by_hand_is_used(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.faults["GET", TRAINING_DATA] = [breaks_after(1000)]
    refused(fetch, waits=())
    (tmp_path / "data" / TRAINING_DATA).write_bytes(server.files[TRAINING_DATA])
    server.seen.clear()
    fetch()
    assert {seen.file for seen in server.seen} == {TRAINING_MASKS, TEST_DATA, TEST_MASKS}
    assert_complete(tmp_path / "data")


def test_a_broken_connection_goes_on_where_it_broke(server: Server, fetch: Callable[..., Path]) -> None:
    server.faults["GET", TRAINING_DATA] = [breaks_after(1234), breaks_after(1000)]
    told: list[str] = []
    assert_complete(fetch(on_progress=lambda done, total, what: told.append(what)))
    first, second, third = server.gets(TRAINING_DATA)
    assert "Range" not in first.headers
    etag = server.etag(TRAINING_DATA)
    assert (second.headers["Range"], second.headers["If-Range"]) == ("bytes=1234-", etag)
    assert (third.headers["Range"], third.headers["If-Range"]) == ("bytes=2234-", etag)
    assert told.count("The connection to 127.0.0.1 broke off; trying again in 0 s") == 2


def test_a_reset_connection_is_tried_again(server: Server, fetch: Callable[..., Path]) -> None:
    server.faults["HEAD", TEST_MASKS] = [resets_after(0)]
    server.faults["GET", TEST_MASKS] = [resets_after(1000)]
    assert_complete(fetch())
    assert len(server.gets(TEST_MASKS)) == 2


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.faults["GET", TRAINING_MASKS] = [breaks_after(500)]
    message = refused(fetch, waits=())
    assert message.startswith("The connection to 127.0.0.1 broke off; check the network connection")
    assert message.endswith("what was fetched is kept.")
    assert (tmp_path / "data" / f"{TRAINING_MASKS}.part").read_bytes() == server.files[TRAINING_MASKS][:500]
    server.seen.clear()
    told: list[tuple[int, int, str]] = []
    fetch(on_progress=lambda *progress: told.append(progress))
    assert_complete(tmp_path / "data")
    assert [seen.file for seen in server.gets()] == [TRAINING_MASKS, TEST_DATA, TEST_MASKS]
    assert server.gets()[0].headers["Range"] == "bytes=500-"
    assert told[0] == (500, sum(len(server.files[name]) for name in FOUR[1:]), "Fetching the training masks")


def test_it_stops_between_blocks_and_goes_on_later(
    server: Server, fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "BLOCK_BYTES", 100)
    done: list[int] = [0]
    with pytest.raises(FetchStopped):
        fetch(on_progress=lambda here, total, what: done.append(here), should_stop=lambda: done[-1] >= 1000)
    kept = (tmp_path / "data" / f"{TRAINING_DATA}.part").read_bytes()
    assert 1000 <= len(kept) < 1100
    assert kept == server.files[TRAINING_DATA][: len(kept)]
    assert_complete(fetch())
    assert server.gets(TRAINING_DATA)[1].headers["Range"] == f"bytes={len(kept)}-"


def test_stopped_at_the_very_end_it_asks_for_nothing_twice(server: Server, fetch: Callable[..., Path]) -> None:
    size = len(server.files[TRAINING_DATA])
    done: list[int] = [0]
    with pytest.raises(FetchStopped):
        fetch(on_progress=lambda here, total, what: done.append(here), should_stop=lambda: done[-1] == size)
    assert_complete(fetch())
    assert server.gets(TRAINING_DATA)[1].headers["Range"] == f"bytes={size}-"
    assert len(server.gets(TRAINING_DATA)) == 2  # the second one was answered with 416


def test_stopped_while_unpacking_it_keeps_the_archive_and_no_half_folder(
    server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    what = [""]
    with pytest.raises(FetchStopped):
        fetch(on_progress=lambda done, total, doing: what.append(doing), should_stop=lambda: what[-1].startswith("Unpacking"))
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [".fetching.lock", TRAINING_DATA]
    assert_complete(fetch())
    assert len(server.gets(TRAINING_DATA)) == 1


def test_what_a_killed_process_left_is_cleared_away_and_its_room_used(
    fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = tmp_path / "data" / ".unpacking-ISBI2016_ISIC_Part1_Training_Data" / "ISIC_0000000.jpg"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")

    class Usage:
        @property
        def free(self) -> int:
            return 0 if half.exists() else 10**6

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage())
    assert_complete(fetch())


@pytest.mark.parametrize("between", ["tries", "calls"])
@pytest.mark.parametrize("ignores_if_range", [False, True])
def test_a_file_that_changed_meanwhile_starts_anew(
    between: str, ignores_if_range: bool, server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    new, old = server.files[TRAINING_DATA], pack({"another": b"version" * 1000})
    server.files[TRAINING_DATA] = old
    server.ignores_if_range = ignores_if_range

    def breaks_and_changes(handler: Any) -> None:
        handler.serve(only=50)
        server.files[TRAINING_DATA] = new

    server.faults["GET", TRAINING_DATA] = [breaks_and_changes]
    if between == "calls":
        refused(fetch, waits=())
        assert (tmp_path / "data" / f"{TRAINING_DATA}.part").read_bytes() == old[:50]
    assert_complete(fetch())
    assert server.gets(TRAINING_DATA)[1].headers["Range"] == "bytes=50-"


def test_a_version_that_became_shorter_than_what_is_here_starts_anew(
    server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    server.ignores_if_range = True  # so that it answers 416
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{TRAINING_DATA}.part").write_bytes(bytes(100_000))
    (tmp_path / "data" / f"{TRAINING_DATA}.part.etag").write_text('"older"')
    assert_complete(fetch())
    assert [seen.headers.get("Range") for seen in server.gets(TRAINING_DATA)] == ["bytes=100000-", None]


def test_a_server_without_ranges_sends_all_of_it_again(server: Server, fetch: Callable[..., Path]) -> None:
    server.ignores_range = True
    server.faults["GET", TRAINING_DATA] = [breaks_after(1234)]
    assert_complete(fetch())
    assert server.gets(TRAINING_DATA)[1].headers["Range"] == "bytes=1234-"


@pytest.mark.parametrize("etag", ["", 'W/"weak"', "bare"])
def test_without_a_strong_etag_nothing_is_added_to_what_is_here(etag: str, server: Server, fetch: Callable[..., Path]) -> None:
    server.etags[TRAINING_DATA] = etag
    server.faults["GET", TRAINING_DATA] = [breaks_after(1234)]
    assert_complete(fetch())
    assert [seen.headers.get("Range") for seen in server.gets(TRAINING_DATA)] == [None, None]


@pytest.mark.parametrize("note", [b"", b"\xff\xfe", b'"two"\r\nX-Other: lines'])
def test_a_note_that_cannot_be_an_etag_is_not_trusted(
    note: bytes, server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{TRAINING_DATA}.part").write_bytes(b"whatever")
    (tmp_path / "data" / f"{TRAINING_DATA}.part.etag").write_bytes(note)
    assert_complete(fetch())
    assert [seen.headers.get("Range") for seen in server.gets(TRAINING_DATA)] == [None]


def test_a_server_that_states_no_length_is_good_enough(server: Server, fetch: Callable[..., Path]) -> None:
    server.states_length = False
    assert_complete(fetch())


def test_a_file_that_stays_short_is_given_up(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.faults["GET", TRAINING_DATA] = [breaks_after(1000), breaks_after(0), breaks_after(0)]
    assert "The connection to 127.0.0.1 broke off" in refused(fetch)
    assert len(server.gets(TRAINING_DATA)) == 3
    assert (tmp_path / "data" / f"{TRAINING_DATA}.part").stat().st_size == 1000


def test_tries_that_come_further_do_not_count_as_failures(
    server: Server, fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "GAIN_BYTES", 500)
    server.faults["GET", TRAINING_DATA] = [breaks_after(500)] * 10
    assert_complete(fetch())
    assert [seen.headers["Range"] for seen in server.gets(TRAINING_DATA)[1:]] == [f"bytes={500 * n}-" for n in range(1, 11)]


def test_a_server_without_ranges_that_always_breaks_is_given_up(
    server: Server, fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "GAIN_BYTES", 500)
    server.ignores_range = True
    server.faults["GET", TRAINING_DATA] = [breaks_after(600), breaks_after(50)] * 5
    assert "broke off" in refused(fetch)
    assert len(server.gets(TRAINING_DATA)) == 3


def test_another_content_than_the_etag_states_is_not_kept(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.etags[TRAINING_DATA] = f'"{"0123456789abcdef" * 2}"'
    message = refused(fetch)
    assert message.startswith(f"{TRAINING_DATA} arrived damaged: its MD5 is not the one that 127.0.0.1 states")
    assert not (tmp_path / "data" / f"{TRAINING_DATA}.part").exists()
    assert not (tmp_path / "data" / TRAINING_DATA).exists()
    del server.etags[TRAINING_DATA]
    assert_complete(fetch())


def test_an_etag_of_an_upload_in_several_pieces_is_no_md5(server: Server, fetch: Callable[..., Path]) -> None:
    server.etags[TRAINING_DATA] = f'"{"0123456789abcdef" * 2}-12"'
    assert_complete(fetch())


PAGE = b"<!DOCTYPE html><title>Welcome to our hotel</title>"


def test_a_web_page_in_place_of_the_archive_spoils_nothing(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.faults["GET", TRAINING_DATA] = [breaks_after(1000), answers(200, PAGE, Content_Type="text/html; charset=utf-8")]
    message = refused(fetch)
    assert message.startswith(f"127.0.0.1 sent a web page instead of {TRAINING_DATA}")
    assert "challenge.isic-archive.com" in message
    assert (tmp_path / "data" / f"{TRAINING_DATA}.part").stat().st_size == 1000
    assert_complete(fetch())
    assert server.gets(TRAINING_DATA)[2].headers["Range"] == "bytes=1000-"


@pytest.mark.parametrize("cut", [False, True], ids=["a page", "half an archive"])
def test_what_is_no_archive_is_deleted(cut: bool, server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    good = server.files[TRAINING_DATA]
    server.files[TRAINING_DATA] = good[:3000] if cut else PAGE
    assert refused(fetch).startswith(f"{TRAINING_DATA} is not a zip archive, or not a complete one; it was deleted")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [".fetching.lock"]
    server.files[TRAINING_DATA] = good
    assert_complete(fetch())


def test_a_damaged_member_is_noticed_and_the_archive_deleted(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    good = server.files[TRAINING_MASKS]
    at = good.index(content("ISIC_0000001_Segmentation.png")[:100])
    server.files[TRAINING_MASKS] = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    message = f"{TRAINING_MASKS} is damaged at 'ISIC_0000001_Segmentation.png'; it was deleted: start again to fetch it again."
    assert refused(fetch) == message
    names = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert names == [".fetching.lock", "ISBI2016_ISIC_Part1_Training_Data"]  # which was well, and stays
    server.files[TRAINING_MASKS] = good
    assert_complete(fetch())


def test_an_archive_that_leads_out_of_its_folder_is_refused(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    for path in ("../evil.jpg", f"{tmp_path}/evil.jpg"):
        server.files[TRAINING_DATA] = pack({f"{id}.jpg": content(f"{id}.jpg") for id in ids("Training")} | {path: b"evil"})
        assert f"{TRAINING_DATA} holds a path that leads out of its folder ('{path}')" in refused(fetch)
        assert [path.name for path in (tmp_path / "data").iterdir()] == [".fetching.lock"]
    assert list(tmp_path.rglob("evil.jpg")) == []


def test_too_few_files_are_refused(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.files[TEST_MASKS] = pack({"ISIC_0000003_Segmentation.png": b"mask"})
    assert f"{TEST_MASKS} holds 1 of the 2 files that are expected" in refused(fetch)
    assert not (tmp_path / "data" / TEST_MASKS).exists()
    assert "holds 3 of the 900 files that are expected" in refused(fetch_isic2016, folder=tmp_path / "x", base_url=server.url)


def test_a_photograph_without_a_mask_is_named(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    server.files[TRAINING_MASKS] = pack({f"ISIC_000000{number}_Segmentation.png": b"mask" for number in (0, 2, 7)})
    message = f"1 of the training photographs in {tmp_path / 'data'} have no mask, ISIC_0000001 is the first; delete"
    assert refused(fetch).startswith(message)
    server.seen.clear()
    assert refused(fetch).startswith(message)  # it does not pass the next time
    assert server.seen == []


def test_a_folder_that_someone_made_is_left_alone(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    photo = tmp_path / "data" / "ISBI2016_ISIC_Part1_Test_Data" / "ISIC_0000003.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"mine")
    assert refused(fetch) == f"{photo.parent} holds 1 test photographs instead of 2; move it away or choose another folder."
    assert photo.read_bytes() == b"mine"
    assert server.seen == []


@pytest.mark.parametrize(("status", "phrase"), [(403, "Forbidden"), (404, "Not Found"), (500, "Internal Server Error")])
def test_a_server_that_refuses_is_quoted(
    status: int, phrase: str, server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    server.faults["HEAD", TEST_DATA] = [answers(status)] * 3
    message = refused(fetch)
    assert message.startswith(f"127.0.0.1 answers {status} ({phrase}) to the request for {TEST_DATA}; try again later")
    assert f"by hand from https://challenge.isic-archive.com/data/#2016 into {tmp_path / 'data'}" in message
    assert sum(seen.file == TEST_DATA for seen in server.seen) == (3 if status == 500 else 1)
    assert server.gets() == []  # known before hundreds of megabytes were fetched


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int, server: Server, fetch: Callable[..., Path]) -> None:
    faults: list[Fault] = [answers(status, PAGE, Content_Type="text/html")]
    server.faults = {("HEAD", TRAINING_DATA): faults.copy(), ("GET", TEST_MASKS): [breaks_after(100), *faults]}
    assert_complete(fetch())
    assert [seen.headers.get("Range") for seen in server.gets(TEST_MASKS)] == [None, "bytes=100-", "bytes=100-"]


def test_no_server_at_all_is_said_at_once(server: Server, fetch: Callable[..., Path]) -> None:
    server.stop()
    waited: list[str] = []
    message = refused(fetch, on_progress=lambda done, total, what: waited.append(what), waits=(1000,))
    assert message == (
        "127.0.0.1 cannot be reached (Connection refused); check the network connection, and the proxy if there is one, "
        "and start again: what was fetched is kept."
    )
    assert waited == []


def test_a_server_that_goes_away_is_waited_for(server: Server, fetch: Callable[..., Path]) -> None:
    told: list[str] = []

    def on_progress(done: int, total: int, what: str) -> None:
        if what.startswith("Unpacking the test photographs"):
            server.stop()
        told.append(what)

    assert "cannot be reached" in refused(fetch, on_progress=on_progress)
    assert told[-2:] == ["127.0.0.1 cannot be reached (Connection refused); trying again in 0 s"] * 2


class Clock:
    """Time that passes when someone sleeps, and only then."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 0.25  # so that a stop is heard soon
        self.now += seconds


def test_waits_grow_and_hear_a_stop(server: Server, fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(download, "time", clock)
    server.faults["HEAD", TRAINING_DATA] = [answers(503)] * 20
    tries: list[float] = []
    assert "503" in refused(fetch, waits=None, on_progress=lambda done, total, what: tries.append(clock.now))
    assert tries == [0, 1, 3, 7, 15]
    assert (clock.now, len(server.seen)) == (31, 6)
    with pytest.raises(FetchStopped):
        fetch(waits=(1000,), should_stop=lambda: clock.now >= 40)
    assert 40 <= clock.now <= 40.25


def test_a_certificate_that_cannot_be_verified_is_not_tried_twice(
    fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        error = ssl.SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED")
        error.verify_message = "self-signed certificate"
        raise URLError(error)

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", refuse)
    message = refused(fetch)
    assert message.startswith("The certificate of 127.0.0.1 cannot be verified (self-signed certificate); ")
    assert "SSL_CERT_FILE" in message


def test_the_proxy_of_the_environment_is_used(
    server: Server, fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/2016"))
    assert_complete(fetch(base_url="http://archives.invalid/elsewhere/"))
    assert {seen.path for seen in server.seen} == {f"http://archives.invalid/elsewhere/{name}" for name in FOUR}


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:port", "http://127.0.0.1:99999999", "http:///"])
def test_a_proxy_that_can_be_none_is_no_traceback(
    proxy: str, fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    assert "cannot be reached" in refused(fetch, base_url="http://archives.invalid")


def test_the_address_comes_from_the_environment(
    server: Server, fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONLAB_ISIC_URL", f"{server.url}/")
    assert_complete(fetch(base_url=None))
    assert server.seen[0].path == f"/2016/{TRAINING_DATA}"


@pytest.mark.parametrize("address", ["archives", "file:///etc", "ftp://127.0.0.1", "https://"])
def test_an_address_that_is_none_is_refused(address: str, fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLAB_ISIC_URL", address)
    assert f"LESIONLAB_ISIC_URL is {address!r}; set it to" in refused(fetch, base_url=None)


def test_room_is_looked_for_before_anything_is_fetched(
    server: Server, fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [len(server.files[name]) for name in FOUR]
    needed = sum(sizes) + max(sizes)

    class Usage:
        free = needed - 1

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage)
    assert refused(fetch).startswith(f"The disk of {tmp_path / 'data'} has 0 MB left, and 0 MB are needed; make room or")
    assert server.gets() == []
    Usage.free = needed
    assert_complete(fetch())


def test_room_for_the_unpacked_files_is_looked_for_too(
    server: Server, fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files[TRAINING_DATA] = pack({f"{id}.jpg": bytes(10**6) for id in ids("Training")})

    class Usage:
        free = 2 * 10**6

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage)
    assert "has 2 MB left, and 3 MB are needed" in refused(fetch)
    assert (tmp_path / "data" / TRAINING_DATA).exists()  # it is whole, and need not be fetched again


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_disk_that_fills_up_is_named(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    part = tmp_path / "data" / f"{TRAINING_DATA}.part"
    part.symlink_to("/dev/full")
    message = refused(fetch)
    assert message.startswith(f"{tmp_path / 'data'} cannot be written (No space left on device); make room or choose another")
    assert message.endswith("what was fetched is kept.")
    part.unlink()
    assert_complete(fetch())


def test_a_folder_that_cannot_be_written_is_named(
    server: Server, fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert refused(fetch_isic2016, folder=tmp_path / "file").startswith(f"{tmp_path / 'file'} cannot be written (File exists)")
    below = tmp_path / "file" / "data"
    assert refused(fetch_isic2016, folder=below).startswith(f"{below} cannot be written (Not a directory)")
    assert "empty" in refused(fetch_isic2016, folder="")
    (tmp_path / "data" / f"{TRAINING_DATA}.part").mkdir(parents=True)
    assert f"{TRAINING_DATA}.part cannot be written (Is a directory)" in refused(fetch)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(fetch: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o555)
    assert "cannot be written (Permission denied)" in refused(fetch)


def test_two_do_not_fetch_into_one_folder(server: Server, fetch: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with FileLock(tmp_path / "data" / ".fetching.lock"):
        message = f"The data are being fetched into {tmp_path / 'data'} already; wait for that, or stop it first."
        assert refused(fetch) == message
    assert_complete(fetch())
    with FileLock(tmp_path / "data" / ".fetching.lock"):
        assert_complete(fetch())  # there is nothing to fetch
