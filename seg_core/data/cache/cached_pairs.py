"""Pairs of an image cache as a training reads them, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np

from seg_core.data.cache.image_cache import ImageCache
from seg_core.data.check import Problem, describe, notes_on, refusal
from seg_core.data.folders import Pair
from seg_core.errors import InputError


class CachedPairs:
    """A view of some rows of an `ImageCache`, by index: a split, or the whole. It copies no pixels until they are read.

    `seg_core.data.cache.storage.cache_pairs` makes the view of the whole cache, and `select` the view of a split.
    """

    def __init__(self, cache: ImageCache, rows: np.ndarray, skip_problems: bool) -> None:
        self.pairs = [cache.pairs[row] for row in rows.tolist()]
        self.size, self.uncached, self.skip_problems = cache.size, cache.uncached, skip_problems
        self._cache, self._rows = cache, rows
        self._is_mine = np.zeros(len(cache.pairs), bool)
        self._is_mine[rows] = True
        self._noted = 0  # entries of the cache's problems that `new_notes` has looked at

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
            raise refusal(self._cache.problems[int(self._rows[index])])
        return images[0], masks[0]

    @property
    def problems(self) -> list[Problem]:
        """All problems found so far, in the order in which they were found."""
        return self._problems_since(0)

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep their pair from training."""
        return [problem for problem in self.problems if problem.is_error]

    @property
    def usable(self) -> int:
        """Number of pairs without a known error."""
        return len(self) - int(np.count_nonzero(self._cache.faulty[self._rows]))

    @property
    def empty(self) -> int:
        """Number of pairs known to have no lesion."""
        return len({problem.file for problem in self.problems if problem.kind == "no lesion"})

    @property
    def ready(self) -> int:
        """Number of pairs that can be read without decoding."""
        return len(self) - int(np.count_nonzero(self._cache.missing(self._rows)))

    def select(self, pairs: list[Pair]) -> CachedPairs:
        """Return a view of some of these pairs, in the order given, that reads and fills the same cache.

        Raises:
            KeyError: if a pair is none of these.
        """
        rows = dict(zip(self.pairs, self._rows.tolist(), strict=True))
        return CachedPairs(self._cache, np.array([rows[pair] for pair in pairs], np.intp), self.skip_problems)

    def new_notes(self) -> list[str]:
        """Lines for the log about what was found since the last call."""
        problems = self._problems_since(self._noted)
        self._noted = len(self._cache.problems)
        return notes_on(problems) + self._cache.new_write_errors()

    def read(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Return a batch of B pairs: photographs (B, S, S, 3) and masks (B, S, S) of 0 and 255, both uint8, and their indices.

        What is not in the cache is decoded on all cores, and kept. With ``skip_problems``, pairs with an error are left out of
        all three; B may then be 0.

        Raises:
            IndexError: if an index is negative or beyond the pairs.
            InputError: if a pair has an error and ``skip_problems`` is False, or all pairs have one.
        """
        wanted = np.asarray(indices, np.intp)
        if (wanted < 0).any():
            raise IndexError(f"there is no pair {wanted.min()}")
        rows = self._rows[wanted]
        decoded = self._cache.decode_missing(rows)
        if (faulty := self._cache.faulty[rows]).any():
            if not self.skip_problems:
                raise refusal(self.errors)
            if not self.usable:
                raise InputError(f"No usable pairs are left to train or to validate with: {describe(self.errors)}")
            wanted, rows = wanted[~faulty], rows[~faulty]
        images, masks = self._cache.pixels(rows, decoded)
        return images, masks, wanted.tolist()

    def warm_up(self, seconds: float = math.inf, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Decode what is missing, in order, for ``seconds``; ``on_progress`` gets (decoded, total)."""
        self._cache.warm_up(self._rows, seconds, on_progress)

    def _problems_since(self, first: int) -> list[Problem]:
        """Problems of these pairs in the cache's entries from the ``first`` on."""
        entries = islice(self._cache.problems.items(), first, None)
        return [problem for row, problems in entries if self._is_mine[row] for problem in problems]
