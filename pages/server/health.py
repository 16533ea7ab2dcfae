"""Whether the app is well, for people and for what watches over it: /api/health and, for Prometheus, /api/metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import psutil
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pages.shared.counters import REGISTRY
from pages.shared.stores import store
from seg_core.common.versions import VERSION
from seg_core.errors import InputError
from seg_core.jobs.health import Health, Recent, look

GUEST = "lesionlab.guest"
"""Key in the scope of a request by somebody who is not signed in; set by `pages.server.access`."""
STATUSES = ("queued", "running", "stopping", "finished", "stopped", "failed", "lost")

router = APIRouter(prefix="/api", tags=["app"])


@router.get("/health", responses={503: {"description": "Something is wrong; `problems` says what."}})
def health(request: Request) -> JSONResponse:
    """Health of the app: its store, disk, workers and queue. 200 if all is well, else 503, with the problems in sentences.

    Who is not signed in learns the status alone: `ok` or `failing`.
    """
    now = _now(request)
    status = "failing" if now.problems else "ok"
    told = {"status": status} if request.scope.get(GUEST) else {"status": status} | _details(now)
    return JSONResponse(told, 503 if now.problems else 200, {"Cache-Control": "no-store"})


@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Figures in the text format of Prometheus: runs by status, queue, epochs, active runs, predictions, disk and memory."""
    text = generate_latest(_Figures(_now(request))) + generate_latest(REGISTRY)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


def _now(request: Request) -> Health:
    state = request.app.state
    if not hasattr(state, "health"):
        state.health = Recent(lambda: look(store(), getattr(state, "supervisor", None)))
    now: Health = state.health()
    return now


def _details(now: Health) -> dict[str, Any]:
    found = now.found
    return {
        "problems": now.problems,
        "version": VERSION,
        "store": {"readable": found.readable, "writable": found.writable},
        "disk": {"free_bytes": now.free_bytes, "enough": now.has_room},
        "workers": {"alive": found.alive, "lost": found.lost},
        "queue": {"length": found.runs.get("queued", 0), "jobs": found.jobs.get("queued", 0), "goes_on": not now.queue_problem},
        "runs": {"running": found.runs.get("running", 0) + found.runs.get("stopping", 0), "queued": found.runs.get("queued", 0)},
        "torch_loaded": "torch" in sys.modules,
    }


class _Figures(Collector):
    """The figures of a moment; all but the counts of this process come from the store."""

    def __init__(self, now: Health) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        found = self._now.found
        yield _gauge("up", "1 if all is well, as /api/health says.", not self._now.problems)
        runs = GaugeMetricFamily("lesionlab_runs", "Runs by status.", labels=["status"])
        for status in STATUSES:
            runs.add_metric([status], found.runs.get(status, 0))
        yield runs
        yield _gauge("queue_length", "Runs that wait in the queue.", found.runs.get("queued", 0))
        yield _gauge("jobs_active", "Jobs that wait or work.", sum(found.jobs.get(each, 0) for each in STATUSES[:3]))
        yield _gauge("epochs_done", "Whole epochs of all runs that are there.", found.epochs)
        yield _gauge("workers_alive", "Processes that work on runs and jobs.", found.alive)
        yield _gauge("workers_lost", "Runs and jobs whose process is gone.", found.lost)
        if self._now.free_bytes is not None:
            yield _gauge("disk_free_bytes", "Space on the disk of the home folder.", self._now.free_bytes)
        yield _gauge("memory_bytes", "Memory of the app's process.", psutil.Process().memory_info().rss)
        if found.readable:
            yield from _active_runs()


def _gauge(name: str, help: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"lesionlab_{name}", help, value=value)


def _active_runs() -> Iterator[Metric]:
    """Epoch, speed and last whole epoch's metrics of every run that trains."""
    epoch = GaugeMetricFamily("lesionlab_run_epoch", "Epoch of a run that trains.", labels=["run"])
    speed = GaugeMetricFamily("lesionlab_run_photographs_per_second", "Speed of a run that trains.", labels=["run"])
    last = GaugeMetricFamily(
        "lesionlab_run_metric", "The last whole epoch of a run that trains.", labels=["run", "split", "metric"]
    )
    try:
        for run in store().queue.running():
            epoch.add_metric([str(run.id)], run.epoch)
            if run.images_per_second is not None:
                speed.add_metric([str(run.id)], run.images_per_second)
            for split, values in store().history.epoch_metrics(run.id, run.epochs_done).items():
                for name, value in values.items():
                    last.add_metric([str(run.id), split, name], value)
    except InputError:
        return
    yield from (epoch, speed, last)
