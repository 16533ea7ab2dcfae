"""Retrainings: runs on the corrections of a collection, each with what it began from and the part that is held out to judge it.

The data of one is a folder of links in the home folder, with the versions of the masks as they were then: a retraining can be
resumed while people go on correcting. Its test split is what is held out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seg_core.common.atomic_file import atomic_file
from seg_core.common.home import home
from seg_core.config import SplitSpec
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.held_out import SIDES, choose_sides
from seg_core.data.dataset import SplitChoice, open_dataset
from seg_core.data.links import link_pairs
from seg_core.data.source import SAMPLE, Source, clean_path
from seg_core.errors import InputError
from seg_core.evaluation.columns import MARGIN
from seg_core.evaluation.improvement import checked_margin
from seg_core.evaluation.overlap import overlap
from seg_core.prediction.checkpoint_file import checkpoint_digest, read_metadata
from seg_core.prediction.metadata import checkpoint_label
from seg_core.runs.annotations import LONGEST_NAME
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.training.beginning import beginning, settings_of

VALIDATION = 0.1
"""Share of the corrections that validates: they are few, and those that are held out judge."""
_RECORD = "retraining.json"


@dataclass(frozen=True)
class Retraining:
    """What is known of a retraining beside its run.

    Attributes:
        collection: the name of the collection.
        before: the model before, whose content had this ``digest`` and which was called ``before_name``.
        margin: the loss in IoU that counts as none.
        train: the number of corrections that train or validate.
        held_out: the number of those that are held out.
        anew: True if it began from initial weights, and not from the model before.
        data: the folder of links, as a source of `open_dataset`.
    """

    collection: str
    before: Path
    before_name: str
    digest: str
    margin: float
    train: int
    held_out: int
    anew: bool
    data: str = ""

    def judged(self) -> SplitChoice:
        """Return the part that is held out.

        Raises:
            InputError: if the collection or its photographs are gone, or the model before is not what it was.
        """
        if checkpoint_digest(self.before) != self.digest:
            raise InputError(f"{self.before_name} has changed since it was retrained, so before and after cannot be compared.")
        split = SplitChoice(open_dataset(self.data), "test", SplitSpec())
        if len(split.dataset.test) < self.held_out:  # links that lead nowhere are left out
            raise InputError(
                f"Photographs or masks of {self.collection} that were held out are gone, so before and after cannot be compared."
            )
        return split

    def note(self, split: SplitChoice) -> str:
        """Return a sentence on the held-out photographs that trained the model before; empty where none is known to have."""
        seen = overlap(read_metadata(self.before)["dataset"], split.dataset.fingerprint, split.pairs)
        if not (seen and seen.trained):
            return ""
        return f"{self.before_name} was {'; '.join(seen.sentences)}. It has an advantage on these."


def add_retraining(
    store: RunStore,
    collection: Collection,
    checkpoint: Path,
    *,
    margin: float = MARGIN,
    anew: bool = False,
    more: Sequence[str] = (),
    name: str = "",
    foreground: bool = False,
    **settings: Any,
) -> Run:
    """Queue a training of a model with the corrections of a collection.

    Args:
        store: the run store.
        collection: its corrections are read now; later ones do not change the run.
        checkpoint: the model before.
        margin: the loss in IoU that counts as none.
        anew: begin from initial weights, with the model's settings.
        more: datasets that train too; what is held out is left out of them by name.
        name: of the run; by default it says how many corrections of what collection train.
        foreground: as `seg_core.runs.queue.RunQueue.add`.
        settings: of `Config`, where they differ from the model's; ``None`` keeps a value.

    Raises:
        InputError: if the checkpoint, a setting, the margin or a dataset cannot be used, or there are too few corrections.
    """
    margin, before = checked_margin(margin), Path(clean_path(checkpoint))
    config = settings_of(before, anew=anew, val_fraction=VALIDATION, **settings)
    beginning(config)  # which refuses what does not fit, before anything is decided for good
    if more:
        open_dataset(more)
    sides = choose_sides(collection)
    folder = _new_folder()
    found = Retraining(
        collection=collection.name,
        before=before,
        before_name=checkpoint_label(read_metadata(before)),
        digest=checkpoint_digest(before),
        margin=margin,
        train=len(sides.train),
        held_out=len(sides.held_out),
        anew=anew,
    )
    source = link_pairs(folder / collection.name, {"train": sides.train, "test": sides.held_out})
    with atomic_file(folder / _RECORD) as file:
        file.write_text(json.dumps(asdict(found) | {"before": str(before)}), encoding="utf-8")
    title = name or f"{collection.name}, {found.train:,} corrections"[:LONGEST_NAME]
    return store.queue.add(title, config, [source, *more], foreground=foreground)


def retraining_of(run: Run) -> Retraining | None:
    """Return what is known of a run that is a retraining; None of another run.

    Raises:
        InputError: if its record is damaged.
    """
    data = Path(run.sources[0])
    folder = data.parent
    if folder.parent != _folder():
        return None
    try:
        values = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return replace(Retraining(**values | {"before": Path(values["before"])}), data=str(data))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / _RECORD} cannot be read ({error}); retrain again.") from None


def last_retraining(runs: Sequence[Run], collection: Collection) -> tuple[Run, Retraining] | None:
    """Return the first of some runs, the newest first, that is a retraining on a collection; None if there is none."""
    if not (collection.folder / SIDES).exists():  # retrainings of its name are of one that was deleted
        return None
    for run in runs:
        with suppress(InputError):
            if (found := retraining_of(run)) and found.collection == collection.name:
                return run, found
    return None


def delete_run(store: RunStore, run_id: int) -> int:
    """Delete a run, and of a retraining its folder of links, unless another run has that too.

    Returns:
        how many bytes the run's own folder held.

    Raises:
        InputError: as `RunStore.delete`.
    """
    data = Path(store.get_run(run_id).sources[0])
    freed = store.delete(run_id)
    if data.parent.parent == _folder() and not any(Path(run.sources[0]) == data for run in store.list_runs()):
        shutil.rmtree(data.parent, ignore_errors=True)  # links that are left harm nobody
    return freed


def trained_on(store: RunStore, checkpoint: Path, collection: str) -> list[str]:
    """Return the datasets that a run's model was trained on, without corrections of this collection.

    There are none where that is not known, or where a folder is gone.
    """
    run = next((run for run in store.list_runs() if store.folder(run.id) == checkpoint.parent), None)
    if run is None:
        return []
    sources = [each for each in run.sources if not (Path(each).parent.parent == _folder() and Path(each).name == collection)]
    folders = [Source.parse(source).folder for source in sources]
    return sources if all(folder == SAMPLE or Path(folder).exists() for folder in folders) else []


def _folder() -> Path:
    return home() / "retrainings"


def _new_folder() -> Path:
    """Make the first folder ``0001``, ``0002``, … that nobody has."""
    number = 1
    while True:
        try:
            (folder := _folder() / f"{number:04d}").mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder
