"""Retraining a model with the corrections of a collection, and the verdict: is it better on those that are held out?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.live.components import run_bars
from pages.shared.job_panel import job_panel, queue_jobs
from pages.shared.launch import launch
from pages.shared.markdown import plain
from pages.shared.models import model_names, short_name
from pages.shared.stores import jobs, store
from pages.shared.visitor import is_viewer, may_change, tells_viewer
from seg_core.config import LONGEST_RUN
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.contents import Item
from seg_core.data.collection.held_out import LEAST, expected_sides
from seg_core.errors import InputError
from seg_core.evaluation.columns import LARGEST_MARGIN, MARGIN
from seg_core.jobs.proof import Proof, proof_of
from seg_core.prediction.catalogue import CheckpointEntry, available_checkpoints
from seg_core.runs.retraining import Retraining, add_retraining, last_retraining, trained_on
from seg_core.runs.run import Run
from seg_core.training.beginning import settings_of

FURTHER, ANEW = "Train further", "Anew"
HOW_HELP = (
    "Train further: from its weights, half of which stay, at a tenth of its learning rate. Anew: from initial weights, with "
    "its settings; that needs the photographs it was trained on."
)
MARGIN_HELP = "The loss in IoU that counts as none: the verdict says whether the model is no worse within it."


def retraining_panel(collection: Collection, items: Sequence[Item]) -> None:
    """Offer to retrain a model with the corrections of a collection; show the last time, and its verdict once it has ended.

    ``items`` are all photographs of the collection.
    """
    try:
        sides = expected_sides(collection, items)
    except InputError as error:
        st.error(plain(str(error)))
        return
    train, held_out = len(sides.train), len(sides.held_out)
    missing = max(0, LEAST - train) + max(0, LEAST - held_out)
    last = last_retraining(store().list_runs(), collection)
    if last:
        _last(*last)
    label = f"Retrain with {train:,} correction{'' if train == 1 else 's'}"
    with st.expander("Retrain a model" if missing else label, icon=":material/model_training:", key=f"retrain-{collection.name}"):
        if missing:
            st.write(
                f"A retraining needs {2 * LEAST} corrected masks: {LEAST} to learn from, and {LEAST} that never train and judge "
                f"it. There are {train + held_out:,}; correct {missing:,} more."
            )
            return
        st.write(
            f"The model learns from {train:,} corrected masks, and is judged by {held_out:,} others that never train: a tenth, "
            f"and at least {LEAST}."
        )
        if not tells_viewer():
            _choices(collection, label)


def _choices(collection: Collection, label: str) -> None:
    entries = [entry for entry in available_checkpoints() if entry.variant]  # models of other programs cannot be trained
    if not entries:
        st.info("There is no model of LesionLab to retrain yet; train one first.")
        return
    try:
        model, how, margin, epochs, more = _fields(collection, entries)
    except InputError as error:  # the model's file is gone
        st.error(plain(str(error)))
        return
    if not st.button(label, icon=":material/model_training:", type="primary", key="retrain"):
        return

    def add() -> list[str]:
        run = add_retraining(store(), collection, model.path, margin=margin, anew=how == ANEW, more=more, epochs=epochs)
        return [run.key]

    try:
        may_change()
        with st.spinner("Choosing what is held out"):
            launch(add)
    except InputError as error:
        st.error(plain(str(error)))
    else:
        st.rerun()


def _fields(collection: Collection, entries: Sequence[CheckpointEntry]) -> tuple[CheckpointEntry, str, float, int, list[str]]:
    """Let the visitor choose the model, how it is trained, the margin, the epochs, and what trains beside the corrections."""
    names, by_key = model_names(entries), {short_name(entry): entry for entry in entries}
    proposes = st.session_state.get("proposes")
    key = st.selectbox(
        "Model",
        list(by_key),
        list(by_key).index(proposes) if proposes in by_key else 0,
        format_func=lambda key: names[by_key[key].path],
        key="retrain-model",
        persist_state="session",
    )
    model = by_key[key]
    how = st.segmented_control("How", [FURTHER, ANEW], default=FURTHER, required=True, help=HOW_HELP, key="retrain-how")
    left, right = st.columns(2)
    usual = settings_of(model.path, anew=how == ANEW).epochs
    epochs = left.number_input("Epochs", 1, LONGEST_RUN, usual, key=f"retrain-epochs-{key}-{how}")
    margin = right.number_input(
        "Margin", 0.001, LARGEST_MARGIN, MARGIN, 0.005, format="%.3f", help=MARGIN_HELP, key="retrain-margin"
    )
    own = trained_on(store(), model.path, collection.name)
    known = "" if own else "It is not known on what this model was trained, or that is no longer there."
    with_own = st.checkbox(
        "With the photographs it was trained on", help=known or None, disabled=not own, key=f"retrain-own-{key}"
    )
    return model, how, float(margin), int(epochs), own if with_own else []


def _last(run: Run, retraining: Retraining) -> None:
    """Show the newest retraining: its progress, why it did not finish, or its verdict."""
    how = "trained anew" if retraining.anew else "trained further"
    st.header(f"{plain(retraining.before_name)}, {how} with {retraining.train:,} corrections")
    with st.container():
        if run.is_active:
            run_bars([run])
        elif run.status != "finished":
            st.warning(plain(f"Run {run.id} is {run.status}. {run.message}".strip()))
        else:
            _verdict(run, retraining)
    with st.container(horizontal=True):
        st.page_link("monitor.py", label="Watch the training", icon=":material/monitoring:", query_params={"run": run.key})
        if run.status == "finished":
            models = [*_listed(retraining.before), run.key]
            query = {"data": [retraining.data], "model": models}
            st.page_link("compare.py", label="Compare before and after", icon=":material/compare:", query_params=query)
            st.page_link("predict.py", label="Try the new model", icon=":material/image_search:", query_params={"model": run.key})


def _verdict(run: Run, retraining: Retraining) -> None:
    try:
        proof = proof_of(store(), run, retraining)
    except InputError as error:
        st.warning(plain(str(error)))
        return
    if proof.found is None:
        _evaluating(proof)
        return
    show = {"better": st.success, "no worse": st.info, "worse": st.error, "not shown": st.warning}[proof.found.outcome]
    show(plain(proof.found.sentence))
    if proof.note:
        st.caption(plain(proof.note))


def _evaluating(proof: Proof) -> None:
    """Show how far the comparison is, and start it where the run's process did not."""
    missing = proof.missing
    if job_panel(missing) or is_viewer():
        return
    never = all(jobs().latest(request) is None for request in missing.values())
    if never or st.button("Compare before and after again", icon=":material/compare:"):
        queue_jobs(list(missing.values()))
        st.rerun()


def _listed(model: Path) -> list[str]:
    """The name that a link has for a model; none where it is not among those to choose from."""
    return [short_name(entry) for entry in available_checkpoints() if entry.path == model]
