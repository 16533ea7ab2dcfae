"""The visitor's choices: a split, models, masks of another program; and the address that opens the same view."""

from __future__ import annotations

from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path

import streamlit as st

from pages.comparison.judging import ADDRESS
from pages.comparison.models import Model
from pages.comparison.uploads import uploaded_models
from pages.dataset.scan import scanned
from pages.shared.foreign_models import add_foreign_models, warn_of_unusable_models
from pages.shared.markdown import plain
from pages.shared.models import MOST_COMPARED, model_names, short_name
from pages.shared.stores import store
from seg_core.common.text import named
from seg_core.config import SplitSpec
from seg_core.data.dataset import ALL, Dataset, SplitChoice
from seg_core.data.folders import is_mask_folder
from seg_core.data.source import Source
from seg_core.errors import InputError
from seg_core.prediction.catalogue import available_checkpoints
from seg_core.runs.address import short_key
from seg_core.runs.groups import Group, groups_of

SPLIT_TITLES = {"test": "Test", "val": "Validation", "train": "Training", ALL: "All photographs"}


def choose_split(dataset: Dataset) -> SplitChoice | None:
    """Let the visitor choose a split: test at first or, where there is none, validation."""
    names = [name for name in SPLIT_TITLES if name != "test" or dataset.test]
    linked = st.query_params.get("split", "")
    name = st.segmented_control(
        "Split",
        names,
        default=linked if linked in names else names[0],
        required=True,
        format_func=SPLIT_TITLES.__getitem__,
        key=f"split-{dataset.fingerprint}",
    )
    is_drawn = name in ("train", "val") and not dataset.counts["val"]
    split = SplitChoice(dataset, name, SplitSpec(_choose_seed(), copies="together") if is_drawn else SplitSpec())
    if is_drawn and scanned(dataset) is None:  # it finds the copies, which a split keeps together
        return None
    try:
        st.caption(f"{len(split.pairs):,} photographs, scored at their stored resolution, as the ISIC challenge does.")
    except InputError as error:
        st.error(plain(str(error)))
        return None
    if name == ALL:
        st.caption("For a dataset of elsewhere, on which no model was trained.")
    elif name != "test":
        st.caption("Models learn from training photographs and choose their best epoch on validation ones; judge them on test.")
    return split


def _choose_seed() -> int:
    linked = st.query_params.get("seed", "")
    is_number = linked.isascii() and linked.isdecimal() and len(linked) < 11
    start = min(int(linked), 2**31 - 1) if is_number else 0
    warning = "Models trained with another seed may have trained on these photographs."
    seed = st.number_input("Seed of the split", 0, 2**31 - 1, start, key="compare-seed", help=warning, persist_state="page")
    return int(seed)


def choose_models() -> dict[str, Model]:
    """Let the visitor choose models and groups, upload models, and name a folder of masks; return them by label."""
    known = _known_models()
    linked = [short_key(name) for name in st.query_params.get_all("model")]
    with st.container():  # always there, so that the expander below it keeps its state
        if unknown := [name for name in linked if name not in known]:
            st.warning(plain(f"There is no model {', '.join(unknown)}; choose from the list."))
    labels = _kept_labels({name: label for name, (label, _) in known.items()})
    start = [name for name in dict.fromkeys(linked) if name in known][:MOST_COMPARED]
    chosen = st.multiselect(
        "Models",
        list(known),
        start if linked or "masks" in st.query_params else list(known)[:2],
        format_func=labels.__getitem__,
        placeholder="Choose models",
        key="compare-models",
    )
    models: dict[str, Model] = dict(known[name] for name in chosen)
    warn_of_unusable_models()
    with st.expander("Models and masks from elsewhere", expanded="masks" in st.query_params, key="compare-elsewhere"):
        models |= uploaded_models()
        add_foreign_models()
        models |= choose_mask_folders(taken=models)
    if len(models) > MOST_COMPARED:
        st.warning(f"{len(models)} models are chosen; the first {MOST_COMPARED} are compared.")
    return dict(list(models.items())[:MOST_COMPARED])


def _known_models() -> dict[str, tuple[str, Model]]:
    """Return label and model of all checkpoints and groups, by the name that a link has for them."""
    entries = available_checkpoints()
    names = model_names(entries)
    groups = groups_of([run for run in store().list_runs() if run.best_epoch])
    known: dict[str, tuple[str, Model]] = {short_name(entry): (names[entry.path], entry.path) for entry in entries}
    return known | {group.key: (group.label, group) for group in groups}


