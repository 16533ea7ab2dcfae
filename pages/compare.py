"""The Compare page: two or three models, groups of them, or masks of another program, on photographs of a dataset."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from pages.comparison.charts import comparison_charts
from pages.comparison.compared import ORDERS, Compared, Table, evaluations_of, mask_models, mask_photos, scores_csv, viewed_photos
from pages.comparison.downloads import take_masks_away
from pages.comparison.uploads import uploaded_models
from pages.dataset.choose import choose_dataset
from pages.dataset.view import known_duplicates
from pages.live.components import compare_view, image_viewer
from pages.shared.job_panel import ask, job_panel
from pages.shared.markdown import plain
from pages.shared.models import MOST_COMPARED, model_names, short_name
from pages.shared.stores import store
from pages.shared.tables import pairing_table, score_table
from seg_core.common.colours import run_colour
from seg_core.config import Config, SplitSpec
from seg_core.data.dataset import Dataset, SplitChoice
from seg_core.data.folders import SAMPLE, clean_source
from seg_core.errors import InputError
from seg_core.evaluation.comparison import pairings, score_rows
from seg_core.evaluation.overlap import overlap
from seg_core.evaluation.tables import PAIRING_NOTE, to_csv, to_latex, to_markdown
from seg_core.jobs.requests import evaluation_request, scan_request
from seg_core.jobs.results import result_folder
from seg_core.prediction.catalogue import available_checkpoints
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.metadata import CheckpointMetadata
from seg_core.runs.address import short_key
from seg_core.runs.groups import Group, groups_of

A_PAGE = 8
THRESHOLD = "compare-threshold"
IMAGE = "compare-image"
SPLITS = {"test": "Test", "val": "Validation", "train": "Training"}


def choose_split(dataset: Dataset) -> SplitChoice | None:
    """Let the user choose a part of the dataset: test, or where there is none, validation."""
    there = [name for name in SPLITS if name != "test" or dataset.test]
    linked = st.query_params.get("split", "")
    name = st.segmented_control(
        "Photographs",
        there,
        default=linked if linked in there else there[0],
        required=True,
        format_func=SPLITS.__getitem__,
        key=f"split-{dataset.fingerprint}",
    )
    own = dataset.counts["val"] > 0
    seed = 0
    if name != "test" and not own:
        warning = "Models of another seed may have trained on these."
        seed = int(
            st.number_input(
                *("Seed of the split", 0, 2**31 - 1, _linked_seed()), key="compare-seed", help=warning, persist_state="page"
            )
        )
    split = SplitChoice(dataset, name, SplitSpec(seed))
    try:
        st.caption(f"{len(split.pairs):,} photographs, scored at their stored resolution, as the ISIC challenge does.")
    except InputError as error:
        st.error(plain(str(error)))
        return None
    if name != "test":
        st.caption("Models choose their best epoch on validation photographs and learn from training ones; judge them on test.")
    return split


def _linked_seed() -> int:
    """The seed that the address names, 0 where it names none."""
    text = st.query_params.get("seed", "")
    return min(int(text), 2**31 - 1) if text.isascii() and text.isdecimal() and len(text) < 11 else 0


Model = Path | Group  # a checkpoint or a folder of masks, or a group of runs


def checkpoints_of(model: Model, split: SplitChoice) -> list[tuple[Path, SplitChoice]]:
    """The checkpoints or the folder of masks that a model stands for, each with the photographs that it is scored on.

    Each run of a group validates and trains on photographs of its own; on a part of that name it is scored on these.
    """
    if isinstance(model, Path):
        return [(model, split)]
    folders = [(store().folder(run.id) / "best.safetensors", run.config.split_spec) for run in model.runs]
    return [(path, split if split.name == "test" else replace(split, spec=drawing)) for path, drawing in folders]


def warn_of_overlap(models: dict[str, Model], split: SplitChoice) -> None:
    """Say which checkpoints have seen, or may have seen, photographs of the split."""
    duplicates = known_duplicates(split.dataset)
    for label, model in models.items():
        said: dict[str, None] = {}
        for path, scored_on in checkpoints_of(model, split):
            if path.is_dir():
                continue
            try:
                metadata = read_metadata(path)
                found = overlap(metadata["dataset"], split.dataset.fingerprint, scored_on.pairs, duplicates)
            except InputError:
                continue  # deleted meanwhile, which is said where its scores would stand
            said |= dict.fromkeys([_may_have_trained(metadata, scored_on)] if found is None else found.sentences)
        sentences = list(filter(None, said))
        if isinstance(model, Group):  # each of its runs saw others: one warning for all
            sentences = [f"has runs of which one {text}" for text in sentences[:1]]
        for text in sentences:
            st.warning(plain(f"{label} {text}; its scores here say little about new ones."))


def _may_have_trained(metadata: CheckpointMetadata, split: SplitChoice) -> str:
    """What can be said of a checkpoint that does not name its training photographs."""
    if split.name == "test":
        return ""
    same_data = metadata["dataset"]["fingerprint"] == split.dataset.fingerprint
    drawing = Config.model_construct(**metadata["config"]).split_spec
    same_split = metadata["dataset"]["val_is_own"] or drawing == split.spec
    if same_data and same_split and split.name == "val":
        return ""
    sure = same_data and same_split and split.name == "train"
    return "trained on these photographs" if sure else "may have trained on some of these photographs"


def choose_models() -> dict[str, Model]:
    """Let the user choose models and groups, upload others, and name a folder of masks; what each is, by name."""
    entries = available_checkpoints()
    names = model_names(entries)
    groups = groups_of([run for run in store().list_runs() if run.best_epoch])
    there: dict[str, tuple[str, Model]] = {short_name(entry): (names[entry.path], entry.path) for entry in entries}
    there |= {group.key: (group.label, group) for group in groups}
    asked = [short_key(name) for name in st.query_params.get_all("model")]
    linked = list(dict.fromkeys(name for name in asked if name in there))[:MOST_COMPARED]
    with st.container():  # a place that stays: what is open below it stays open
        if unknown := [name for name in asked if name not in there]:
            st.warning(plain(f"There is no model {', '.join(unknown)}; choose from the list."))
    # The browser tells a choice by its label, and a run is renamed, a group grows: what is chosen keeps the label that it had.
    chosen, before = st.session_state.get("compare-models", []), st.session_state.get("compare-labels", {})
    labels = {name: before.get(name, label) if name in chosen else label for name, (label, _) in there.items()}
    st.session_state["compare-labels"] = labels
    picked = st.multiselect(
        "Models",
        list(there),
        linked if asked or "masks" in st.query_params else list(there)[:2],
        format_func=labels.__getitem__,
        max_selections=MOST_COMPARED,
        placeholder="Choose models",
        key="compare-models",
    )
    models: dict[str, Model] = dict(there[name] for name in picked)
    with st.expander("Models and masks from elsewhere", expanded="masks" in st.query_params, key="compare-elsewhere"):
        models |= uploaded_models()
        models |= masks_folder()
    if len(models) > MOST_COMPARED:
        st.warning(f"At most {MOST_COMPARED} are compared at a time; the others are left out.")
    return dict(list(models.items())[:MOST_COMPARED])


def masks_folder() -> dict[str, Path]:
    """Let the user name a folder of masks; path by name."""
    typed = st.text_input(
        "Folder of predicted masks",
        st.query_params.get("masks", ""),
        placeholder="optional: ~/masks-of-another-tool",
        help="Masks that any other program predicted, one image a photograph, of the same name, with or without _mask or "
        "_segmentation. Black and white, or grey for probabilities.",
        key="compare-masks",
    )
    try:
        folder = Path(clean_source(typed)) if typed.strip() else None
    except InputError as error:
        st.error(plain(str(error)))
        return {}
    if folder is None:
        return {}
    if not _is_folder(folder):
        st.error(f"There is no folder {plain(str(folder))}; check the path.")
        return {}
    return {f"masks: {folder.name or folder}": folder}


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long to be one
        return False


def choose_tta() -> bool:
    """Let the user choose how the models predict."""
    return st.checkbox(
        "Test-time augmentation",
        st.query_params.get("tta") == "1",
        help="Each mask is the mean over eight views of the photograph: mirrored or not, in four quarter turns. "
        "Eight times the work.",
        key="compare-tta",
    )


def remember(dataset: Dataset, split: SplitChoice, models: dict[str, Model], *, tta: bool) -> None:
    """Make the address one that opens the same view."""
    names = {entry.path: short_name(entry) for entry in available_checkpoints()}
    named = [model.key if isinstance(model, Group) else names.get(model) for model in models.values()]
    wanted: dict[str, list[str]] = {
        "data": list(dataset.sources),
        "split": [split.name],
        "seed": [str(split.spec.seed)] if split.spec.seed else [],
        "model": [name for name in named if name],
        "masks": [str(model) for model in models.values() if isinstance(model, Path) and model.is_dir()],
        "tta": ["1"] if tta else [],
    }
    address = {name: values for name, values in wanted.items() if values}
    if {name: st.query_params.get_all(name) for name in st.query_params} != address:
        st.query_params.from_dict(address)  # at once: each change is an entry in the browser's history


def compared(models: dict[str, Model], split: SplitChoice, *, tta: bool) -> list[Compared]:
    """The models with their evaluations, as far as these are there."""
    found = []
    for place, (label, model) in enumerate(models.items()):
        try:
            requests = [evaluation_request(path, scored_on, tta=tta) for path, scored_on in checkpoints_of(model, split)]
            found.append(Compared.of(label, run_colour(place), requests))
        except InputError as error:
            st.error(plain(f"{label}: {error}"))
    return found


def pictures(models: list[Compared], table: Table, threshold: float | None) -> None:
    """The photographs in the order chosen: one large, and some at a time small."""
    order_box, ids_box, page_box = st.columns([5, 3, 2], vertical_alignment="bottom")
    orders = [order for order in ORDERS if len(models) > 1 or order != "difference"]
    order = order_box.segmented_control("Order", orders, default=orders[0], required=True, format_func=ORDERS.__getitem__)
    only = ids_box.multiselect("Only these photographs", table.ids, placeholder="all", key="compare-only")
    # By each model's own threshold: while the slider moves, the photographs stay where they are.
    steady = Table.of(models, None)
    rows = [row for row in steady.rows_in(order) if not only or steady.ids[row] in only]
    pages = max(1, -(-len(rows) // A_PAGE))
    page = int(page_box.number_input(f"Page of {pages}", 1, pages, 1, key=f"page-{order}-{len(rows)}"))
    shown = rows[(page - 1) * A_PAGE : page * A_PAGE]
    compare_view(mask_models(models), mask_photos(models, table, shown), threshold, THRESHOLD, IMAGE)
    st.caption(
        "White outline: truth. Errors: orange, marked but not lesion; blue, lesion but not marked. Pictures are shown at up to "
        "512 pixels a side, scores are those at stored resolution. Click a photograph to see it large."
        + (
            " Of a group the mask of its first model is shown, and the mean score of all that were scored on the photograph."
            if any(len(model.requests) > 1 for model in models)
            else ""
        )
    )
    st.header("One photograph, large")
    viewed = viewed_photos(models, table, rows)
    image = st.session_state.get(IMAGE)
    if image not in viewed.ids:
        image = viewed.ids[0]
    image_viewer(mask_models(models), viewed, threshold, image, IMAGE)
    st.caption(
        "Arrow keys step through the photographs in the order above. After a click the wheel zooms all pictures, and dragging "
        "moves them. The colours of the probability go from blue, 0, to yellow, 1."
    )


def differences(models: list[Compared], threshold: float | None) -> None:
    """Which model is better, in sentences and in a table."""
    found = pairings(evaluations_of(models), threshold)
    if not found:
        return
    st.header("Which one is better?")
    for pairing in found:
        st.markdown(f"**{plain(pairing.sentence)}**")
    st.html(pairing_table(found))
    st.caption(PAIRING_NOTE)


@st.fragment
def results(models: list[Compared], split: SplitChoice) -> None:
    """Tables and pictures at the threshold that is set; only these are drawn anew when it changes."""
    threshold: float | None = st.session_state.get(THRESHOLD)
    evaluated = [model for model in models if model.evaluation]
    table = Table.of(evaluated, threshold)
    at = "at each model's own threshold" if threshold is None else f"at threshold {threshold:.2f}"
    st.header("Scores")
    costs = {model.label: model.cost for model in evaluated}
    rows = score_rows(evaluations_of(evaluated), costs, threshold)
    st.html(score_table(rows))
    with st.container():
        for row in rows:
            if row.spread:
                st.markdown(plain(f"{row.label}: {row.spread.sentence}."))
    st.caption(
        f"Means over photographs with 95 % bootstrap intervals, {at}; those of a group are wider by what its models vary. "
        "Thresholded IoU counts a photograph below 0.65 as 0; boundary IoU and HD95, the 95th percentile of the Hausdorff "
        "distance as a share of the diagonal, are known at each model's own threshold. Best in bold."
    )
    with st.popover("Download", icon=":material/download:"):
        scored_on = f"{split.dataset.name}, {SPLITS[split.name].lower()} part, {at}"
        files = {"Table as CSV": (to_csv, "csv"), "Table as Markdown": (to_markdown, "md"), "Table as LaTeX": (to_latex, "tex")}
        for name, (write, ending) in files.items():
            st.download_button(name, write(rows, scored_on), f"lesionlab-table.{ending}", on_click="ignore", width="stretch")
        every = scores_csv(evaluated, table)
        st.download_button("Scores of every photograph (CSV)", every, "lesionlab-scores.csv", on_click="ignore", width="stretch")
    with st.container():
        for note in dict.fromkeys(note for model in evaluated if model.evaluation for note in model.evaluation.notes):
            st.warning(plain(note))
        for model in evaluated:
            if model.evaluation and model.evaluation.missing:
                missing = f"has no mask for {len(model.evaluation.missing)} of the photographs, which are left out of its scores."
                st.warning(plain(f"{model.label} {missing}"))
        differences(evaluated, threshold)
    st.header("Charts")
    comparison_charts(evaluated, threshold, IMAGE)
    st.header("Photographs")
    pictures(evaluated, table, threshold)
    with st.expander("Scores of every photograph", icon=":material/table:"):
        columns = {"image": table.ids} | {
            f"{metric} · {model.label}": table.scores[key][:, place]
            for metric, key in (("IoU", "iou"), ("Dice", "dice"), ("Accuracy", "accuracy"))
            for place, model in enumerate(evaluated)
        }
        st.dataframe(
            columns,
            hide_index=True,
            width="stretch",
            column_config={name: st.column_config.NumberColumn(format="%.4f") for name in list(columns)[1:]},
        )


st.title("Compare")
if "compare-models" not in st.session_state:  # a new visit begins with each model's own threshold
    st.session_state.pop(THRESHOLD, None)
left, right = st.columns(2, gap="large")
with left:
    st.header("Data")
    linked = st.query_params.get_all("data")
    dataset = choose_dataset(linked or [SAMPLE], "compare")
    split = choose_split(dataset) if dataset else None
with right:
    st.header("Models")
    chosen = choose_models()
    tta = choose_tta()
if dataset is None or split is None:
    st.stop()
if not chosen:
    st.info("Choose models, or a folder of masks, to compare.", icon=":material/compare:")
    st.page_link("train.py", label="Train a model", icon=":material/model_training:")
    st.stop()
remember(dataset, split, chosen, tta=tta)
with st.container():
    warn_of_overlap(chosen, split)
    models = compared(chosen, split, tta=tta)
wanting = {
    model.label + (f", {place} of {len(model.wanting)}" if len(model.wanting) > 1 else ""): request
    for model in models
    for place, request in enumerate(model.wanting, start=1)
}
own_parts = split.name != "test" and any(isinstance(model, Group) for model in chosen.values())
if own_parts:
    left.caption("Of a group, each run is scored on the part of this name that its own seed or fold drew.")
with right:
    if wanting:
        scan = scan_request(dataset)  # it finds photographs of the same slide
        asked = wanting if result_folder(scan) else {"Looking for duplicates": scan, **wanting}
        if not job_panel(asked):
            count = f"{len(wanting)} model{'s' if len(wanting) > 1 else ''}"
            if not own_parts:
                count += f" on {len(split.pairs):,} photographs"
            if st.button(f"Evaluate {count}", type="primary", icon=":material/play_arrow:", key="evaluate"):
                ask(list(asked.values()))
                st.rerun()
            st.caption("This happens in the background; what was evaluated once is kept.")
if any(model.evaluation for model in models):
    results(models, split)
    take_masks_away(models)
