"""Photographs on their way into a collection: a thread adds them, so that no click on the page interrupts it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread

import streamlit as st

from pages.shared.markdown import plain
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.sources import Added, add_dataset, add_files, photographs_in
from seg_core.data.dataset import open_dataset

LOOK_SECONDS = 0.2


class Adding:
    """What is added to the collection ``name``, from now on: the photographs of a folder, or a dataset with its masks.

    ``opened`` returns the collection, once the folder was read: one that cannot be read makes no new collection.
    """

    def __init__(self, name: str, opened: Callable[[], Collection], folder: str, *, with_masks: bool, copy: bool) -> None:
        self.name = name
        self._opened, self._folder, self._with_masks, self._copy = opened, folder, with_masks, copy
        self._state = (0, 0)
        self._work = Future[Added]()
        Thread(target=self._run, name="adding", daemon=True).start()  # an app that is stopped does not wait for it

    def wait(self) -> None:
        """Show how far it is until it ends. A page that is drawn again meanwhile waits again."""
        bar = st.empty()
        while not self._work.done():
            done, total = self._state
            text = f"Adding photographs to {self.name}, {done:,} of {total:,}" if total else f"Reading {self._folder}"
            bar.progress(done / total if total else 0.0, plain(text))
            wait([self._work], timeout=LOOK_SECONDS)
        bar.empty()

    def result(self) -> Added:
        """Return what was added, once it has ended.

        Raises:
            InputError: if the folder cannot be read, or the collection not written.
        """
        return self._work.result()

    def _run(self) -> None:
        try:
            self._work.set_result(self._add())
        except Exception as error:  # noqa: BLE001 # the page that waits raises it
            self._work.set_exception(error)

    def _add(self) -> Added:
        if self._with_masks:
            dataset = open_dataset(self._folder)
            return add_dataset(self._opened(), dataset, copy=self._copy, on_progress=self._advance)
        photographs = photographs_in(self._folder)
        return add_files(self._opened(), photographs, copy=self._copy, on_progress=self._advance)

    def _advance(self, done: int, total: int) -> None:
        self._state = (done, total)
