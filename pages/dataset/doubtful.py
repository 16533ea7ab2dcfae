"""The masks of a dataset that may be wrong, the most doubtful first: each is found right, left out, or corrected."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import streamlit as st

from pages.dataset.choose import correct_query
from pages.dataset.outlines import figure, legend
from pages.shared.job_panel import job_panel, queue_jobs
from pages.shared.markdown import plain
from pages.shared.stores import store
from pages.shared.visit import refresh
from pages.shared.visitor import is_viewer, may_change, tells_viewer
from seg_core.common.text import counted
from seg_core.data.dataset import Dataset
from seg_core.data.source import SAMPLE
from seg_core.data.verdicts import Verdicts, accept_mask, leave_out, lists_folder, read_verdicts, take_back
from seg_core.errors import InputError
from seg_core.jobs.doubtful import DoubtfulMask, Ranking, load_doubtful
from seg_core.jobs.job import Request
from seg_core.jobs.requests import doubtful_request
from seg_core.jobs.results import delete_result, result_folder
from seg_core.runs.groups import Group, groups_of

AT_ONCE = 6
"""Masks that are shown, and that are added by "Show more"."""
HELP = (
    "In a cross-validation every photograph is predicted by a model that did not train on it. Masks come first that agree with "
    "that model's mask by less than the model expects: where it is unsure itself, it accuses no mask."
)


def doubtful_panel(dataset: Dataset) -> None:
    """Show the masks that may be wrong by a cross-validation of this dataset, or how to get one."""
    groups = _cross_validations(dataset)
    if not groups:
        st.info(
            "Masks are judged by models that did not train on them: train with cross-validation on this dataset, and come back "
            "when its runs have finished.",
            icon=":material/fact_check:",
        )
        st.page_link("train.py", label="Train on it", icon=":material/model_training:", query_params={"data": dataset.sources})
        return
    labels = {group.key: group.label for group in groups}
    key = st.selectbox("Cross-validation", list(labels), format_func=labels.__getitem__) if len(groups) > 1 else groups[0].key
    group = next(group for group in groups if group.key == key)
    try:
        request = doubtful_request(group.runs, store())
    except InputError as error:
        st.error(plain(str(error)))
        return
    ranking = _kept(request)
    if ranking is None:
        if not job_panel({"Comparing the masks": request}) and not tells_viewer():
            label = f"Compare the masks with {plain(group.label)}"
            if st.button(label, type="primary", icon=":material/fact_check:", on_click=refresh):
                queue_jobs([request])
                st.rerun()
        return
    _show(dataset, ranking)
    if not is_viewer() and st.button("Rank again", icon=":material/refresh:", help="After masks were changed or added."):
        delete_result(request)
        queue_jobs([request])
        st.rerun()


def _cross_validations(dataset: Dataset) -> list[Group]:
    """Return the cross-validations of a dataset whose runs have all finished, the newest first."""
    return [
        group
        for group in groups_of(store().list_runs())
        if group.is_cross_validation and all(run.status == "finished" and run.sources == dataset.sources for run in group.runs)
    ]


def _kept(request: Request) -> Ranking | None:
    if (folder := result_folder(request)) is None:
        return None
    file = folder / "doubtful.json"
    try:
        return _loaded(file, file.stat().st_mtime_ns)
    except (InputError, OSError):  # damaged: a new request replaces it
        delete_result(request)
        return None


@lru_cache(maxsize=4)
def _loaded(file: Path, _time: int) -> Ranking:
    return load_doubtful(file.parent)


def _show(dataset: Dataset, ranking: Ranking) -> None:
    try:
        verdicts = read_verdicts(dataset)
        masks = ranking.open_ones(dataset, verdicts.accepted)
    except InputError as error:
        st.error(plain(str(error)))
        return
    st.markdown(f"**{counted(len(masks), 'mask')} of {ranking.photographs:,}** may be wrong, the most doubtful first.", help=HELP)
    changes = not tells_viewer() and _keeps_lists(dataset)
    if masks:
        st.html(legend())
    shown = st.session_state.get("doubtful-shown", AT_ONCE)
    for mask in masks[:shown]:
        with st.container(border=True, key=f"doubtful-{mask.pair.id}"):
            _mask(dataset, mask, changes=changes)
    if len(masks) > shown and st.button(f"Show more of {len(masks):,}", icon=":material/expand_more:"):
        st.session_state["doubtful-shown"] = shown + AT_ONCE
        st.rerun()
    _decided(dataset, ranking, verdicts)


def _keeps_lists(dataset: Dataset) -> bool:
    """Return True if verdicts can be kept; else say why not, once."""
    try:
        for pair in (listing.pairs[0] for listing in dataset.listings if listing.pairs):
            lists_folder(dataset, pair)
    except InputError as error:
        st.info(plain(str(error)), icon=":material/info:")
        return False
    return True


def _mask(dataset: Dataset, mask: DoubtfulMask, *, changes: bool) -> None:
    """Show one mask with the model's, the reason, and what can be done."""
    picture, says = st.columns([2, 3], vertical_alignment="center")
    id = mask.pair.id
    try:
        picture.html(figure(mask))
    except InputError as error:
        picture.error(plain(str(error)))
    with says:
        st.markdown(f"**{plain(id)}**  \n{plain(mask.reason.words)}")
        st.caption(f"IoU with the model's mask {mask.iou:.2f}; the model expects {mask.expected:.2f}.")
        with st.container(horizontal=True, vertical_alignment="center"):
            if changes:
                accept = partial(accept_mask, dataset, mask.pair, mask.content)
                out = partial(leave_out, dataset, mask.pair, mask.reason.words)
                _button("Mask is right", ":material/check:", f"accept-{id}", accept)
                _button("Leave out", ":material/block:", f"leave-out-{id}", out)
            if SAMPLE not in dataset.sources:
                query = correct_query(dataset, mask.pair)
                st.page_link("correct.py", label="Correct it", icon=":material/brush:", query_params=query)


def _decided(dataset: Dataset, ranking: Ranking, verdicts: Verdicts) -> None:
    """Show what was decided about masks of the ranking, with a button that takes each back."""
    ranked = {mask.pair.id: mask for mask in ranking.masks}
    right = {id: "is right" for id, content in verdicts.accepted.items() if id in ranked and ranked[id].content == content}
    out = {id: f"is left out: {each.reason}" for id, each in verdicts.left_out.items() if id in ranked}
    if not right | out:
        return
    with st.expander("What was decided", icon=":material/history:", key="decided"):
        st.caption(f"{len(right):,} right, {len(out):,} left out.")
        for id, what in (right | out).items():
            said, back = st.columns([4, 1], vertical_alignment="center")
            said.markdown(f"**{plain(id)}** {plain(what)}")
            if not is_viewer():
                with back:
                    _button("Take back", ":material/undo:", f"take-back-{id}", partial(take_back, dataset, id))


def _button(label: str, icon: str, key: str, act: Callable[[], None]) -> None:
    st.button(label, icon=icon, key=key, on_click=_decide, args=(act,))


def _decide(act: Callable[[], None]) -> None:
    try:
        may_change()
        act()
    except InputError as error:
        st.toast(plain(str(error)), icon=":material/error:")
