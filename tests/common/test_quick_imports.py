"""Importing without a search for garbage, which goes on afterwards."""

from __future__ import annotations

import gc

import pytest

from seg_core.common.imports import quick_imports


def test_the_search_for_garbage_pauses_and_goes_on_after_a_failure_too() -> None:
    assert gc.isenabled()
    with quick_imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), quick_imports():
        raise ImportError
    assert gc.isenabled()


def test_a_pause_within_a_pause_does_not_end_it() -> None:
    with quick_imports():
        with quick_imports():
            pass
        assert not gc.isenabled()
