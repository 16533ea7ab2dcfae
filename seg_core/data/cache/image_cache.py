"""The pairs of one dataset at one size: each is decoded once, whichever splits, folds and seeds ask for it."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from contextlib import closing

import numpy as np

from seg_core.data.cache.pixel_store import PixelStore
from seg_core.data.check import LoadedPair, Problem, load_pairs
from seg_core.data.fingerprint import pair_facts
from seg_core.data.folders import Pair
from seg_core.errors import InputError


class ImageCache:
    """N pairs as squares of S pixels, by row. `seg_core.data.cache.storage.cache_pairs` opens it; `CachedPairs` are views of it.

    Without a store (``uncached`` says why there is none) rows are decoded again at each access. A row whose pair has an error
    keeps its number, so that what else is drawn does not depend on when the error is found.

    Attributes:
        problems: problems of each row that has any, in the order in which they were found; entries are only ever added.
        faulty: (N,) bool, rows known to have an error.
    """

    def __init__(self, pairs: list[Pair], size: int, facts: np.ndarray, store: PixelStore | None, uncached: str) -> None:
        self.pairs, self.size, self.uncached = pairs, size, uncached
        self.problems: dict[int, list[Problem]] = {}
        self.faulty = np.zeros(len(pairs), bool)
        self._facts, self._store = facts, store
        self._writes = store is not None
        self._write_errors: list[str] = []
        self._decoding = threading.Lock()
        if store is not None:
            weakref.finalize(self, store.close)  # at the latest when the interpreter ends
            self._refresh()

    def missing(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Return (B,) bool for B rows, or for all: True where the pair would have to be decoded."""
        chosen = slice(None) if rows is None else rows
        present = self.faulty[chosen]
        return ~(present if self._store is None else present | self._store.done[chosen])

    def decode_missing(self, rows: np.ndarray) -> dict[int, LoadedPair]:
        """Decode the missing ones of B rows on all cores, keep them, and return them by row."""
        if self._store is not None and self._store.done[rows].all():
            return {}
        return self._decode(rows)

    def pixels(self, rows: np.ndarray, decoded: dict[int, LoadedPair]) -> tuple[np.ndarray, np.ndarray]:
        """Return photographs (B, S, S, 3) and masks (B, S, S) of 0 and 255, both uint8, of B rows without errors.

        Args:
            rows: rows that are in the store or in ``decoded``.
            decoded: what `decode_missing` returned for them.
        """
        if self._store is not None:
            images, masks = self._store.images[rows], self._store.masks[rows]
        else:
            shape = len(rows), self.size, self.size
            images, masks = np.empty((*shape, 3), np.uint8), np.empty(shape, np.uint8)
        if decoded:
            for place, row in enumerate(rows.tolist()):
                if loaded := decoded.get(row):
                    images[place], masks[place] = loaded.image, loaded.mask
        return images, masks

    def warm_up(self, rows: np.ndarray, seconds: float, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Decode missing rows, in the order given, for ``seconds``. Without a store this finds the problems and keeps no pixels.

        ``on_progress`` gets (decoded, total) of these rows.
        """
        deadline = time.monotonic() + seconds
        missing = rows[self.missing(rows)].tolist()
        if seconds <= 0 or not missing:
            return
        with self._decoding, closing(load_pairs([self.pairs[row] for row in missing], self.size)) as loading:
            try:
                for done, (row, loaded) in enumerate(zip(missing, loading, strict=False), start=len(rows) - len(missing) + 1):
                    self._keep(row, loaded)
                    self._publish()
                    if on_progress:
                        on_progress(done, len(rows))
                    if time.monotonic() >= deadline:
                        break
            finally:
                self._publish(at_once=True)

    def new_write_errors(self) -> list[str]:
        """Lines for the log, each returned once, about why the cache is no longer written to."""
        errors, self._write_errors = self._write_errors, []
        return errors

    def _decode(self, rows: np.ndarray) -> dict[int, LoadedPair]:
        with self._decoding:
            self._refresh()
            missing = np.unique(rows[self.missing(rows)]).tolist()
            decoded = {}
            with closing(load_pairs([self.pairs[row] for row in missing], self.size)) as loading:
                for row, loaded in zip(missing, loading, strict=True):
                    self._keep(row, loaded)
                    decoded[row] = loaded
            self._publish(at_once=not self.missing().any())
        return decoded

    def _keep(self, row: int, loaded: LoadedPair) -> None:
        is_new = row not in self.problems
        self._learn(row, loaded.problems)
        if self._store is None or not self._writes or not self._is_unchanged(row):
            return
        if is_new and loaded.problems and not any(problem.is_passing for problem in loaded.problems):
            self._store.remember(row, loaded.problems)
        if not self.faulty[row]:
            try:
                self._store.write(row, loaded.image, loaded.mask)
            except OSError as error:
                self._stop_writing(error)

    def _learn(self, row: int, problems: list[Problem]) -> None:
        if problems and row not in self.problems:
            self.problems[row] = problems
            self.faulty[row] = any(problem.is_error for problem in problems)

    def _refresh(self) -> None:
        """Take over what other processes decoded and found."""
        if self._store is not None:
            for row, problems in self._store.refresh():
                self._learn(row, problems)

    def _is_unchanged(self, row: int) -> bool:
        """True if the files are still those that the cache is named after: hours may lie between opening and decoding."""
        try:
            return np.array_equal(pair_facts([self.pairs[row]])[0], self._facts[row])
        except InputError:
            return False

    def _publish(self, at_once: bool = False) -> None:
        if self._store is None or not self._writes:
            return
        try:
            if at_once:
                self._store.publish()
            else:
                self._store.publish_when_due()
        except OSError as error:
            self._stop_writing(error)

    def _stop_writing(self, error: OSError) -> None:
        """Go on without writing: what is in the cache stays usable, and the rest is decoded each time."""
        self._writes = False
        reason = error.strerror or str(error)
        self._write_errors.append(
            f"The image cache cannot be written ({reason}); photographs beyond it are decoded in every epoch."
        )
