"""Visitors' photographs are decoded in processes that may die: the app then says so in one sentence, and goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import psutil
import pytest
from pebble import ProcessPool
from PIL import Image

from seg_core.data import decoder as decoder_module
from seg_core.data.decoder import Decoder, most_megapixels
from seg_core.data.image import Size, read_scaled
from seg_core.errors import InputError

LARGE = 4000, 3000


def crash(_: Size) -> Size:
    """End the process that decodes, as a fault in a decoder written in C does."""
    os._exit(3)


def processes() -> set[psutil.Process]:
    """The processes that decode, which are children of the fork server."""
    servers = [child for child in psutil.Process().children() if "multiprocessing.forkserver" in " ".join(child.cmdline())]
    return {process for server in servers for process in server.children()}


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photographs") / "large.png"
    Image.new("RGBA", LARGE, (200, 120, 90, 255)).save(file)
    return file


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder(megapixels=12.5)
    yield decoder
    decoder.close()


def test_it_reads_what_this_process_reads(decoder: Decoder, photo: Path) -> None:
    here, own = read_scaled(photo, (64, 48), draft=128)
    there, own_there = decoder.read_scaled(photo, (64, 48), "large.png", draft=128)
    assert own == own_there == LARGE
    np.testing.assert_array_equal(np.asarray(here), np.asarray(there))


def test_what_is_no_image_or_too_large_is_refused_as_everywhere(decoder: Decoder, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("not a photograph")
    with pytest.raises(InputError, match=r"^holiday\.jpg is not an image that can be read"):
        decoder.read_scaled(tmp_path / "notes.jpg", (8, 8), "holiday.jpg")
    Image.new("1", (5000, 2501)).save(tmp_path / "poster.png")
    with pytest.raises(InputError, match=r"^poster\.png is 5,000 × 2,501 pixels; .* and 12\.5 megapixels first\.$"):
        decoder.read_scaled(tmp_path / "poster.png", (8, 8), "poster.png")


def test_a_process_that_breaks_is_replaced(decoder: Decoder, photo: Path) -> None:
    for _ in range(3):
        with pytest.raises(InputError, match=r"^evil\.jpg broke the decoder; save it as an ordinary JPEG\.$"):
            decoder.read_scaled(photo, crash, "evil.jpg")
        assert decoder.read_scaled(photo, (8, 8), "large.png")[1] == LARGE


def test_processes_that_die_while_they_wait_are_replaced(decoder: Decoder, photo: Path) -> None:
    for _ in range(2):
        decoder.read_scaled(photo, (8, 8), "large.png")
        for process in processes():
            process.kill()
        assert decoder.read_scaled(photo, (8, 8), "large.png")[1] == LARGE


class Silent:
    """A pool whose processes do nothing, as when one died with the lock that the others wait for, or that broke just then."""

    def __init__(self, *, active: bool) -> None:
        self.active, self.asked, self.stopped = active, 0, threading.Event()

    def schedule(self, *_: object, timeout: float) -> Future[object]:
        self.asked += 1
        return Future()

    def stop(self) -> None:
        self.stopped.set()


@pytest.mark.parametrize(("active", "seconds"), [(True, 0.01), (False, 300.0)])
def test_processes_that_do_nothing_are_replaced(
    active: bool, seconds: float, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder, silent, new_pool = Decoder(60), Silent(active=active), Decoder._new_pool

    def renewed(self: Decoder) -> ProcessPool:
        monkeypatch.setattr(self, "_seconds", 20.0)
        return new_pool(self)

    monkeypatch.setattr(Decoder, "_new_pool", renewed)
    monkeypatch.setattr(decoder_module, "PATIENCE", 0.0)
    decoder._pool.stop()  # type: ignore[no-untyped-call]
    decoder._pool.join()
    monkeypatch.setattr(decoder, "_pool", silent)
    monkeypatch.setattr(decoder, "_seconds", seconds)
    try:
        assert decoder.read_scaled(photo, (8, 8), "large.png")[1] == LARGE
        assert silent.asked == 1
        assert silent.stopped.wait(20)
    finally:
        decoder.close()


def test_what_takes_too_long_or_too_much_is_given_up(photo: Path) -> None:
    hasty, poor = Decoder(60, seconds=0.001), Decoder(60, most_bytes=20 << 20)
    try:
        with pytest.raises(InputError, match=r"^large\.png took more than 0\.001 s to decode; save it as an ordinary JPEG\.$"):
            hasty.read_scaled(photo, (8, 8), "large.png")
        with pytest.raises(InputError, match=r"^large\.png needs more memory than there is; make it smaller first\.$"):
            poor.read_scaled(photo, (8, 8), "large.png")
    finally:
        hasty.close()
        poor.close()


def test_its_processes_end_with_it(photo: Path) -> None:
    before, decoder = processes(), Decoder(60)
    decoder.read_scaled(photo, (8, 8), "large.png")
    started = processes() - before
    assert started
    decoder.close()
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []


@pytest.mark.parametrize(("text", "expected"), [("", 60.0), ("0.5", 0.5), ("150", 150.0)])
def test_the_largest_photograph_is_a_setting(text: str, expected: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLAB_VISITOR_MEGAPIXELS", text)
    assert most_megapixels() == expected


@pytest.mark.parametrize("text", ["many", "0", "-3", "151", "nan"])
def test_a_setting_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLAB_VISITOR_MEGAPIXELS", text)
    with pytest.raises(InputError, match=f"^LESIONLAB_VISITOR_MEGAPIXELS is '{text}'; give a number of megapixels, up to 150"):
        most_megapixels()


@pytest.mark.parametrize("seconds", [0, 0.05, 0.15])
def test_a_program_that_ends_while_processes_start_says_nothing(seconds: float) -> None:
    program = f"import time; from seg_core.data.decoder import decoder; decoder().start(); time.sleep({seconds})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
