"""Decoding of visitors' photographs: in processes of their own, which have limits and may die without harm to the app.

A file can be made to break a decoder, to fill the memory, or to keep it busy for minutes.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, wait
from concurrent.futures import TimeoutError as TookTooLong
from functools import cache
from multiprocessing import spawn
from typing import Any

import numpy as np
from pebble import ProcessExpired, ProcessPool
from PIL import Image

from seg_core.common.memory_limit import limit_memory
from seg_core.data import image, image_file
from seg_core.data.image import Size, Source
from seg_core.errors import InputError

PROCESSES = 2
SECONDS = 20.0
"""So long one photograph may take."""

PATIENCE = 10.0
"""Seconds more after which processes that have ended no photograph are given up."""

MEGAPIXELS = 60.0
"""The largest photograph that visitors may drop, unless LESIONLAB_VISITOR_MEGAPIXELS says otherwise."""

BYTES_A_PIXEL = 10
"""Memory that decoding takes, at most."""

BESIDE = 384 << 20
"""Bytes that a decoder may take beside the pixels."""

FILES = 500
"""So many files a process decodes before a fresh one takes its place: decoders keep some memory."""


def most_megapixels() -> float:
    """Return the largest photograph that visitors may drop, in megapixels.

    Raises:
        InputError: if LESIONLAB_VISITOR_MEGAPIXELS is no number above 0, or more than is ever decoded.
    """
    text, most = os.environ.get("LESIONLAB_VISITOR_MEGAPIXELS", ""), image_file.MAX_PIXELS / 1e6
    try:
        megapixels = float(text or MEGAPIXELS)
    except ValueError:
        megapixels = 0.0
    if not 0 < megapixels <= most:
        raise InputError(f"LESIONLAB_VISITOR_MEGAPIXELS is {text!r}; give a number of megapixels, up to {most:g}.")
    return megapixels


class Decoder:
    """A few processes that wait for photographs to decode, and are replaced when they die. Threads may share it.

    Args:
        megapixels: larger photographs are refused.
        seconds: a process that takes longer for one is killed.
        most_bytes: memory that a process may take for one; by default what the largest photograph needs.
    """

    def __init__(self, megapixels: float, seconds: float = SECONDS, most_bytes: int | None = None) -> None:
        self._seconds = seconds
        pixels = int(megapixels * 1e6)
        self._limits = pixels, BYTES_A_PIXEL * pixels + BESIDE if most_bytes is None else most_bytes
        self._renewing = threading.Lock()
        self._is_open, self._ended = True, 0
        self._pool = self._new_pool()

    def read_scaled(
        self, source: Source, size: Size | Callable[[Size], Size], name: str = "", *, draft: int = 0
    ) -> tuple[Image.Image, Size]:
        """Do as `seg_core.data.image.read_scaled`, in one of the processes. ``size`` must be picklable.

        Raises:
            InputError: as there, and if decoding takes too much time or memory.
        """
        advice = "save it as an ordinary JPEG"
        try:
            pixels, own = self._decoded(source, size, name, draft)
        except TookTooLong:
            raise InputError(f"{name} took more than {self._seconds:g} s to decode; {advice}.") from None
        except ProcessExpired:
            raise InputError(f"{name} broke the decoder; {advice}.") from None
        except (RuntimeError, CancelledError):  # of the new pool too
            raise InputError(f"{name} was not decoded, as no process for it starts; restart the app, or read its log.") from None
        return Image.fromarray(pixels), own

    def _decoded(self, *asked: object) -> tuple[np.ndarray, Size]:
        pool = self._pool
        try:
            return self._decoded_by(pool, asked)
        except (RuntimeError, CancelledError):  # a process died while it waited, and the pool with it
            with self._renewing:
                if self._pool is pool and self._is_open:
                    self._pool = self._new_pool()
                    threading.Thread(target=pool.stop, daemon=True).start()
            return self._decoded_by(self._pool, asked)

    def _decoded_by(self, pool: ProcessPool, asked: tuple[object, ...]) -> tuple[np.ndarray, Size]:
        """Wait for a photograph's turn and its result.

        Raises:
            RuntimeError: if the pool is broken. It may not say so: what is asked just then is never answered, and a process that
                died may have held the lock that the others wait for.
        """
        future = pool.schedule(_decode, asked, timeout=self._seconds)
        ended, since = self._ended, time.monotonic()
        while not wait([future], 1).done:
            if self._ended != ended:
                ended, since = self._ended, time.monotonic()
            if not pool.active or time.monotonic() - since > self._seconds + PATIENCE:
                raise RuntimeError("no process works")
        self._ended += 1
        return future.result()

    def _new_pool(self) -> ProcessPool:
        # From a fork server a new process takes milliseconds, and knows nothing of the app.
        context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
        context.set_forkserver_preload([__name__])
        return ProcessPool(PROCESSES, FILES, _limit, self._limits, context)

    def start(self) -> None:
        """Start the processes beside what goes on, so that the first photograph does not wait for them."""
        threading.Thread(target=self._pool.schedule, args=(_nothing,), daemon=True).start()

    def close(self) -> None:
        """End the processes."""
        self._is_open = False
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


@cache
def decoder() -> Decoder:
    """Return the decoder of this process."""
    made = Decoder(most_megapixels())
    # Before semaphores go: a process that is just starting would not find its own, and say so on the terminal.
    atexit.register(made.close)
    return made


def _without_main(prepare: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """Let new processes begin without running the main module again: on the pages that is the page being drawn."""
    return lambda name: {key: value for key, value in prepare(name).items() if not key.startswith("init_main_from")}


spawn.get_preparation_data = _without_main(spawn.get_preparation_data)  # type: ignore[assignment]


def _limit(pixels: int, most_bytes: int) -> None:
    """Set the limits of a process that decodes."""
    image_file.MAX_PIXELS = pixels
    limit_memory(most_bytes)


def _decode(source: Source, size: Size | Callable[[Size], Size], name: str, draft: int) -> tuple[np.ndarray, Size]:
    photo, own = image.read_scaled(source, size, name, draft=draft)
    return np.asarray(photo), own


def _nothing() -> None:
    pass
