"""What an alert says: as a title and a sentence for people, and as fields for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from seg_core.runs.alerts.events import Event

ADDRESS_OF_APP = "LESIONLAB_URL"
"""Environment variable with the app's own address, to which alerts link; the app sets it for the processes that it starts."""

_TITLES: dict[Event, str] = {
    "finished": "has finished",
    "failed": "has failed",
    "lost": "is lost",
    "target": "has passed a target",
}
FIELDS = ("run", "name", "label", "status", "epoch", "epochs", "best_iou", "reason")
"""Fields that every alert has; null where there is nothing to say."""
_METRICS = {"iou": "IoU", "dice": "Dice"}


@dataclass(frozen=True)
class Alert:
    """An event as it was recorded; ``time`` in seconds since 1970 (UTC), and ``facts`` of that moment."""

    id: int
    event: Event
    time: float
    facts: dict[str, Any]

    @property
    def run_id(self) -> int | None:
        """The run's number; None for a test."""
        return self.facts.get("run")

    @property
    def title(self) -> str:
        """A title such as ``#3 first try has finished``."""
        return "LesionLab: a test" if self.event == "test" else f"{self.facts.get('label')} {_TITLES[self.event]}"

    @property
    def message(self) -> str:
        """One sentence or two on what happened."""
        if self.event == "test":
            return "Alerts of your runs arrive here."
        facts = self.facts
        if self.event == "target":
            what = _METRICS.get(facts.get("metric", ""), "score")
            passed = f"Validation {what} {_score(facts.get('value'))} in epoch {facts.get('epoch')}"
            return f"{passed}; the target is {_score(facts.get('target'))}."
        best = facts.get("best_iou")
        after = f"after {facts.get('epoch')} of {facts.get('epochs')} epochs"
        score = f"It ended {after}." if best is None else f"Best validation IoU {_score(best)} {after}."
        return " ".join(filter(None, [facts.get("reason"), score]))

    def to_json(self, app: str = "") -> dict[str, Any]:
        """Return the fields for programs; ``app`` is the app's address, if it is known."""
        facts = dict.fromkeys(FIELDS) | self.facts
        link = f"{app.rstrip('/')}/monitor?run={self.run_id}" if app and self.run_id else None
        when = datetime.fromtimestamp(self.time, UTC).isoformat(timespec="seconds")
        told = {"title": self.title, "message": self.message, "time": when, "link": link}
        return {"id": self.id, "event": self.event} | facts | told


def _score(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float | int) else "unknown"
