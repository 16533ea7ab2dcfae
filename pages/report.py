"""The Report page: write a report on any runs; train the three models of the student report, and show results beside its own."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.comparison.report_figures import History, figures_table, report_marks, reproduction
from pages.dataset.panel import data_panel
from pages.live.components import live_charts, run_bars
from pages.shared.downloads import made_file
from pages.shared.launch import launch
from pages.shared.markdown import plain
from pages.shared.stores import store
from pages.shared.visitor import is_viewer, tells_viewer
from seg_core.config import LONGEST_RUN, VARIANTS, Config
from seg_core.data.source import SAMPLE
from seg_core.errors import InputError
from seg_core.jobs.requests import report_request
from seg_core.report.student_report import STUDENT_REPORT_METRICS
from seg_core.runs.address import short_key
from seg_core.runs.run import Run

TAG = "report"  # of the runs that this page launches
MOST_LISTED = 30
"""Runs that the list shows at a time; a filter finds the others."""


def own_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the newest run of each variant that follows the report's recipe, wherever it was launched."""
    ours = [run for run in runs if run.config.recipe == "report" and (run.is_active or run.best_epoch)]
    newest = [next((run for run in ours if run.config.variant == variant), None) for variant in VARIANTS]
    return [run for run in newest if run is not None]


