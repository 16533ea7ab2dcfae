"""Commands that use a trained model: `evaluate`, `predict`, `export` and `publish`."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seg_core.cli.common import (
    DataOption,
    ExpertsOption,
    ImagesOption,
    JsonOption,
    LesionOption,
    MasksOption,
    TruthOption,
    open_data,
    output,
    print_json,
    progress,
    report,
    screen,
)
from seg_core.common.atomic_file import atomic_file
from seg_core.common.home import expanded
from seg_core.common.text import named
from seg_core.errors import InputError, some_of
from seg_core.prediction.expected_iou import LOOK_BELOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from seg_core.data.dataset import Dataset
    from seg_core.data.folders import Pair
    from seg_core.prediction.metadata import CheckpointMetadata

app = typer.Typer()

TtaOption = Annotated[
    bool,
    typer.Option("--tta", help="Test-time augmentation: average over the eight symmetries of the square; eight times the work."),
]


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="A .safetensors checkpoint, an .onnx model, or a folder or zip of masks.")],
    data: DataOption,
    split: Annotated[
        str | None, typer.Option(help="train, val, test or all, the whole dataset; by default test if there is one, else val.")
    ] = None,
    images: ImagesOption = None,
    masks: MasksOption = None,
    lesion: LesionOption = None,
    experts: ExpertsOption = None,
    truth: TruthOption = None,
    predicted_lesion: Annotated[
        str | None, typer.Option(help="Likewise in predicted masks; by default what --lesion-value says, where they need it.")
    ] = None,
    tta: TtaOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score a checkpoint, or a folder of masks named like the photographs, on a split at stored resolution."""
    from seg_core.config import SplitSpec
    from seg_core.data.folders import is_mask_folder
    from seg_core.evaluation.evaluate import evaluate as score
    from seg_core.prediction.checkpoint import Checkpoint
    from seg_core.prediction.foreign import load_any
    from seg_core.prediction.mask_folder import open_predicted_masks
    from seg_core.prediction.trial import try_file

    model = expanded(model)
    are_masks = is_mask_folder(model)
    if tta and are_masks:
        raise InputError(f"{model} is a folder of masks, which test-time augmentation cannot change; leave out --tta.")
    if predicted_lesion and not are_masks:
        raise InputError(f"{model} is no folder of masks, so it has no value of the lesion; leave out --predicted-lesion.")
    try_file(model)
    loaded = None if are_masks else load_any(model, tta=tta)
    checkpoint = loaded if isinstance(loaded, Checkpoint) else None
    dataset = open_data(data, images, masks, lesion, experts, truth)
    chosen = split or ("test" if dataset.test else "val")
    spec = checkpoint.config.split_spec if checkpoint else SplitSpec()
    pairs = dataset.pairs_of(chosen, spec)
    if checkpoint is None and chosen in ("train", "val") and not dataset.counts["val"]:
        screen.print(f"Validation is {spec.words}.")
    if checkpoint:
        warn_of_overlap(checkpoint.metadata, dataset, chosen, pairs)
    predictor = loaded or open_predicted_masks(model, pairs, predicted_lesion)
    with progress(f"Evaluating on {chosen}") as advance:
        found = score(predictor, pairs, advance, allow_missing=True)
    if found.missing:
        left_out = f"{len(found.missing)} of the {len(pairs)} photographs ({some_of(found.missing)})"
        screen.print(f"{predictor.label} has no prediction for {left_out}; they are left out of the scores.")
    for note in (*dataset.notes, *found.notes):
        screen.print(note)
    if both_empty := int(found.both_empty().sum()):
        which = f"{both_empty} of the {len(found.ids)} photographs"
        screen.print(f"In {which} there is no lesion and none is marked: each counts as 1 in the means.")
    if as_json:
        others = {"missing": list(found.missing), "both_empty": both_empty}
        print_json({"n": len(found.ids), **found.means, **{name: value for name, value in others.items() if value}})
    else:
        output.print(f"{predictor.label} on {len(found.ids)} photographs of {dataset.name} ({chosen}), at stored resolution:")
        for name, value in found.means.items():
            output.print(f"  {name.replace('_', ' '):<16} {value:.4f}")


