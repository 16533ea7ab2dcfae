"""The live components of the pages: small scripts of our own that poll /api for changes.

All components of a page share one clock and one poll, ``/api/runs?after=…`` once a second, and fetch more only for what has
changed; in a hidden tab they do not poll. `st.plotly_chart` in a polling fragment is redrawn with every point, which flickers and
loses the zoom; these keep theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from pages.live.plotly import PLOTLY_URL
from seg_core.common.colours import GROUP_COLOURS, RUN_COLOURS, colours_of
from seg_core.evaluation.charts import Chart
from seg_core.jobs.job import Job
from seg_core.metrics import MEANINGS
from seg_core.runs.run import Run
from seg_core.training.history import EPOCH_METRICS

_HERE = Path(__file__).parent


def component(*names: str) -> Any:
    """Make the component of the last of these scripts and styles; those before it are shared with other components."""
    script, style = (
        "\n".join(file.read_text(encoding="utf-8") for name in names if (file := _HERE / f"{name}.{ending}").exists())
        for ending in ("js", "css")
    )
    return st.components.v2.component(f"lesionlab_{names[-1]}", js=script, css=style, isolate_styles=False)


_charts = component(
    "elements", "live", "plotly", "waiting", "chart_view", "batch_lines", "chart_layout", "chart_values", "charts"
)
_list = component("elements", "live", "run_buttons", "run_columns", "run_row", "run_list")
_facts = component("elements", "live", "waiting", "run_buttons", "run_facts")
_wall = component("elements", "live", "waiting", "run_buttons", "wall")
_advice = component("elements", "live", "run_advice")
_log = component("elements", "live", "run_log")
_progress = component("elements", "live", "progress")
_timeline = component("elements", "live", "drawing", "mask_timeline")
_compare = component("elements", "drawing", "photograph", "compare_view")
_wipe = component("elements", "drawing", "wipe")
_notify = component("elements", "notify_switch")
_now = component("elements", "live", "runs_now")
_viewer = component("elements", "drawing", "photograph", "image_viewer")
_editor = component("elements", "drawing", "drawn_mask", "mask_canvas", "mask_editor")
_comparison = component("elements", "plotly", "photograph", "comparison_charts")


@dataclass(frozen=True)
class Curve:
    """One run in the charts. A run of the store is polled; one that is over comes with its ``points``, as the API gives them.

    With ``members``, the ids of runs, it is a group: their mean, in a band from the lowest to the highest.
    """

    id: int | str
    label: str
    colour: str
    points: list[dict[str, Any]] | None = None
    members: list[int] | None = None


@dataclass(frozen=True)
class Mark:
    """A level in the chart of a metric to compare with, its label above or below it."""

    metric: str
    value: float
    label: str
    above: bool


def live_charts(
    curves: Sequence[Curve],
    charts: Mapping[str, str] = EPOCH_METRICS,
    marks: Sequence[Mark] = (),
    *,
    view: str | None = None,
    key: str = "",
) -> str | None:
    """Draw metrics by epoch: training dashed, validation solid, one colour for each run.

    With a ``view``, the visitor chooses smoothing, axes and further charts. The choice is returned; None before there is one.

    Args:
        curves: the runs and groups.
        charts: title by metric.
        marks: levels to compare with.
        view: what the visitor chose before, as JSON; ``{}`` for nothing. None offers no choice.
        key: tells several of these on one page apart.
    """
    data = {
        "runs": [asdict(curve) for curve in curves],
        "charts": list(charts.items()),
        "marks": [asdict(mark) for mark in marks],
        "view": view,
        "plotly": PLOTLY_URL,
    }
    shown = _charts(data=data, on_view_change=lambda: None, key=f"live-charts{key}")
    chosen: str | None = shown.view
    return chosen


def run_list(linked: list[str], known: Collection[str]) -> list[str]:
    """List all runs and groups with status, progress and best IoU; return the keys of those chosen, in order of choice.

    ``linked`` are chosen at first, and again when something that the visitor chose is no longer ``known``.
    """
    clicked = st.session_state.get("run-list", {}).get("chosen")
    chosen = linked if clicked is None or not set(clicked) <= set(known) else list(clicked)
    colours = {"run": RUN_COLOURS, "group": GROUP_COLOURS, "chosen": colours_of(chosen)}
    data = {"chosen": chosen, "colours": colours}
    _list(data=data, default={"chosen": chosen}, on_chosen_change=lambda: None, key="run-list")
    return chosen


def run_facts(run: Run, others: Sequence[Run] = ()) -> None:
    """Show status and figures of a run, and buttons to stop or resume it; the page is redrawn when one of them begins or ends."""
    seen = ["active" if one.is_active else one.status for one in (run, *others)]
    meanings = {"Best IoU": MEANINGS["iou"], "Last Dice": MEANINGS["dice"]}
    data = {"id": run.id, "run": run.to_json(), "others": [other.id for other in others], "seen": seen, "meanings": meanings}
    _facts(data=data, default={"seen": ""}, on_seen_change=lambda: None, key=f"run-facts-{run.id}")


def wall() -> None:
    """Show what trains, large, one run after the other; the frame of the app is hidden."""
    _wall(data={"colours": RUN_COLOURS}, key="wall")


def run_advice(runs: Mapping[Run, str]) -> None:
    """Show what goes badly in some runs, each in its colour, and what to do; nothing where all goes well."""
    shown = [{"id": run.id, "label": run.label, "colour": colour} for run, colour in runs.items()]
    _advice(data={"runs": shown}, key="run-advice")


def run_log(run_id: int, lines: int) -> None:
    """Show the last lines of a run's log."""
    _log(data={"id": run_id, "lines": lines}, key=f"run-log-{run_id}")


