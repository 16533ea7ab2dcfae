"""The Train page: choose data, model and settings, and launch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from pages.dataset.beside import clusters_beside
from pages.dataset.panel import cache_panel, data_panel, preview_panel
from pages.runs.form import Form, form, reset_form
from pages.runs.settings import settings_panel, skips_problems, use_setting
from pages.runs.trying import try_panel
from pages.search.form import sweep_form
from pages.shared.launch import launch
from pages.shared.markdown import plain
from pages.shared.stores import store
from pages.shared.visitor import VIEWERS_CHANGE_NOTHING, is_viewer
from seg_core.config import MOST_FOLDS, MOST_SEEDS, VARIANT_LABELS, VARIANTS, Config, Recipe, Variant, setting_title
from seg_core.data.check import Problem, refusal
from seg_core.data.dataset import Dataset
from seg_core.data.scan.copies import are_copies_known
from seg_core.data.source import SAMPLE
from seg_core.errors import InputError
from seg_core.runs.estimate import about, estimate_seconds
from seg_core.runs.groups import Group
from seg_core.runs.launch import require_data
from seg_core.runs.run import Run
from seg_core.training.command_line import command_line

VARIANT_HELP: dict[Variant, str] = {
    "trainable-decoder": "The encoder keeps its ImageNet weights; only the decoder is trained. Fastest.",
    "fine-tune": "Encoder and decoder are trained. Best masks.",
    "frozen-decoder": "Only the encoder is trained; the decoder keeps its random initial weights.",
}
CHOICES: dict[str, list[Variant]] = {label: [variant] for variant, label in VARIANT_LABELS.items()}
CHOICES["All three, with the same seed and split"] = list(VARIANTS)
REPEATS = {"once": "Once", "seeds": "Several seeds", "folds": "Cross-validation"}
RECIPE_LABELS: dict[Recipe, str] = {"best": "Best · ours", "report": "Report · as published"}


def heading(form: Form) -> None:
    """Show the title, the button that resets the form, and what the form began with."""
    head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
    head.title("Train")
    head.button(
        "Reset form",
        icon=":material/restart_alt:",
        on_click=reset_form,
        help="Discard all entries and begin with the defaults.",
    )
    with st.container():  # stays where it is, as do the fields below, whatever it holds
        if form.missing:
            st.warning(plain(f"There is no run {form.missing[:20]} to clone; it may have been deleted."))
        if form.clone:
            text = f"Data and settings of {plain(form.clone.label)}; change what should differ."
            st.info(text, icon=":material/content_copy:")


def choose_model(clone: Run | None, key: str) -> tuple[list[Variant], Recipe, str]:
    """Let the user choose which models to train, by which recipe, and their name."""
    picked = st.radio(
        "Model",
        list(CHOICES),
        index=VARIANTS.index(clone.config.variant if clone else "fine-tune"),
        captions=[*VARIANT_HELP.values(), "Three runs to compare."],
        key=f"variant-{key}",
        persist_state="session",
        label_visibility="collapsed",  # the heading above says the same
    )
    recipe = st.segmented_control(
        "Recipe",
        list(RECIPE_LABELS),
        default=clone.config.recipe if clone else "best",
        key=f"recipe-{key}",
        persist_state="session",
        required=True,
        format_func=RECIPE_LABELS.__getitem__,
        help="Best: pyramid decoder, BCE + Lovász loss, one-cycle AdamW with a slower encoder, average of the last epochs. "
        "Report: plain decoder, BCE loss, Adam.",
    )
    name = st.text_input(
        "Name",
        clone.name if clone else "",
        placeholder="optional, to find the run again",
        max_chars=100,
        key=f"name-{key}",
        persist_state="session",
    )
    return CHOICES[picked], recipe, name


def choose_repeats(key: str) -> tuple[int, int]:
    """Let the user choose to train each model once, with several seeds or on several folds; return the number of both."""
    how = st.segmented_control(
        "Repeat",
        list(REPEATS),
        default="once",
        required=True,
        format_func=REPEATS.__getitem__,
        key=f"repeat-{key}",
        persist_state="session",
        help="Several seeds show how much is chance. In a cross-validation every photograph is in the validation split once. "
        "Either is a group of runs: Monitor shows its mean and range, Compare scores it as one model.",
    )
    if how == "once":
        return 1, 1
    what, usual, most = {"seeds": ("seeds", 3, MOST_SEEDS), "folds": ("folds", 5, MOST_FOLDS)}[how]
    count = int(st.number_input(f"Number of {what}", 2, most, usual, key=f"{how}-{key}", persist_state="session"))
    return (count, 1) if how == "seeds" else (1, count)


def launch_button(runs: int, obstacle: str, takes: str, settings: dict[str, Any]) -> bool:
    """Show the button, disabled if there is an obstacle, with how long it takes beside it; return the click.

    Below it stand the obstacle and the changed settings.
    """
    label, icon = f"Launch {runs} runs" if runs > 1 else "Launch", ":material/rocket_launch:"
    with st.container(horizontal=True, vertical_alignment="center"):
        launched = st.button(label, type="primary", icon=icon, disabled=bool(obstacle), width="stretch", key="launch")
        if takes:
            st.markdown(
                takes, help="By the speed of this machine's last runs or, without any, of two usual cores.", width="content"
            )
    with st.container():  # below the button, which would move away under the pointer
        if obstacle:
            st.caption(obstacle)
        if settings:
            changed = (f"{_within_a_sentence(setting_title(name))} {value}" for name, value in settings.items())
            st.caption(plain(f"Changed from the recipe: {', '.join(changed)}."))
    return launched


def _within_a_sentence(title: str) -> str:
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def launch_all(
    groups: Sequence[Sequence[Config]], dataset: Dataset, problems: Sequence[Problem], name: str, tags: tuple[str, ...]
) -> None:
    """Queue all runs and go to Monitor. ``problems`` are those that stop a training which skips none."""
    try:
        for group in groups:
            require_data(dataset, group, problems)
    except InputError as error:
        st.error(plain(str(error)))
        st.stop()

    def add() -> list[str]:
        added = [store().queue.add_group(name, group, dataset.sources, tags=tags) for group in groups]
        return [runs[0].key if len(runs) == 1 else Group(tuple(runs)).key for runs in added]

    try:
        keys = launch(add)
    except InputError as error:  # the file with the groups of photographs is gone
        st.error(plain(str(error)))
        st.stop()
    st.switch_page("monitor.py", query_params={"run": keys})


def groups_note(dataset: Dataset, config: Config, key: str) -> str:
    """Show how many photographs are kept together, or offer to; return what keeps the file with their groups from being read."""
    spec = config.split_spec
    clusters = next(iter(clusters_beside(dataset).values()), None)
    if clusters and not spec.groups and dataset.draws_validation(spec):
        of_one = f"Photographs of the same {clusters.many} ({clusters.groups}) may train and validate"
        st.warning(plain(f"{of_one}, so that the model looks better than it is."))
        st.button(
            "Keep them on one side", icon=":material/group_work:", on_click=use_setting, args=(key, "groups", clusters.groups)
        )
    try:
        if not are_copies_known(dataset):  # the scan is looking for them
            spec = spec._replace(copies="anywhere")
        if note := dataset.note_on_groups(spec):
            st.info(plain(note), icon=":material/group_work:")
    except InputError as error:
        return str(error)
    return ""


at_work = form()
clone, key = at_work.clone, f"train-{at_work.number}"
heading(at_work)
data, model = st.columns(2, gap="large")
with data, st.container():  # a container of its own: what stands below stays open while this changes
    at_first = clone.config if clone else Config.of()
    chosen = st.session_state.get(f"recipe-{key}", at_first.recipe)
    skipped = skips_problems(chosen, key, first=at_first.recipe == chosen and at_first.skip_problems)
    dataset, errors = data_panel(
        clone.sources if clone else [SAMPLE], key, partial(use_setting, key, "skip_problems", True), skips=skipped
    )
with model:
    st.header("Model")
    variants, recipe, name = choose_model(clone, key)
    with st.container():  # for one widget or two: what is open below stays open
        seeds, folds = choose_repeats(key)
    settings = settings_panel(recipe, clone.config if clone else None, key, cross_validation=folds > 1)

try:
    configs = [Config.of(recipe, variant=variant, **settings) for variant in variants]
    groups = [config.repeated(seeds=seeds, folds=folds) for config in configs]
except InputError as error:
    model.error(plain(str(error)))
    st.stop()

unread = ""
with data:
    if dataset:
        with st.container():
            unread = groups_note(dataset, configs[0], key)
        preview_panel(dataset, configs[0])
    cache_panel()
with model:
    if is_viewer():
        obstacle = VIEWERS_CHANGE_NOTHING
    elif dataset is None:
        obstacle = "Choose a dataset first."
    elif errors and not configs[0].skip_problems:
        obstacle = plain(str(refusal(errors)))
    else:
        obstacle = unread
    every = [config for group in groups for config in group]
    takes = ""
    if dataset and dataset.trainable:
        takes = about(estimate_seconds(every, len(dataset.trainable), dataset.counts["val"], store().list_runs())).capitalize()
    launched = launch_button(len(every), obstacle, takes, settings)
    with st.container():
        if dataset and dataset.trainable and not obstacle:
            try_panel(every[0], dataset, len(every), key)
    with st.expander("Command line", icon=":material/terminal:"):
        sources = list(dataset.sources) if dataset else ["DIR"]
        commands = [command_line(config, sources, name, seeds=seeds, folds=folds) for config in configs]
        st.code("\n".join(commands), language="bash", wrap_lines=True)
    with st.expander("Try many settings", icon=":material/travel_explore:"):
        sweep_form(configs, dataset, name, obstacle, key)
if launched and dataset:
    launch_all(groups, dataset, errors, name, clone.tags if clone else ())
