"""Requests, and jobs: the work on a request and its progress."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from seg_core.runs.claim_protocol import RUNNING, owner_in
from seg_core.runs.processes import Owner

Kind = Literal["scan", "evaluate", "fetch", "report", "masks", "card", "propose", "doubtful", "attributes", "experts", "trial"]
JobStatus = Literal["queued", "running", "stopping", "stopped", "finished", "failed"]

ACTIVE: tuple[JobStatus, ...] = ("queued", *RUNNING)
"""Something will still happen to it."""


@dataclass(frozen=True)
class Request:
    """A question that a job answers. Requests of one kind with the same key are the same, and share their result."""

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
    """Current step while active, afterwards one sentence on how it ended; often empty."""

    @property
    def request(self) -> Request:
        """The request that it answers."""
        return Request(self.kind, self.key, self.arguments)

    @property
    def is_active(self) -> bool:
        """True while it is queued, running or stopping, so that its display needs updates."""
        return self.status in ACTIVE

    @property
    def progress(self) -> float:
        """Share that is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def owner(self) -> Owner | None:
        """Process that works on it or has reserved it, or None."""
        return owner_in(self.host, self.pid, self.pid_started)

    def to_json(self) -> dict[str, Any]:
        """Return all fields as plain values for JSON, with ``progress`` and ``is_active``."""
        return asdict(self) | {"progress": self.progress, "is_active": self.is_active}
