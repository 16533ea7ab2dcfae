"""Pairs as a training reads them, batch by batch: decoded when they are first asked for, and kept."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import closing

import numpy as np

from seg_core.data.cache.pixel_store import PixelStore
from seg_core.data.check import LoadedPair, Problem, describe, load_pairs, notes_on, refusal
from seg_core.data.fingerprint import pair_facts
from seg_core.data.folders import Pair
from seg_core.errors import InputError


class CachedPairs:
    """Pairs at one square size S, by index. Make them with `seg_core.data.cache.storage.cache_pairs`.

    Without a store (``uncached`` says why there is none) each access decodes its pairs again. Pairs with an error keep their
    index, so that what else is drawn does not depend on when the error is found.
    """

    def __init__(
        self, pairs: list[Pair], size: int, facts: np.ndarray, store: PixelStore | None, uncached: str, skip_problems: bool
    ) -> None:
        self.pairs, self.size, self.uncached, self.skip_problems = pairs, size, uncached, skip_problems
        self._facts, self._store = facts, store
        self._faulty = np.zeros(len(pairs), bool)
        self._problems: dict[int, list[Problem]] = {}
        self._not_noted: list[Problem] = []
        self._trouble: list[str] = []
        self._writes = store is not None
        self._decoding = threading.Lock()
        if store is not None:
            weakref.finalize(self, store.close)  # at the latest when the interpreter ends
            self._look_again(store)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Photograph (S, S, 3) and mask (S, S) of 0 and 255, both uint8.

        Raises:
            InputError: if the pair has an error.
        """
        index = range(len(self))[index]
        images, masks, given = self.read([index])
        if not given:
            raise refusal(self._problems[index])
        return images[0], masks[0]

    @property
    def problems(self) -> list[Problem]:
        """All problems found so far, in the order in which they were found."""
        return [problem for problems in self._problems.values() for problem in problems]

    @property
    def errors(self) -> list[Problem]:
        """Those of the problems that keep their pair from training."""
        return [problem for problem in self.problems if problem.is_error]

    @property
    def usable(self) -> int:
        """How many pairs there are without those that are known to have an error."""
        return len(self) - int(np.count_nonzero(self._faulty))

    @property
    def ready(self) -> int:
        """How many pairs need not be decoded when they are asked for."""
        return len(self) - int(np.count_nonzero(self._missing()))

    def new_notes(self) -> list[str]:
        """Lines for the log about what was found since this was last asked."""
        problems, self._not_noted = self._not_noted, []
        trouble, self._trouble = self._trouble, []
        return notes_on(problems) + trouble

    def read(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """A batch of B pairs: photographs (B, S, S, 3) and masks (B, S, S) of 0 and 255, both uint8, and the indices given.

        What is not in the cache is decoded on all cores, and kept. Where ``skip_problems`` says so, pairs with an error are
        left out of all three; B may then be 0.

        Raises:
            InputError: if a pair has an error and is not to be skipped, or all pairs have one.
        """
        wanted = np.asarray(indices, np.intp)
        decoded = {} if self._store is not None and self._store.done[wanted].all() else self._decode(wanted)
        if (faulty := self._faulty[wanted]).any():
            if not self.skip_problems:
                raise refusal(self.errors)
            if not self.usable:
                raise InputError(f"No usable pairs are left to train or to validate with: {describe(self.errors)}")
            wanted = wanted[~faulty]
        given = wanted.tolist()
        if self._store is not None:
            images, masks = self._store.images[wanted], self._store.masks[wanted]
        else:
            shape = len(given), self.size, self.size
            images, masks = np.empty((*shape, 3), np.uint8), np.empty(shape, np.uint8)
        if decoded:
            for place, index in enumerate(given):
                if loaded := decoded.get(index):
                    images[place], masks[place] = loaded.image, loaded.mask
        return images, masks, given

    def warm_up(self, seconds: float = math.inf, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Decode what is missing, in order, for so many seconds; without a store just to find the problems."""
        deadline = time.monotonic() + seconds
        missing = np.flatnonzero(self._missing()).tolist()
        if seconds <= 0 or not missing:
            return
        with self._decoding, closing(load_pairs([self.pairs[index] for index in missing], self.size)) as loading:
            try:
                for done, (index, loaded) in enumerate(zip(missing, loading, strict=False), start=len(self) - len(missing) + 1):
                    self._keep(index, loaded)
                    self._publish()
                    if on_progress:
                        on_progress(done, len(self))
                    if time.monotonic() >= deadline:
                        break
            finally:
                self._publish(at_once=True)

    def _missing(self) -> np.ndarray:
        """(N,) bool: what would have to be decoded."""
        done = self._faulty if self._store is None else self._faulty | self._store.done
        return ~done

    def _decode(self, wanted: np.ndarray) -> dict[int, LoadedPair]:
        """Decode and keep those that are missing."""
        with self._decoding:
            if self._store is not None:
                self._look_again(self._store)
            missing = np.unique(wanted[self._missing()[wanted]]).tolist()
            if missing and missing[0] < 0:
                raise IndexError(f"there is no pair {missing[0]}")
            decoded = {}
            with closing(load_pairs([self.pairs[index] for index in missing], self.size)) as loading:
                for index, loaded in zip(missing, loading, strict=True):
                    self._keep(index, loaded)
                    decoded[index] = loaded
            self._publish(at_once=not self._missing().any())
        return decoded

    def _keep(self, index: int, loaded: LoadedPair) -> None:
        is_new = index not in self._problems
        self._learn(index, loaded.problems)
        if self._store is None or not self._writes or not self._is_unchanged(index):
            return
        if is_new and loaded.problems and not any(problem.is_passing for problem in loaded.problems):
            self._store.remember(index, loaded.problems)
        if not self._faulty[index]:
            try:
                self._store.write(index, loaded.image, loaded.mask)
            except OSError as error:
                self._give_up(error)

    def _learn(self, index: int, problems: list[Problem]) -> None:
        if problems and index not in self._problems:
            self._problems[index] = problems
            self._not_noted += problems
            self._faulty[index] = any(problem.is_error for problem in problems)

    def _look_again(self, store: PixelStore) -> None:
        for index, problems in store.look_again():
            self._learn(index, problems)

    def _is_unchanged(self, index: int) -> bool:
        """Whether the files are still those that the cache is named after; hours may lie between."""
        try:
            return np.array_equal(pair_facts([self.pairs[index]])[0], self._facts[index])
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
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Go on without writing: what is in the cache stays of use, and the rest is decoded each time."""
        self._writes = False
        reason = error.strerror or str(error)
        self._trouble.append(f"The image cache cannot be written ({reason}); photographs beyond it are decoded in every epoch.")
