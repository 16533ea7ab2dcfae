"""Candidates for the recipe: groups of runs in LesionLab's own queue, on the same five folds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from seg_core.config import Config
from seg_core.data.dataset import open_dataset
from seg_core.jobs.supervisor import Supervisor
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

FOLDS = 5
TAG = "search"
TRAINED = ("queued", "running", "finished")
"""Statuses of runs that need not be trained again."""


def enqueue(candidate: str, common: str, data: str, folds: int, store: RunStore) -> None:
    """Queue a candidate, ``NAME: KEY=VALUE …``, on the first ``folds`` folds, leaving out those that it is trained on."""
    name, _, differing = candidate.partition(":")
    settings: dict[str, Any] = {key: _value(text) for key, text in (each.split("=") for each in f"{common} {differing}".split())}
    sources = open_dataset(data).sources
    known = [run.config for run in store.list_runs() if run.status in TRAINED and run.sources == sources]
    wanted = Config.of(**settings).repeated(folds=FOLDS)[:folds]
    if new := [config for config in wanted if config not in known]:
        store.queue.add_group(name, new, sources, tags=[TAG])


def train_queue(store: RunStore) -> None:
    """Train all queued runs, as the app does, and wait for them."""
    supervisor = Supervisor(store)
    supervisor.start()
    while any(run.is_active for run in store.list_runs()):
        time.sleep(2)
    supervisor.stop()


def finished(store: RunStore) -> Iterator[Run]:
    """Finished runs of the search, oldest first."""
    return (run for run in reversed(store.list_runs()) if TAG in run.tags and run.status == "finished")


def by_candidate(store: RunStore) -> dict[tuple[str, str], list[Run]]:
    """Finished runs of the search by the candidate's name and `differences`, oldest candidate first."""
    runs: dict[tuple[str, str], list[Run]] = {}
    for run in finished(store):
        runs.setdefault((run.name, differences(run)), []).append(run)
    return runs


def differences(run: Run) -> str:
    """Settings, other than seed and fold, in which a run differs from the recipe as it is now."""
    best, settings = Config.of("best").model_dump(), run.config.model_dump(exclude={"seed", "folds", "fold"})
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value != best[name]) or "none"


def _value(text: str) -> Any:
    """Return a number or a boolean where the text is one, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