def _kept_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Keep the label that a chosen model had: the browser knows a choice by its label, but runs are renamed and groups grow."""
    chosen, before = st.session_state.get("compare-models", []), st.session_state.get("compare-labels", {})
    kept = {name: before.get(name, label) if name in chosen else label for name, label in labels.items()}
    st.session_state["compare-labels"] = kept
    return kept


def choose_mask_folders(taken: Container[str] = ()) -> dict[str, Path]:
    """Let the visitor name folders of masks, and what is lesion in them; return each with that as one path, by label.

    None has a label that is ``taken``.
    """
    linked = [_linked_folder(text) for text in st.query_params.get_all("masks")]
    values = {value for _, value in linked}
    value = values.pop() if len(values) == 1 else ""
    lines = [line if value or not of_line else f"{line}?lesion={of_line}" for line, of_line in linked]
    at, beside = st.columns([3, 2])
    typed = at.text_area(
        "Folders of predicted masks",
        "\n".join(lines),
        height=80,
        placeholder="optional, one a line: ~/masks-of-another-tool",
        help="Masks that any other program predicted, one folder or zip archive a line; NAME= before it names it. One image per "
        "photograph, with the photograph's name, with or without _mask or _segmentation after it. Black and white, or grey for "
        "probabilities.",
        key="compare-masks",
    )
    lesion = beside.text_input(
        "Value of the lesion",
        value,
        placeholder="if several",
        help="Where these masks hold several classes: the number or colour that is lesion, such as 2 or #ff0000.",
        key="compare-masks-lesion",
    )
    folders: dict[str, Path] = {}
    for name, text in (named(line) for line in typed.splitlines() if line.strip()):
        try:
            source = Source.parse(text)
            source = source.with_choices(lesion=lesion.strip() or source.lesion)
        except InputError as error:
            st.error(plain(str(error)))
            continue
        if not is_mask_folder(str(source)):
            st.error(f"There is no folder {plain(source.folder)}; check the path.")
            continue
        label = name or f"masks: {source.name}"
        if label in folders or label in taken:
            st.error(plain(f"Two models are called {label}; name one of them otherwise, as NAME={source.folder}."))
            continue
        folders[label] = Path(str(source))
    return folders


def _linked_folder(text: str) -> tuple[str, str]:
    """Return a folder of the address as the field shows it, and the value of the lesion there."""
    name, folder = named(text)
    with suppress(InputError):  # it cannot be a path: the field shows it, and the sentence below says so
        source = Source.parse(folder)
        return f"{name}={source.folder}" if name else source.folder, source.lesion or ""
    return text, ""


def choose_tta() -> bool:
    """Let the visitor choose whether models predict with test-time augmentation."""
    return st.checkbox(
        "Test-time augmentation",
        st.query_params.get("tta") == "1",
        help="Each mask is the mean over eight views of the photograph: mirrored or not, in four quarter turns. "
        "Eight times the work.",
        key="compare-tta",
    )


def _linked(label: str, masks: Path) -> str:
    """Return a folder of masks for the address, with its name if it has one of its own."""
    return str(masks) if label.startswith("masks: ") else f"{label}={masks}"


def remember(dataset: Dataset, split: SplitChoice, models: Mapping[str, Model], *, tta: bool) -> None:
    """Make the address one that opens the same view."""
    checkpoints = {entry.path: short_name(entry) for entry in available_checkpoints()}
    names = [model.key if isinstance(model, Group) else checkpoints.get(model) for model in models.values()]
    everything: dict[str, list[str]] = {
        "data": list(dataset.sources),
        "split": [split.name],
        "seed": [str(split.spec.seed)] if split.spec.seed else [],
        "model": [name for name in names if name],
        "masks": [_linked(label, model) for label, model in models.items() if isinstance(model, Path) and is_mask_folder(model)],
        "tta": ["1"] if tta else [],
        **{name: st.query_params.get_all(name) for name in ADDRESS},
    }
    address = {name: values for name, values in everything.items() if values}
    if {name: st.query_params.get_all(name) for name in st.query_params} != address:
        st.query_params.from_dict(address)  # at once: each change is an entry in the browser's history
