"""The format of the run database: making it, and upgrading older ones."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import DDL, Connection, event, insert, select

from seg_core.common.home import run_folders
from seg_core.runs.tables import changes, metadata, settings

SCHEMA_VERSION = 8

for _name, _happens, _run in (
    ("run_added", "INSERT ON runs", "NEW.id"),
    ("run_changed", "UPDATE ON runs", "NEW.id"),
    ("run_deleted", "DELETE ON runs", "OLD.id"),
    ("run_logged", "INSERT ON log", "NEW.run_id"),
):
    _note = f"DELETE FROM changes WHERE run_id = {_run}; INSERT INTO changes (run_id) VALUES ({_run});"
    _trigger = DDL(f"CREATE TRIGGER IF NOT EXISTS {_name} AFTER {_happens} BEGIN {_note} END")  # type: ignore[no-untyped-call]
    event.listen(metadata, "after_create", _trigger.execute_if(dialect="sqlite"))
event.listen(changes, "after_create", DDL("INSERT INTO changes (run_id) SELECT id FROM runs ORDER BY id"))  # type: ignore[no-untyped-call]

# Statements that upgrade a database from each older format to the next; tables it lacks are created as in a new one.
_UPGRADES: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE runs ADD COLUMN place INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN stop_after_epoch BOOLEAN NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN notes VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN tags JSON NOT NULL DEFAULT '[]'",
    ),
    2: (),
    3: ('ALTER TABLE runs ADD COLUMN "group" INTEGER',),
    4: ("ALTER TABLE runs ADD COLUMN config_before JSON",),
    5: (),  # metrics of the split `process`
    6: (
        *(f"ALTER TABLE runs ADD COLUMN {name} FLOAT" for name in ("best_dice", "last_iou", "last_dice")),
        "ALTER TABLE runs ADD COLUMN archived BOOLEAN NOT NULL DEFAULT 0",
        *(
            f"UPDATE runs SET {name} = (SELECT value FROM metrics WHERE run_id = runs.id AND epoch = runs.{epoch} "
            f"AND split = 'val' AND name = '{metric}')"
            for name, epoch, metric in (
                ("best_dice", "best_epoch", "dice"),
                ("last_iou", "epochs_done", "iou"),
                ("last_dice", "epochs_done", "dice"),
            )
        ),
    ),
    7: (),  # alerts and their deliveries
}


_POSTGRES_TRIGGERS = (
    """
    CREATE FUNCTION note_run() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE run bigint;
    BEGIN
        IF TG_TABLE_NAME = 'log' THEN run := NEW.run_id;
        ELSIF TG_OP = 'DELETE' THEN run := OLD.id;
        ELSE run := NEW.id;
        END IF;
        DELETE FROM changes WHERE run_id = run;
        INSERT INTO changes (run_id) VALUES (run);
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER run_changed AFTER INSERT OR UPDATE OR DELETE ON runs FOR EACH ROW EXECUTE FUNCTION note_run()",
    "CREATE TRIGGER run_logged AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION note_run()",
)
_FORMAT = "format"
"""Row of the settings that has the format of a database on a server; SQLite's files have a number for it."""


def format_on_server(connection: Connection) -> int | None:
    """Return the format of a database on a server; None if it is empty. The first one on servers is 8."""
    if not connection.dialect.has_table(connection, settings.name):
        return None
    return int(connection.execute(select(settings.c.value).where(settings.c.name == _FORMAT)).scalar_one())


def create_on_server(connection: Connection, home: Path) -> None:
    """Make all tables in an empty database on a server; one that another process has made meanwhile stays as it is."""
    if format_on_server(connection) is not None:
        return
    metadata.create_all(connection)
    for statement in _POSTGRES_TRIGGERS:
        connection.exec_driver_sql(statement)
    connection.execute(insert(settings).values(name=_FORMAT, value=SCHEMA_VERSION))
    if used := run_folders(home):
        connection.exec_driver_sql("SELECT setval(pg_get_serial_sequence('runs', 'id'), %s)", (max(used),))


def create(connection: Connection, home: Path) -> None:
    """Make all tables of a new file."""
    metadata.create_all(connection)
    keep_numbers(connection, home)
    connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def upgrade(connection: Connection) -> None:
    """Bring an older database to this format; one that another process has upgraded meanwhile stays as it is."""
    found = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    for statement in (each for older in range(found, SCHEMA_VERSION) for each in _UPGRADES[older]):
        connection.exec_driver_sql(statement)
    metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA user_version = {max(found, SCHEMA_VERSION)}")


def keep_numbers(connection: Connection, home: Path) -> None:
    """Let no new run get the number of a run folder that is there: the database lost it, or was moved away."""
    if used := run_folders(home):
        highest = connection.exec_driver_sql("SELECT max(seq) FROM sqlite_sequence WHERE name = 'runs'").scalar_one() or 0
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'runs'")
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('runs', ?)", (max(highest, *used),))
