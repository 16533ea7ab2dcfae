"""The run database on a PostgreSQL server, which several machines share.

Transactions that write hold one lock to their end, as in SQLite: stamps and numbers that grow are then seen in the order in which
they were given, which `seg_core.runs.news` relies on. Such a transaction does not wait for the server's disk: as with SQLite, a
power cut may cost the last moments of a run, which it repeats on resuming.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, ProgrammingError

from seg_core.common.home import home
from seg_core.errors import DiskFull, StoreAway, StoreError, StoreUnwritable
from seg_core.runs import schema
from seg_core.runs.database_errors import NEWER, DamagedRow
from seg_core.runs.schema import SCHEMA_VERSION

CONNECT_SECONDS = 5
BUSY_SECONDS = 30
_LOCK = int.from_bytes(b"lesion")
"""Key of the lock that the one writer holds."""


class PostgresServer:
    """A run database on a server; see `seg_core.runs.database.Backend`.

    Args:
        address: ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``; the database has to be there, its tables are made.

    Raises:
        StoreError: if it cannot be used.
    """

    def __init__(self, address: str) -> None:
        self.at: Path | str = address
        self.home = home()
        self._url = _url(address)
        engine = create_engine(
            self._url,
            pool_pre_ping=True,  # after a restart of the server
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "options": f"{self._url.query.get('options', '')} -c synchronous_commit=off -c lock_timeout={BUSY_SECONDS}s",
            },
        )
        event.listen(engine, "begin", _begin)
        self.reader: Engine = engine.execution_options(
            home=self.home, isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self.writer: Engine = engine.execution_options(home=self.home, writes=True)
        try:
            with self.explaining():
                self._prepare()
        except StoreError:
            engine.dispose()
            raise

    def explaining(self) -> AbstractContextManager[None]:
        """Turn what is wrong with the database into a `StoreError`."""
        return _explaining(name_of(self._url))

    def make_room(self) -> bool:
        """Return False: the server's disk is not ours."""
        return False

    def keep_backup(self) -> None:
        """Do nothing: who runs a server makes its backups."""

    def _prepare(self) -> None:
        with self.reader.begin() as connection:
            version = schema.format_on_server(connection)
        if version is None:
            with self.writer.begin() as connection:
                schema.create_on_server(connection, self.home)
        elif version > SCHEMA_VERSION:
            more = NEWER.format(version=version, known=SCHEMA_VERSION)
            raise StoreError(f"The run database {name_of(self._url)} {more}.")


def name_of(url: URL) -> str:
    """Return the name of a database in sentences, such as ``lesionlab on db.example.org``: without its user and password."""
    host = url.host or url.query.get("host") or "this machine"
    return f"{url.database or url.username} on {host if isinstance(host, str) else host[0]}"


@contextmanager
def impatient(address: str, seconds: float) -> Iterator[Any]:
    """Connect to a database of its own accord, for a look that takes so many seconds at most.

    Raises:
        StoreError: if it does not answer.
    """
    import psycopg

    plain = _url(address).set(drivername="postgresql")
    with _explaining(name_of(plain)):
        try:
            options = f"{plain.query.get('options', '')} -c statement_timeout={round(1000 * seconds)}"
            dsn = plain.render_as_string(hide_password=False)
            with psycopg.connect(dsn, autocommit=True, connect_timeout=round(seconds), options=options) as connection:
                yield connection
        except psycopg.Error as error:
            raise _explained(error, name_of(plain)) from error


def _url(address: str) -> URL:
    try:
        url = make_url(address)
        if url.get_backend_name() != "postgresql":
            raise ArgumentError
    except (ArgumentError, ValueError):
        raise StoreError(
            "LESIONLAB_STORE is no address of a PostgreSQL database; write postgresql://USER:PASSWORD@HOST/DATABASE."
        ) from None
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise StoreError(
            "A run database on a server needs the package psycopg, which is not installed; install lesionlab[cluster], "
            "or unset LESIONLAB_STORE."
        ) from None
    return url.set(drivername="postgresql+psycopg")


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


@contextmanager
def _explaining(where: str) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise _explained(error.orig, where) from error
    except ProgrammingError as error:
        if _state(error.orig).startswith("42501"):
            raise StoreUnwritable(f"The run database {where} does not let this user in; correct the user's rights.") from error
        raise
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise _away(where, error.orig) from error
    except DamagedRow as error:
        raise StoreError(f"The run database {where} is damaged ({error}); bring back a backup of it.") from error


def _explained(error: BaseException | None, where: str) -> StoreError:
    state, text = _state(error), " ".join(str(error).split())
    if state.startswith("55P03"):
        return StoreError(f"The run database {where} is kept busy by another process; try again.")
    if state.startswith("53100"):
        return DiskFull(f"The disk of the run database {where} is full; free some space, then try again.")
    if state.startswith(("28", "3D")) or "authentication failed" in text or "does not exist" in text:
        return StoreError(f"The run database {where} refuses: {text.rpartition('FATAL:')[2].strip()}; correct LESIONLAB_STORE.")
    return _away(where, error)


def _away(where: str, error: BaseException | None) -> StoreAway:
    first = next(iter(str(error).strip().splitlines()), "no answer")
    return StoreAway(f"The run database {where} does not answer ({first[:200]}); start its server, or correct LESIONLAB_STORE.")


def _state(error: Any) -> str:
    return str(getattr(error, "sqlstate", None) or "")
