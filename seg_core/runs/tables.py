"""The tables of the run database, shared by runs and jobs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData()
_ID = BigInteger().with_variant(Integer, "sqlite")
"""Numbers of rows, of which there may be more than 2 billion over the years; SQLite's are as large by themselves."""


def _owner() -> list[Column[Any]]:
    """Make the columns that say which process works on a row."""
    return [Column("host", String), Column("pid", Integer), Column("pid_started", Float)]


runs = Table(
    "runs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("config", JSON, nullable=False),
    Column("sources", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("queued", Float, nullable=False),
    Column("place", Integer, nullable=False, default=0),
    Column("started", Float),
    Column("finished", Float),
    Column("seconds_before", Float, nullable=False, default=0.0),
    *_owner(),
    Column("heartbeat", Float),
    Column("foreground", Boolean, nullable=False, default=False),
    Column("resume", Boolean, nullable=False, default=False),
    Column("phase", String, nullable=False, default="waiting"),
    Column("epoch", Integer, nullable=False, default=0),
    Column("batch", Integer, nullable=False, default=0),
    Column("batches", Integer, nullable=False, default=0),
    Column("epochs_done", Integer, nullable=False, default=0),
    Column("images_per_second", Float),
    Column("eta_seconds", Float),
    Column("best_epoch", Integer),
    Column("best_iou", Float),
    Column("message", String, nullable=False, default=""),
    Column("stop_after_epoch", Boolean, nullable=False, default=False),
    Column("notes", String, nullable=False, default=""),
    Column("tags", JSON, nullable=False, default=list),
    Column("group", _ID),
    Column("config_before", JSON(none_as_null=True)),
    Column("best_dice", Float),
    Column("last_iou", Float),
    Column("last_dice", Float),
    Column("archived", Boolean, nullable=False, default=False),
    sqlite_autoincrement=True,
)

metrics = Table(
    "metrics",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("split", String, nullable=False),
    Column("name", String, nullable=False),
    Column("value", Float, nullable=False),
    UniqueConstraint("run_id", "epoch", "split", "name"),
    Index("metrics_by_run", "run_id", "id"),
    sqlite_autoincrement=True,
)

log = Table(
    "log",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("time", Float, nullable=False),
    Column("level", String, nullable=False),
    Column("text", String, nullable=False),
    Index("log_by_run", "run_id", "id"),
    sqlite_autoincrement=True,
)

# The training loss of every batch: a blob of little-endian float32 for each epoch, since rows of single numbers would be a
# hundred times slower to read. `batches` counts those of the whole epoch, done or not.
batch_losses = Table(
    "batch_losses",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("batches", Integer, nullable=False),
    Column("losses", LargeBinary, nullable=False),
)

# The order in which runs last changed, got a log line or were deleted: a greater stamp is later. Triggers in schema.py
# write it, so that it misses no change by any process.
changes = Table(
    "changes",
    metadata,
    Column("stamp", _ID, primary_key=True),
    Column("run_id", _ID, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("kind", String, nullable=False),
    Column("key", String, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("created", Float, nullable=False),
    Column("finished", Float),
    *_owner(),
    Column("done", Integer, nullable=False, default=0),
    Column("total", Integer, nullable=False, default=0),
    Column("message", String, nullable=False, default=""),
    Index("jobs_by_key", "kind", "key"),
    sqlite_autoincrement=True,
)

settings = Table(
    "settings",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
)

# The settings of its trials are in `plan` and `params`; what became of them is in the rows of their runs alone.
sweeps = Table(
    "sweeps",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("config", JSON, nullable=False),
    Column("sources", JSON, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("ending", String, nullable=False, default=""),
    Column("message", String, nullable=False, default=""),
    Column("looks", Integer, nullable=False, default=0),
    sqlite_autoincrement=True,
)

sweep_trials = Table(
    "sweep_trials",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("role", String, nullable=False),
    Column("params", JSON, nullable=False),
    Column("pruned", String, nullable=False, default=""),
    UniqueConstraint("sweep_id", "number"),
)

sweep_runs = Table(
    "sweep_runs",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("trial_id", ForeignKey("sweep_trials.id", ondelete="CASCADE"), nullable=False, index=True),
)

# What people may want to be told of a run, recorded in the transaction in which it happens. `facts` are those of that moment.
# `settled` says that it is known to whom it goes; without an address it goes to nobody.
alerts = Table(
    "alerts",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE")),
    Column("event", String, nullable=False),
    Column("metric", String, nullable=False, default=""),
    Column("target", Integer, nullable=False, default=0),
    Column("time", Float, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("settled", Boolean, nullable=False, default=False, index=True),
    Index("alerts_by_run", "run_id", "event"),
    sqlite_autoincrement=True,
)

# An alert on its way to one address, which is a secret: `address` is a digest of it.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("alert_id", ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    Column("address", String, nullable=False),
    Column("state", String, nullable=False, default="waiting", index=True),
    Column("tries", Integer, nullable=False, default=0),
    Column("due", Float, nullable=False),
    Column("why", String, nullable=False, default=""),
    *_owner(),
    UniqueConstraint("alert_id", "address"),
    sqlite_autoincrement=True,
)