def warn_of_overlap(
    metadata: CheckpointMetadata, dataset: Dataset, split: str, pairs: Sequence[Pair], model: str = "This model"
) -> None:
    """Name the photographs of a split that trained or calibrated a model, or may have."""
    from seg_core.evaluation.overlap import calibration_overlap

    if warning := _trained_on(metadata, dataset, split, pairs, model):
        screen.print(warning)
    if calibrated := calibration_overlap(metadata.get("calibration"), dataset.fingerprint, pairs):
        screen.print(f"{model} {calibrated}; its scores there say little about new photographs.")


def _trained_on(metadata: CheckpointMetadata, dataset: Dataset, split: str, pairs: Sequence[Pair], model: str) -> str:
    """Return a sentence on photographs of a split that may have trained the model; empty if there are none."""
    from seg_core.evaluation.clusters import known_clusters
    from seg_core.evaluation.overlap import overlap

    same_data = metadata["dataset"]["fingerprint"] == dataset.fingerprint
    if split == "all":
        trained = overlap(metadata["dataset"], dataset.fingerprint, dataset.unique_pairs)
        what = trained.sentences if trained else ["was trained on some of these photographs"] if same_data else []
        return f"{model} {what[0]}; its scores there say little about new photographs." if what else ""
    if split != "train":
        clusters = known_clusters(dataset.sources, dataset.unique_pairs)
        seen = overlap(metadata["dataset"], dataset.fingerprint, pairs, clusters=clusters) if clusters else None
        if seen and seen.of_cluster:
            return f"{model} {seen.sentences[-1]}; its scores there say little about new photographs."
    if split == "test" or same_data:
        return ""
    return f"{model} was trained on other data, so the {split} split may contain photographs that it was trained on."


@app.command()
def predict(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors checkpoint, or an .onnx model.")],
    photographs: Annotated[list[Path], typer.Argument(help="Photographs, or folders of them.", metavar="IMAGE...")],
    output_folder: Annotated[Path, typer.Option("--output", help="Folder for the masks.", metavar="DIR")],
    tta: TtaOption = False,
    look_below: Annotated[
        float,
        typer.Option(help="Say 'look at this one' of masks whose IoU may be lower: 90 % reach the bound.", min=0, max=1),
    ] = LOOK_BELOW,
) -> None:
    """Write the mask of each photograph as STEM_mask.png, with values 0 and 255 and the size of the photograph.

    Models that have learnt it say which IoU to expect of each mask, and a bound that 90 % of such masks reach.
    """
    from seg_core.common.parallel import ordered_map
    from seg_core.data.folders import list_images
    from seg_core.prediction.foreign import load_any
    from seg_core.prediction.trial import try_file

    images = [image for path in photographs for image in (list_images(path, dead_links=True) if path.is_dir() else [path])]
    if not images:
        raise InputError(f"There is no photograph in {photographs[0]}; name photographs, or a folder of them.")
    stems = Counter(image.stem for image in images)
    if twice := [image for image in images if stems[image.stem] > 1]:
        raise InputError(f"Two photographs are called {twice[0].stem}, and one mask would overwrite the other; rename one.")
    try_file(checkpoint)
    loaded = load_any(checkpoint, tta=tta)
    output_folder = expanded(output_folder)
    try:
        output_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {output_folder} cannot be made ({error.strerror}); choose another --output.") from None

    def write_mask(image: Path) -> str | InputError:
        try:
            prediction = loaded.predict(image)
        except InputError as error:
            return error
        target, mask = output_folder / f"{image.stem}_mask.png", prediction.mask()
        _write(mask, target)
        trust = f"  {prediction.expected_iou.words(look_below)}" if prediction.expected_iou else ""
        return f"{target}  lesion area {mask.mean():.1%}{trust}"

    failed = []
    with progress("Predicting") as advance, closing(ordered_map(write_mask, images)) as results:
        for done, result in enumerate(results, start=1):
            if isinstance(result, InputError):
                failed.append(str(result))
            else:
                output.print(result)
            advance(done, len(images))
    if failed:
        raise InputError(" ".join(failed))