def linked_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs that the address names or, if it names none, those that reproduce the report."""
    known = {run.key: run for run in runs}
    linked = list(dict.fromkeys(short_key(text) for text in st.query_params.get_all("run") if text))
    if missing := [text for text in linked if text not in known]:
        st.warning(plain(f"There is no run {', '.join(missing)[:60]}; it may have been deleted."))
    return [known[text] for text in linked if text in known] or ([] if "run" in st.query_params else own_runs(runs))


def choose_runs(runs: Sequence[Run]) -> list[Run]:
    """Let the visitor tick runs, and keep the address in step with them; return those ticked."""
    linked = linked_runs(runs)
    asked = [run.id for run in linked]
    if st.session_state.get("report-runs") != asked:  # by a link, or for the first time
        st.session_state["report-runs"] = asked
        for run in runs:
            st.session_state[f"report-run-{run.id}"] = run.id in asked
    listed = [run for run in runs if run.id in asked or run.is_active or run.best_epoch]
    if len(listed) > MOST_LISTED:
        words = st.text_input("Filter the runs", placeholder="name, tag, model or recipe", key="report-filter").lower().split()
        listed = [run for run in listed if run.id in asked or all(word in _words(run).lower() for word in words)][:MOST_LISTED]
    with st.container(height=300 if len(listed) > 7 else "content", gap="xsmall"):
        ticked = {run.id for run in listed if st.checkbox(plain(_words(run)), key=f"report-run-{run.id}")}
    chosen = [run for run in (*linked, *(run for run in listed if run not in linked)) if run.id in ticked]
    st.session_state["report-runs"] = [run.id for run in chosen]
    keys = [run.key for run in chosen]
    if st.query_params.get_all("run") != keys:
        st.query_params["run"] = keys or ""
    return chosen


def _words(run: Run) -> str:
    score = f"best IoU {run.best_iou:.3f}" if run.best_iou is not None else run.status
    return " · ".join([run.label, *([run.config.label] if run.name else []), f"recipe {run.config.recipe}", score, *run.tags])


def launch_panel() -> None:
    """Let the visitor choose data, epochs and seed, and launch the three runs."""
    data, settings = st.columns(2, gap="large")
    with data:
        dataset, errors = data_panel([SAMPLE], "report")
    with settings:
        st.header("Settings")
        st.write(
            "Everything that the report states, exactly: Adam at 0.001, binary cross-entropy, 25 epochs, its four kinds of "
            "augmentation, a decoder without skip connections. What it leaves out is listed in docs/report.md, marked *assumed*."
        )
        usual = Config.of("report")
        epochs = st.number_input(
            "Epochs",
            1,
            LONGEST_RUN,
            usual.epochs,
            help="The report trained for 25.",
            key="report-epochs",
            persist_state="session",
        )
        seed = st.number_input(
            *("Seed", 0, 2**31 - 1, usual.seed),
            help="All three runs share it, and with it the split.",
            key="report-seed",
            persist_state="session",
        )
        unfit = is_viewer() or dataset is None or bool(errors)
        launched = st.button("Reproduce the report", type="primary", icon=":material/rocket_launch:", disabled=unfit)
        if not tells_viewer() and errors:
            st.caption(f"{len(errors):,} of the pairs cannot be trained on: fix these files, or skip these pairs on Train.")
        if launched and dataset:
            configs = [Config.of("report", variant=variant, epochs=int(epochs), seed=int(seed)) for variant in VARIANTS]
            sources = dataset.sources
            try:
                added = launch(lambda: [store().queue.add("", config, sources, tags=[TAG]).key for config in configs])
            except InputError as error:
                st.error(plain(str(error)))
                return
            st.query_params["run"] = added
            st.rerun()


def progress(runs: list[Run]) -> None:
    """Show the progress of the runs while one is active, and why runs failed; the page is drawn again with every epoch."""
    if any(run.is_active for run in runs):
        run_bars(runs)
    for run in runs:
        if run.status in ("failed", "lost"):
            st.warning(plain(f"{run.label}: {run.message}"))


def results(histories: list[History]) -> None:
    """Show curves and figures beside those of the student report."""
    live_charts([history.curve for history in histories], STUDENT_REPORT_METRICS, report_marks(), key="-report")
    st.caption(
        "Solid: validation, a star at the best epoch. Dashed: training. Dotted: the last epoch of the report's own log, on "
        "validation. IoU and Dice are averaged over pixel columns here, as in the report; an empty "
        "column counts 1."
    )
    st.html(figures_table(histories))
    st.caption(
        "Figures of the last epoch, at network resolution. The last two columns are the usual IoU and Dice per image, which the "
        "report does not give. Its 0.6954 is Model 1's IoU on *training* photographs."
    )


def report_file(runs: list[Run]) -> None:
    """Show buttons that make and download the HTML report on the runs."""
    if not runs:
        st.caption("Tick one run or several.")
        return
    if waiting := [run.label for run in runs if run.is_active]:
        st.caption(plain(f"The report can be written when {', '.join(waiting)} {'has' if len(waiting) == 1 else 'have'} ended."))
        return
    if empty := [run.label for run in runs if not run.best_epoch]:
        st.caption(plain(f"Without a whole epoch there is nothing to report: leave out {', '.join(empty)}."))
        return
    try:
        request = report_request(runs, store())
    except InputError as error:
        st.caption(plain(str(error)))
        return
    names = "-".join(str(run.id) for run in runs)
    made_file(request, "report.html", "report (HTML)", f"lesionlab-report-{names}.html", again=True)
    st.caption("One file that opens without network: conclusion, scores with intervals, charts, masks, settings, commands.")


st.title("Report")
every = store().list_runs()
chosen: list[Run] = []
if every:
    st.header("Write a report")
    chosen = choose_runs(every)
    progress(chosen)
    report_file(chosen)
    if chosen:
        query = {"run": [run.key for run in chosen]}
        st.page_link("monitor.py", label="Watch these runs in Monitor", icon=":material/monitoring:", query_params=query)
st.header("Reproduce the student report")
st.write(
    "LesionLab started from a student's report on ISIC 2016 that compares two models and finds the differences marginal. "
    "Train its models again, and compare the results with those of the report."
)
reproduced = [run for run in chosen if run.config.recipe == "report"] or own_runs(every)
with st.expander("Launch the three runs", icon=":material/rocket_launch:", expanded=not reproduced):
    launch_panel()
if not reproduced:
    st.info("These are the three models that ship with LesionLab, until you train your own here.", icon=":material/inventory_2:")
results(reproduction(store(), reproduced))
