"""Many things at once: their results come in order, few are ahead of what was taken, and what has not begun can be stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from threading import Barrier, Event

import pytest

from seg_core.common.parallel import ordered_map


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_results_come_in_order_although_the_first_ends_last() -> None:
    second = Event()

    def square(number: int) -> int:
        if number == 0:
            assert second.wait(60)
        if number == 1:
            second.set()
        return number**2

    assert list(ordered_map(square, range(9))) == [number**2 for number in range(9)]
    assert list(ordered_map(square, [])) == []


def test_as_many_run_at_once_as_there_are_cores() -> None:
    both = Barrier(2, timeout=60)
    assert len(list(ordered_map(lambda _: both.wait(), range(6)))) == 6


def test_items_are_taken_no_further_ahead_than_two_a_core() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with closing(ordered_map(lambda number: number, items())) as results:
        assert [next(results), next(results)] == [0, 1]
        assert len(taken) == 5  # four are ahead when one is given out
    assert len(taken) == 5


def test_an_error_comes_in_its_turn_and_nothing_begins_after_it() -> None:
    begun: list[int] = []

    def refuse_two(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise ValueError("two")
        return number

    results = ordered_map(refuse_two, range(100))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert len(begun) <= 6