@app.command()
def publish(
    checkpoint: Annotated[Path, typer.Argument(help="The checkpoint of a run.")],
    data: DataOption,
    output_folder: Annotated[Path, typer.Option("--output", help="Folder for the model and its card.", metavar="DIR")],
    suffix: Annotated[str, typer.Option(help="Added to the recipe in the files' names.")] = "",
    originals: Annotated[
        str | None, typer.Option(help="Folder with the validation photographs at their original size.", metavar="DIR")
    ] = None,
    beside: Annotated[
        Path | None, typer.Option(help="Another published model, to compare this one with.", metavar="CHECKPOINT")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="A further dataset to score it on, on its test split, or the validation split, or all; photographs that trained "
            "the model are left out. NAME= before the folder names it otherwise. May be repeated.",
            metavar="[NAME=]DIR",
        ),
    ] = None,
    licence: Annotated[
        list[str] | None,
        typer.Option(
            help="Licence of the photographs, such as 'CC BY 4.0', or of those of one source. May be repeated.",
            metavar="[NAME=]LICENCE",
        ),
    ] = None,
    weights_licence: Annotated[
        str,
        typer.Option(
            help="Licence of the weights; where photographs allow no commercial use, theirs by default.", metavar="LICENCE"
        ),
    ] = "",
    images: ImagesOption = None,
    masks: MasksOption = None,
    lesion: LesionOption = None,
    experts: ExpertsOption = None,
    truth: TruthOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model in fp16, with a card of its scores on the validation and test splits of its dataset."""
    from seg_core.report.publishing import publish as write

    dataset = open_data(data, images, masks, lesion, experts, truth)
    of_originals = open_data([originals]) if originals else None
    others = _open_also(also or [])
    with progress("Scoring") as advance:
        path, metadata = write(
            checkpoint,
            dataset,
            expanded(output_folder),
            advance,
            suffix=suffix,
            originals=of_originals,
            beside=beside,
            also=others,
            licences=dict(map(named, licence or [])),
            weights_licence=weights_licence.strip(),
        )
    result = {"checkpoint": str(path), "evaluation": metadata["evaluation"], "by_source": metadata["by_source"]}
    report(f"{path} and its card are written.", result, as_json)


def _open_also(given: list[str]) -> dict[str, Dataset]:
    """Open further datasets, by name."""
    opened: dict[str, Dataset] = {}
    for name, source in map(named, given):
        dataset = open_data([source])
        name = name or dataset.name
        if name in opened:
            raise InputError(f"Two further datasets are called {name}; name one of them otherwise, as NAME=DIR.")
        opened[name] = dataset
    return opened


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors checkpoint.")],
    format: Annotated[Literal["onnx"], typer.Option(help="File format.")] = "onnx",
    target: Annotated[
        Path | None, typer.Option("--output", help="The file; by default beside the checkpoint.", metavar="FILE")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model as ONNX with free batch and image sizes, after comparing its probabilities with torch's."""
    from seg_core.prediction.export import export_onnx

    result = export_onnx(expanded(checkpoint), expanded(target) if target else None)
    checked = " and ".join(" x ".join(map(str, shape)) for shape in result["checked"])
    text = f"{result['file']} is written; on random patches of colour ({checked}) it differs from torch"
    report(f"{text} by {result['largest_difference']:.1e} at most.", result, as_json)


def _write(mask: np.ndarray, target: Path) -> None:
    from seg_core.data.image import write_mask

    try:
        with atomic_file(target) as partial:
            write_mask(mask, partial)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}); choose another --output.") from None
