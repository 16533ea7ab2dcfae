"""The Report page: train the three models of the student report, and show their results beside its own."""

from __future__ import annotations

import streamlit as st

from pages.comparison.report_figures import History, figures_table, report_marks, reproduction
from pages.dataset.panel import data_panel
from pages.live.components import live_charts, run_bars
from pages.runs.launch import launch
from pages.shared.downloads import made_file
from pages.shared.markdown import plain
from pages.shared.stores import store
from seg_core.config import LONGEST_RUN, VARIANTS, Config
from seg_core.data.source import SAMPLE
from seg_core.errors import InputError
from seg_core.jobs.requests import report_request
from seg_core.report.student_report import STUDENT_REPORT_METRICS
from seg_core.runs.address import short_key
from seg_core.runs.run import Run

TAG = "report"  # of the runs that this page launches


def chosen_runs() -> list[Run]:
    """Return the runs that the address names or else, of each variant, the newest run that this page launched."""
    runs = {run.key: run for run in store().list_runs()}
    linked = dict.fromkeys(short_key(text) for text in st.query_params.get_all("run"))
    if missing := [text for text in linked if text not in runs]:
        st.warning(plain(f"There is no run {', '.join(missing)[:60]}; it may have been deleted."))
    if found := [runs[text] for text in linked if text in runs]:
        return found
    ours = [run for run in runs.values() if TAG in run.tags and run.config.recipe == "report"]
    newest = [next((run for run in ours if run.config.variant == variant), None) for variant in VARIANTS]
    return [run for run in newest if run is not None]


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
        unfit = dataset is None or bool(errors)
        launched = st.button("Reproduce the report", type="primary", icon=":material/rocket_launch:", disabled=unfit)
        if errors:
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
    if any(run.is_active for run in runs) or not all(run.best_epoch for run in runs):
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
st.write(
    "LesionLab started from a student's report on ISIC 2016 that compares two models and finds the differences marginal. "
    "Train its models again, and compare the results with those of the report."
)
runs = chosen_runs()
with st.expander("Launch the three runs", icon=":material/rocket_launch:", expanded=not runs):
    launch_panel()
if runs:
    progress(runs)
    report_file(runs)
    results(reproduction(store(), runs))
    keys = [run.key for run in runs]
    st.page_link("monitor.py", label="Watch these runs in Monitor", icon=":material/monitoring:", query_params={"run": keys})
else:
    st.info("These are the three models that ship with LesionLab, until you train your own here.", icon=":material/inventory_2:")
    results(reproduction(store(), []))
