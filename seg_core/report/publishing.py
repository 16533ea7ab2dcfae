"""Publishing a trained model: its checkpoint in fp16, scored, with its card beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from seg_core.common.atomic_file import atomic_file
from seg_core.config import Config
from seg_core.data.dataset import Dataset, Split
from seg_core.data.folders import Pair
from seg_core.errors import InputError, some_of
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint, load_model
from seg_core.prediction.checkpoint_file import read_metadata, save_checkpoint
from seg_core.prediction.licences import stated_licences
from seg_core.prediction.metadata import CheckpointMetadata, EpochValues
from seg_core.report.by_source import SourcePart, other_parts, own_parts
from seg_core.report.measuring import Advance, measure
from seg_core.report.model_card import EPOCH_TITLES, ORIGINALS, model_card


def publish(
    source: Path,
    dataset: Dataset,
    folder: Path,
    on_progress: Advance | None = None,
    *,
    suffix: str = "",
    originals: Dataset | None = None,
    beside: Path | None = None,
    also: Mapping[str, Dataset] | None = None,
    licences: Mapping[str, str] | None = None,
    weights_licence: str = "",
) -> tuple[Path, CheckpointMetadata]:
    """Write ``VARIANT-RECIPE.safetensors`` in fp16 and ``VARIANT-RECIPE.md`` into ``folder``.

    The model is scored as published, at stored resolution, on the validation and the test split of ``dataset``, with and without
    test-time augmentation, and its robustness is measured on both. It is scored by source too (`seg_core.report.by_source`).

    Args:
        source: the checkpoint of a run.
        dataset: what it was trained on.
        folder: where both files go.
        on_progress: called with (done, total) photographs of each step.
        suffix: added to the recipe in the files' names and in the label, for another model of the same recipe.
        originals: the photographs of the validation split at their original size, of one source or more, to score it on too.
        beside: another published model, to compare with on the same photographs.
        also: further datasets to score it on, by name; photographs that trained it are left out.
        licences: of the photographs, by the name of their source; under an empty name, of all that trained it.
        weights_licence: of its weights, as `seg_core.prediction.licences.stated_licences` takes it.

    Returns:
        The new checkpoint's path, and its metadata.

    Raises:
        InputError: if a checkpoint cannot be read, was trained on other data, lacks an original, or cannot be written, or a
            licence does not fit.
    """
    trained = _load_publishable(source, dataset)
    config = trained.config
    recipe = f"{config.recipe}-{suffix}" if suffix else config.recipe
    split = dataset.split(config.split_spec)
    own = list(own_parts(dataset, split))
    splits = _splits(split, own, originals)
    others = also or {}
    target = folder / f"{config.variant}-{recipe}.safetensors"
    label, history = f"{config.label} ({recipe})", _whole_history(source, trained)
    metadata: CheckpointMetadata = {**trained.metadata, "name": "", "label": label, "history": history}
    if licences or weights_licence:
        metadata["licences"] = stated_licences(licences or {}, weights_licence, dataset.source_names, list(others))
    if not beside:
        metadata.pop("beside", None)  # of an earlier publication; all else is measured anew
    other = load_checkpoint(beside) if beside else None
    parts = [*own, *other_parts(split.train, others, on_progress)]
    model = load_model(source)
    with tempfile.TemporaryDirectory() as made:  # an earlier publication stays until everything is measured
        published = Path(made, target.name)
        save_checkpoint(published, model, metadata, half=True)
        metadata = {**metadata, **measure(published, splits, parts, other, on_progress)}
    try:
        save_checkpoint(target, model, metadata, half=True)
        write_card(target, config, metadata, recipe)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}); choose another folder.") from None
    return target, metadata


def write_card(checkpoint: Path, config: Config, metadata: CheckpointMetadata, recipe: str) -> None:
    """Write the card of a published model beside its checkpoint, whole or not at all; see `seg_core.report.model_card`."""
    with atomic_file(checkpoint.with_suffix(".md")) as card:
        card.write_text(model_card(config, metadata, recipe), encoding="utf-8")


def _load_publishable(source: Path, dataset: Dataset) -> Checkpoint:
    trained = load_checkpoint(source)
    if calibration := trained.metadata.get("calibration"):
        raise InputError(f"{source} is a calibrated copy of {calibration['of']}; publish that one, and calibrate it then.")
    if trained.metadata["dataset"]["fingerprint"] != dataset.fingerprint:
        raise InputError(f"{source} was trained on other data than {dataset.name}; name the data it was trained on.")
    if not trained.metadata["epoch_is_whole"]:
        raise InputError(f"{source} was stopped within an epoch and has no scores; publish the best.safetensors of its run.")
    shown = trained.metadata["history"][trained.metadata["epoch"] - 1 : trained.metadata["epoch"]]
    if not shown or EPOCH_TITLES.keys() - (shown[0]["train"].keys() & shown[0]["val"].keys()):
        raise InputError(f"{source} lacks the metrics of its epoch, which its card shows; publish one as a run wrote it.")
    return trained


def _splits(split: Split, own: Sequence[SourcePart], originals: Dataset | None) -> dict[str, list[Pair]]:
    """Return the pairs to score a model on, by the names that its metadata gives them."""
    splits = {"validation": split.val, "test": split.test}
    if originals:
        splits[ORIGINALS] = _originals([part.pairs for part in own if part.split == "validation"], originals)
    return {name: pairs for name, pairs in splits.items() if pairs}


def _originals(by_source: Sequence[Sequence[Pair]], originals: Dataset) -> list[Pair]:
    """Return the originals of the validation photographs, of all sources of which there are any."""
    by_id = {pair.id: pair for pair in originals.unique_pairs}
    some = [pairs for pairs in by_source if any(pair.id in by_id for pair in pairs)] or by_source
    wanted = [pair.id for pairs in some for pair in pairs]
    if missing := [id for id in wanted if id not in by_id]:
        raise InputError(f"{originals.name} lacks photographs of the validation split: {some_of(missing)}; name another folder.")
    return [by_id[id] for id in wanted]


def _whole_history(source: Path, trained: Checkpoint) -> list[EpochValues]:
    """Return all epochs of the run, those after the best one too, where its last checkpoint lies beside it."""
    last = source.with_name("last.safetensors")
    return (read_metadata(last) if last.exists() else trained.metadata)["history"]