def runs_now() -> str | None:
    """List the runs that train or wait; return the key of one that is clicked."""
    opened: str | None = _now(data={}, on_open_change=lambda: None, key="runs-now").open
    return opened


def notify_switch() -> None:
    """Show a switch for the notifications of this browser, which it keeps for itself."""
    _notify(data={}, key="notify-switch")


def run_bars(runs: Sequence[Run]) -> None:
    """Show the progress of some runs; the page is redrawn after every epoch and when a run ends."""
    data = {
        "runs": [{"id": run.id, "label": run.label} for run in runs],
        "seen": [[run.status, run.epochs_done] for run in runs],
    }
    _progress(data=data, default={"seen": ""}, on_seen_change=lambda: None, key="run-bars")


def job_bars(jobs: Mapping[str, Job], *, can_cancel: bool) -> None:
    """Show the progress of active jobs, by name, perhaps with buttons to cancel them; the page is redrawn when a job ends."""
    data = {
        "jobs": [{"id": job.id, "label": name, "cancel": can_cancel} for name, job in jobs.items()],
        "seen": [True for _ in jobs],
    }
    key = "-".join(["job-bars", *(f"{job.id} {name}" for name, job in jobs.items())])  # a page may show one job twice
    _progress(data=data, default={"seen": ""}, on_seen_change=lambda: None, key=key)


def mask_timeline(runs: list[Run], colours: list[str]) -> None:
    """Show the masks of the fixed validation photographs, epoch by epoch; several runs stand side by side at the same epoch."""
    shown = [
        {"id": run.id, "created": run.created, "label": run.label, "colour": colour, "threshold": run.config.threshold}
        for run, colour in zip(runs, colours, strict=True)
    ]
    _timeline(data={"runs": shown}, key="mask-timeline")


@dataclass(frozen=True)
class MaskModel:
    """A model whose masks are shown; ``threshold`` is the one stored with it."""

    label: str
    colour: str
    threshold: float


def wipe(photo: str, masks: Sequence[tuple[MaskModel, str]]) -> None:
    """Show a photograph with two masks, with a line to wipe one against the other.

    ``photo`` is the address of a picture, and so is the second value of each mask: its probabilities in grey.
    """
    data = {"photo": photo, "masks": [{"model": asdict(model), "mask": mask} for model, mask in masks]}
    _wipe(data=data, key="wipe")


