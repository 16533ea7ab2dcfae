"""What the Sweeps page shows of a sweep beside its trials: how far it is, how much settings matter, and what came out."""

from __future__ import annotations

import streamlit as st

from pages.search.lock import look, looks_in_words
from pages.shared.markdown import plain
from pages.shared.stores import store, sweeps
from pages.shared.tables import Cell, TableRow, html_table
from pages.shared.visitor import is_viewer
from seg_core.config import setting_title
from seg_core.data.source import Source
from seg_core.errors import InputError
from seg_core.sweeps.deletion import delete_sweep
from seg_core.sweeps.importance import LEAST_TRIALS, importances
from seg_core.sweeps.proof import proof_of, verdict
from seg_core.sweeps.sweep import Sweep, Trial
from seg_core.sweeps.table import budget, interval_in_words, method

PHASES = {
    "searching": "Searching",
    "proving": "Training the best again with fresh seeds",
    "finished": "Finished",
    "stopped": "Stopped",
    "failed": "Given up",
}


def state(sweep: Sweep) -> None:
    """Show what a sweep does, how much of its budget is used, on which data, and a button to stop it."""
    data = ", ".join(Source.parse(source).name for source in sweep.sources)
    with st.container(horizontal=True, vertical_alignment="center"):
        says = f"{method(sweep)} · {budget(sweep)} · {sweep.config.label}, {sweep.config.recipe} · {data}"
        st.markdown(f"**{PHASES[sweep.phase]}** · {plain(says)}")
        if sweep.is_active and not is_viewer():
            help = "Stop searching, and those of its runs that train or wait; what they found stays."
            st.button(
                "Stop", icon=":material/stop_circle:", key=f"stop-sweep-{sweep.id}", help=help, on_click=_stop, args=(sweep.id,)
            )
        elif not is_viewer() and st.button("Delete", icon=":material/delete:", key=f"delete-sweep-{sweep.id}"):
            confirm_delete(sweep)
    if sweep.message:
        st.warning(plain(sweep.message))


def _stop(sweep_id: int) -> None:
    try:
        sweeps().stop(sweep_id)
    except InputError as error:  # it has ended meanwhile
        st.toast(plain(str(error)), icon=":material/error:")


@st.dialog("Delete?")
def confirm_delete(sweep: Sweep) -> None:
    """Ask whether a sweep shall be deleted, with its runs or without, and delete it."""
    count = len(sweep.runs)
    st.write(f"This deletes **{plain(sweep.label)}**. It cannot be undone.")
    keep_runs = count > 0 and not st.checkbox(
        f"Also delete its {count} runs, with models, masks and logs" if count > 1 else "Also delete its run, model and all",
        value=True,
        key=f"delete-runs-of-sweep-{sweep.id}",
    )
    yes, no = st.columns(2)
    if yes.button("Delete", type="primary", width="stretch"):
        try:
            freed = delete_sweep(sweeps(), store(), sweep.id, keep_runs=keep_runs)
        except InputError as error:  # a run was resumed, or its folder is locked
            st.error(plain(str(error)))
            return
        st.toast(plain(f"{sweep.label} is deleted; {freed / 1e6:.1f} MB freed."), icon=":material/delete:")
        st.query_params.clear()
        st.session_state.pop("sweep", None)
        st.rerun()
    if no.button("Keep", width="stretch"):
        st.rerun()


def outcome(sweep: Sweep) -> None:
    """Show whether the best trial is better, and the trainings with fresh seeds that say so."""
    if not (sentence := verdict(sweep)):
        st.caption("When the budget is used up, the best trial is trained again with fresh seeds, beside the starting settings.")
        return
    proof = proof_of(sweep)
    if proof and proof.is_better:
        st.success(plain(sentence), icon=":material/verified:")
    else:
        st.info(plain(sentence), icon=":material/balance:")
    proving = [trial for role in ("winner", "baseline") if (trial := sweep.proving(role))]
    if proving:
        titles = ("IoU (val)", "95 % interval", "Seeds")
        rows = [TableRow(_title(trial), [Cell(text) for text in _figures(trial)]) for trial in proving]
        st.html(html_table(titles, rows, "With fresh seeds"))


def _title(trial: Trial) -> str:
    return "Best trial's settings" if trial.role == "winner" else "Starting settings"


def _figures(trial: Trial) -> tuple[str, str, str]:
    mean = "–" if trial.value is None else f"{trial.value:.4f}"
    return mean, interval_in_words(trial.interval) or "–", f"{len(trial.values)} of {trial.expected}"


def importance(sweep: Sweep) -> None:
    """Show how much each setting matters, once enough trials are complete."""
    if not (shares := importances(sweep)):
        complete = len(sweep.ranked)
        if complete < LEAST_TRIALS:
            st.caption(
                f"Too early to tell: {complete} of at least {LEAST_TRIALS} trials are complete. Fewer say mostly what chance did."
            )
        else:
            st.caption("All complete trials score the same.")
        return
    rows = [TableRow(setting_title(name), [Cell(f"{share:.0%}")]) for name, share in shares.items()]
    st.html(html_table(("Importance",), rows, "Importance of each setting"))
    st.caption(
        f"How much a setting tells the best quarter of the {len(sweep.ranked)} complete trials from all of them, by PED-ANOVA. "
        "Pruned trials are not in it."
    )


def test_part(sweep: Sweep) -> None:
    """Show the button that opens the test photographs, and how often someone looked at them."""
    models = [
        trial.key for role in ("winner", "baseline") if (trial := sweep.proving(role)) and trial.key and len(trial.values) > 1
    ]
    if not models and sweep.best and sweep.best.key:
        models = [sweep.best.key]
    if sweep.is_active or not models:
        st.caption("Locked while the sweep goes on: settings are chosen by validation photographs alone.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Score on the test photographs", icon=":material/lock_open:", key=f"test-sweep-{sweep.id}")
        st.markdown(looks_in_words(sweep))
    st.caption("Leads to Compare. Whoever looks, and then searches on, chooses by the test photographs: look when you are done.")
    if pressed:
        look(sweep)
        query = {"data": list(sweep.sources), "split": "test", "model": models}
        st.switch_page("compare.py", query_params=query)
