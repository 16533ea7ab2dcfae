"""The part of the Train page that starts a sweep around the settings chosen there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import streamlit as st

from pages.shared.launch import launch
from pages.shared.markdown import plain
from pages.shared.stores import store, sweeps
from seg_core.config import MOST_FOLDS, MOST_SEEDS, Config
from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.runs.estimate import about, estimate_seconds
from seg_core.sweeps.command_line import sweep_command
from seg_core.sweeps.space import SETTINGS
from seg_core.sweeps.stepping import go_on
from seg_core.sweeps.sweep import BY_TITLES, MOST_RUNS, USUAL_RUNS, By, Plan

AT_FIRST = "learning_rate=5e-4..5e-3 log\nencoder_rate=0.1..1\nloss=bce-dice,bce-lovasz"
SPACE_HELP = (
    "One setting a line: a list as `loss=bce,bce-dice`, or a range as `learning_rate=1e-4..1e-2 log`. `in 5` makes a list of "
    f"5 values of a range. Settings: {', '.join(SETTINGS)}."
)
BY_HELP = (
    "TPE: Optuna tries more of what did well. Random: by chance. Grid: all combinations, for which a range needs `in 5`. TPE and "
    "Random try the settings of this form first, where they are among those to try."
)


def sweep_form(configs: Sequence[Config], dataset: Dataset | None, name: str, obstacle: str, key: str) -> None:
    """Show the form, and start a sweep when its button is pressed.

    Args:
        configs: those that the Train page would launch; a sweep needs one.
        dataset: trains and validates.
        name: of the sweep.
        obstacle: what keeps any run from being launched; empty if nothing does.
        key: of the Train page's form.
    """
    st.caption(
        "Trains with many settings, one run after the other, and compares them on validation photographs. The best is trained "
        "again with fresh seeds, beside the settings above, before it is called better."
    )
    typed = _typed(key)
    if len(configs) > 1:
        obstacle = obstacle or "A sweep tries settings of one model; choose one above."
    try:
        plan = Plan.of(configs[0], **typed)
    except InputError as error:
        st.error(plain(str(error)))
        return
    if not obstacle and dataset:
        obstacle = _unfit(configs[0], plan, dataset)
    st.caption(plain(f"{_extent(configs[0], plan)} {_takes(configs[0], plan, dataset)}".strip()))
    if st.button("Start the sweep", icon=":material/travel_explore:", disabled=bool(obstacle), key="start-sweep") and dataset:
        keys = launch(lambda: [str(sweeps().add(name, configs[0], dataset.sources, plan).id)])
        go_on(store())
        st.switch_page("sweeps.py", query_params={"sweep": keys})
    if obstacle:
        st.caption(plain(obstacle))
    sources = list(dataset.sources) if dataset else ["DIR"]
    st.code(sweep_command(configs[0], sources, name, plan), language="bash", wrap_lines=True)


def _typed(key: str) -> dict[str, Any]:
    kept: dict[str, Any] = {"persist_state": "session"}
    space = st.text_area("Settings to try", AT_FIRST, height=110, help=SPACE_HELP, key=f"sweep-space-{key}", **kept)
    bys: list[By] = ["tpe", "random", "grid"]
    by = st.segmented_control(
        "Search",
        bys,
        default=bys[0],
        required=True,
        format_func=BY_TITLES.__getitem__,
        help=BY_HELP,
        key=f"sweep-by-{key}",
        **kept,
    )
    assert by in get_args(By)
    left, right = st.columns(2)
    usual = None if by == "grid" else USUAL_RUNS
    runs = left.number_input(
        "Most runs",
        min_value=1,
        max_value=MOST_RUNS,
        value=usual,
        placeholder="all combinations",
        help="Runs to search with; those that prove the best come on top.",
        key=f"sweep-runs-{by == 'grid'}-{key}",
        **kept,
    )
    hours = right.number_input(
        "Most hours",
        *(0.1, 1000.0, None),
        placeholder="no limit",
        help="Hours of training after which no further trial begins.",
        key=f"sweep-hours-{key}",
        **kept,
    )
    left, right = st.columns(2)
    folds = left.number_input(
        "Folds of a trial",
        *(1, MOST_FOLDS, 1),
        help="With more than one, each trial is a cross-validation, and its mean counts: steadier, and as many times the work.",
        key=f"sweep-folds-{key}",
        **kept,
    )
    seeds = right.number_input(
        "Fresh seeds",
        *(2, MOST_SEEDS, 3),
        help="With so many seeds the best settings and those above are trained again, to tell a gain from luck.",
        key=f"sweep-seeds-{key}",
        **kept,
    )
    prune = st.checkbox(
        "Stop trials that fall behind",
        value=True,
        help="From a third of the epochs on, a trial whose best IoU is below the median of the others at its epoch is stopped.",
        key=f"sweep-prune-{key}",
        **kept,
    )
    return {
        "space": space.splitlines(),
        "by": by,
        "runs": runs,
        "hours": hours,
        "folds": int(folds),
        "seeds": int(seeds),
        "prune": None if prune else False,
    }


def _unfit(config: Config, plan: Plan, dataset: Dataset) -> str:
    """Return why the photographs are too few for the folds; empty if they are not."""
    try:
        # The last fold is the smallest. The worker looks for copies.
        dataset.split(config.repeated(folds=plan.folds)[-1].split_spec._replace(copies="anywhere"))
    except InputError as error:
        return str(error)
    return ""


def _extent(config: Config, plan: Plan) -> str:
    size = plan.space_of(config).size
    trials = plan.most_trials if size is None else min(size, plan.most_trials)
    of = f" of {size:,} combinations" if size is not None else ""
    return f"Up to {trials:,} trials{of}, then {2 * plan.seeds} runs that prove the best."


def _takes(config: Config, plan: Plan, dataset: Dataset | None) -> str:
    if dataset is None or not dataset.trainable:
        return ""
    size = plan.space_of(config).size
    searching = plan.folds * (plan.most_trials if size is None else min(size, plan.most_trials))
    one = estimate_seconds([config], len(dataset.trainable), dataset.counts["val"], store().list_runs())
    seconds = searching * one if plan.hours is None else min(searching * one, plan.hours * 3600)
    return f"Without pruning {about(seconds + 2 * plan.seeds * one)}."