@dataclass(frozen=True)
class MaskPhoto:
    """A photograph with its masks: addresses of pictures of one size, and the IoU of each model; None where there is no mask.

    ``both_empty`` says for which models neither the truth nor the mask marks a lesion.
    """

    id: str
    photo: str
    truth: str
    masks: list[str | None]
    scores: list[float | None]
    both_empty: list[bool]
    experts: str | None = None
    """Address of a picture of the share of experts who mark each pixel, where several outlined the photograph."""


def compare_view(models: Sequence[MaskModel], photos: Sequence[MaskPhoto], threshold: float | None, state: str) -> None:
    """Show photographs with the masks of some models, at one threshold or, if None, at each model's own.

    The session's ``state`` receives the threshold that the user chooses before the page is redrawn. A photograph that is clicked
    opens in the `image_viewer` of the page.
    """

    def choose() -> None:
        chosen = st.session_state["compare-view"].threshold
        st.session_state[state] = None if chosen is None else float(chosen)

    data = {"models": [vars(model) for model in models], "photos": [vars(photo) for photo in photos], "threshold": threshold}
    _compare(data=data, default={"threshold": threshold}, on_threshold_change=choose, key="compare-view")


def comparison_charts(charts: Sequence[Chart]) -> None:
    """Show charts in tabs; a click on a photograph's point opens it in the `image_viewer` of the page."""
    _comparison(data={"charts": [vars(chart) for chart in charts], "plotly": PLOTLY_URL}, key="comparison-charts")


@dataclass(frozen=True)
class ViewedPhotos:
    """Photographs to step through; ``places`` and all after it have an entry for each, and in it one for each model."""

    keys: list[str]
    """The keys of the evaluations."""
    ids: list[str]
    places: list[list[tuple[int, int] | None]]
    """The pictures: an index into ``keys``, and the photograph's number in that evaluation; None where there is no mask."""
    scores: list[list[float | None]]
    """IoU; None where there is no mask."""
    both_empty: list[list[bool]]
    """True where neither the truth nor the mask marks a lesion."""
    experts: list[bool] = field(default_factory=list)
    """True where several experts outlined the photograph."""


def image_viewer(models: Sequence[MaskModel], photos: ViewedPhotos, threshold: float | None) -> None:
    """Show one photograph large: all outlines in one picture, and errors and probabilities of each model; they zoom together.

    Arrow keys step through the photographs. One that is clicked elsewhere on the page opens above the page.
    """
    data = {"models": [vars(model) for model in models], "photos": vars(photos), "threshold": threshold}
    _viewer(data=data, key="image-viewer")


@dataclass(frozen=True)
class EditedPhoto:
    """A photograph of a collection, and the state of its mask: saved, proposed, empty, or excluded; and its newest version."""

    id: str
    state: str
    versions: int


@dataclass(frozen=True)
class ProposingModel:
    """A model whose mask an edit may begin with: its short name, and its own threshold."""

    key: str
    threshold: float


def mask_editor(
    collection: str, photos: Sequence[EditedPhoto], model: ProposingModel | None, *, opened: str | None, refusal: str
) -> tuple[str | None, str]:
    """Show the masks of a collection to correct; return the photograph that is open, and the name that the visitor typed.

    Masks are loaded and saved through ``/api/collections``; the page is redrawn when another photograph opens, and after a save.

    Args:
        collection: its name.
        photos: its photographs, in the order in which the visitor goes through them.
        model: proposes masks; None if there is no model.
        opened: the photograph that the address names.
        refusal: what visitors are told who may not save; empty for those who may.
    """
    data = {
        "name": collection,
        "items": [asdict(photo) for photo in photos],
        "model": asdict(model) if model else None,
        "opened": opened,
        "viewer": refusal,
    }
    told = {f"on_{name}_change": lambda: None for name in ("at", "author", "saved")}
    shown = _editor(data=data, **told, key=f"mask-editor-{collection}")
    return shown.at, shown.author or ""
