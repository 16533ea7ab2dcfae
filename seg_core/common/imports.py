"""Importing large packages."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Timer


@contextmanager
def quick_imports() -> Iterator[None]:
    """Pause the search for garbage: nothing that imports make is any, and for large packages it takes a fifth of their time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def imports_ahead(module: str, seconds: float) -> Iterator[None]:
    """Import a module in the background after some seconds, so that the first page that needs it need not wait."""
    timer = Timer(seconds, import_module, [module])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
