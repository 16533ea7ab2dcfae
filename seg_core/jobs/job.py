"""What a job is: its kind, what it is asked to do, and how far it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from seg_core.runs.processes import Owner

Kind = Literal["scan", "evaluate", "fetch", "report", "masks", "card"]
JobStatus = Literal["queued", "running", "stopping", "stopped", "finished", "failed"]

AT_WORK: tuple[JobStatus, ...] = ("running", "stopping")
"""A process works on it. At most one job of a kind is in these states, beside the runs that train."""


@dataclass(frozen=True)
class Request:
    """What is asked for. Requests of one kind with the same key ask for the same thing, and share its result."""

    kind: Kind
    key: str
    """Letters, digits and hyphens: it names the folder of the result."""
    arguments: dict[str, Any]
    """Plain values for JSON."""


@dataclass(frozen=True)
class Job:
    """One request as the store knew it when it was read. Times are seconds since 1970 (UTC)."""

    id: int
    kind: Kind
    key: str
    arguments: dict[str, Any]
    status: JobStatus
    created: float
    finished: float | None
    host: str | None
    pid: int | None
    pid_started: float | None
    done: int
    total: int
    """0 before it is known."""
    message: str
    """What it does at the moment while active, afterwards one sentence on how it ended; often empty."""

    @property
    def request(self) -> Request:
        """What was asked for."""
        return Request(self.kind, self.key, self.arguments)

    @property
    def is_active(self) -> bool:
        """Queued, running or stopping: whoever shows it should look again."""
        return self.status == "queued" or self.status in AT_WORK

    @property
    def progress(self) -> float:
        """Share that is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def owner(self) -> Owner | None:
        """The process that works on it, or None."""
        if self.host is None or self.pid is None or self.pid_started is None:
            return None
        return Owner(self.host, self.pid, self.pid_started)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        return asdict(self) | {"progress": self.progress, "is_active": self.is_active}
