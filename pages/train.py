"""The Train page: choose data, model and settings, and launch."""

from __future__ import annotations

import streamlit as st

from pages.dataset.panel import cache_panel, data_panel, preview_panel
from pages.runs.form import form, start_afresh
from pages.runs.launch import launch
from pages.runs.settings import settings_panel
from pages.shared.markdown import plain
from pages.shared.stores import store
from seg_core.config import MOST_FOLDS, MOST_SEEDS, VARIANT_LABELS, VARIANTS, Config, Recipe, Variant
from seg_core.data.folders import SAMPLE
from seg_core.errors import InputError
from seg_core.training.command_line import command_line

VARIANT_HELP: dict[Variant, str] = {
    "trainable-decoder": "The encoder keeps its ImageNet weights; only the decoder learns. Fastest.",
    "fine-tune": "Encoder and decoder learn. Best masks.",
    "frozen-decoder": "Only the encoder learns, on a decoder that stays as it was drawn at the start.",
}
CHOICES: dict[str, list[Variant]] = {label: [variant] for variant, label in VARIANT_LABELS.items()}
CHOICES["All three, with the same seed and split"] = list(VARIANTS)
REPEATS = {"once": "Once", "seeds": "Several seeds", "folds": "Cross-validation"}
RECIPE_LABELS: dict[Recipe, str] = {"best": "Best · ours", "report": "Report · as published"}


def choose_repeats(key: str) -> tuple[int, int]:
    """Let the user choose whether each model is trained once, by several seeds or on several folds; the numbers of both."""
    how = st.segmented_control(
        "Repeat",
        list(REPEATS),
        default="once",
        required=True,
        format_func=REPEATS.__getitem__,
        key=f"repeat-{key}",
        persist_state="session",
        help="A group of runs, which Monitor shows as a mean with its band, and Compare as one model: by several seeds, to see "
        "how much is chance; or a cross-validation, in which each photograph validates once.",
    )
    if how == "once":
        return 1, 1
    what, usual, most = {"seeds": ("seeds", 3, MOST_SEEDS), "folds": ("folds", 5, MOST_FOLDS)}[how]
    count = int(st.number_input(f"How many {what}", 2, most, usual, key=f"{how}-{key}", persist_state="session"))
    return (count, 1) if how == "seeds" else (1, count)


number, clone, missing = form()
head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
head.title("Train")
head.button(
    "Start afresh",
    icon=":material/restart_alt:",
    on_click=start_afresh,
    help="Forgets what was typed, and the run it began with.",
)
with st.container():  # a place that stays: the fields below change where they are
    if missing:
        st.warning(plain(f"There is no run {missing[:20]} to clone; it may have been deleted."))
    if clone:
        st.info(f"Data and settings of {plain(clone.label)}; change what should differ.", icon=":material/content_copy:")
key = f"train-{number}"
data, model = st.columns(2, gap="large")
with data, st.container():  # a place of its own: what stands below it stays open while it changes
    dataset, errors = data_panel(clone.sources if clone else [SAMPLE], key)
with model:
    st.header("Model")
    picked = st.radio(
        "What trains",
        list(CHOICES),
        index=VARIANTS.index(clone.config.variant if clone else "fine-tune"),
        captions=[*VARIANT_HELP.values(), "Three runs, to compare."],
        key=f"variant-{key}",
        persist_state="session",
    )
    recipe = st.segmented_control(
        "Recipe",
        list(RECIPE_LABELS),
        default=clone.config.recipe if clone else "best",
        key=f"recipe-{key}",
        persist_state="session",
        required=True,
        format_func=RECIPE_LABELS.__getitem__,
        help="Best: pyramid decoder, BCE + Lovász, one-cycle AdamW, the encoder slower, the last epochs averaged. "
        "Report: plain decoder, BCE, Adam.",
    )
    name = st.text_input(
        "Name",
        clone.name if clone else "",
        placeholder="optional, to find the run again",
        max_chars=100,
        key=f"name-{key}",
        persist_state="session",
    )
    with st.container():  # one place for one or two widgets: what opens below it stays open when there is one more
        seeds, folds = choose_repeats(key)
    settings = settings_panel(recipe, clone.config if clone else None, key, cross_validation=folds > 1)

try:
    configs = [Config.of(recipe, variant=variant, **settings) for variant in CHOICES[picked]]
    groups = [config.repeated(seeds=seeds, folds=folds) for config in configs]
except InputError as error:
    st.error(plain(str(error)))
    st.stop()

with data:
    if dataset:
        preview_panel(dataset, configs[0])
    cache_panel()
with model:
    count = sum(len(group) for group in groups)
    label = f"Launch {count} runs" if count > 1 else "Launch"
    icon = ":material/rocket_launch:"
    unfit = dataset is None or (bool(errors) and not configs[0].skip_problems)
    launched = st.button(label, type="primary", icon=icon, disabled=unfit, width="stretch", key="launch")
    with st.container():  # below the button, which would move from under the pointer
        if dataset is None:
            st.caption("Choose a dataset first.")
        elif unfit:
            st.caption(f"{len(errors):,} of its pairs cannot be trained on: mend them, or skip them under Advanced settings.")
        if settings:
            st.caption("Changed from the recipe: " + ", ".join(f"{name} {value}" for name, value in settings.items()))
    with st.expander("The same in a terminal", icon=":material/terminal:"):
        sources = list(dataset.sources) if dataset else ["DIR"]
        st.code(
            "\n".join(command_line(config, sources, name, seeds=seeds, folds=folds) for config in configs),
            language="bash",
            wrap_lines=True,
        )
if launched and dataset:
    try:
        for group in groups:
            if len(group) > 1:
                dataset.split(group[-1].split_spec)  # the last fold is the smallest: if it is empty, none is begun
    except InputError as error:
        st.error(plain(str(error)))
        st.stop()
    tags = clone.tags if clone else ()

    def add() -> list[str]:
        added = [store().queue.add_group(name, group, sources, tags=tags) for group in groups]
        return [str(runs[0].id) if len(runs) == 1 else f"g{runs[0].group}" for runs in added]

    st.switch_page("monitor.py", query_params={"run": launch(add)})
