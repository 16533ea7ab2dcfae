"""The metadata of checkpoints and resume files: a JSON object in the header of the safetensors file, under `METADATA_KEY`.

Anybody may have written a file, so `seg_core.prediction.checkpoint_file` validates what it reads against these types.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from annotated_types import Ge, Gt, Le, Len, Lt, MaxLen
from pydantic import AfterValidator, FiniteFloat, GetPydanticSchema
from typing_extensions import TypedDict  # pydantic reads those of typing from Python 3.12 on alone

from seg_core.config import LONGEST_RUN, Config
from seg_core.data.source import JOINED
from seg_core.prediction.expected_iou import STEPS

METADATA_KEY = "lesionlab"
FORMAT_VERSION = 1
MOST_IDS = 10_000
"""Most ids of photographs that a checkpoint names: they are read whenever models are listed."""


def _complete(config: dict[str, Any]) -> dict[str, Any]:
    return Config(**config).model_dump()


def _scored(metrics: dict[str, float]) -> dict[str, float]:
    if "iou" not in metrics:  # by which the best epoch is chosen
        raise ValueError("no iou")
    return metrics


def _as(kind: Any) -> GetPydanticSchema:
    """Validate as ``kind`` what mypy is told less of."""
    return GetPydanticSchema(lambda _, schema_of: schema_of(kind))


Count = Annotated[int, Ge(0), Le(10**12)]
Label = Annotated[str, MaxLen(1000)]
Settings = Annotated[dict[str, Any], AfterValidator(_complete)]
Metrics = dict[str, FiniteFloat]
Numbers = Annotated[list[Any], _as(list[FiniteFloat | None])]
Interval = Annotated[list[Any], _as(Annotated[list[FiniteFloat | None], Len(3, 3)])]
Share = Annotated[FiniteFloat, Ge(0), Le(1)]
Curve = Annotated[list[Any], _as(Annotated[list[Share], Len(STEPS, STEPS)])]


class EpochValues(TypedDict):
    """A completed epoch; see `seg_core.training.history.EpochRecord`."""

    train: Metrics
    val: Annotated[Metrics, AfterValidator(_scored)]
    seconds: FiniteFloat
    process: NotRequired[Metrics]
    """As `seg_core.training.events.EpochDone`; older versions recorded none."""


class DatasetSummary(TypedDict):
    """The dataset that a model was trained on; without paths, which are private to the machine."""

    name: str
    fingerprint: str
    """As `seg_core.data.fingerprint.dataset_fingerprint`."""
    train: Count
    """Photographs that trained; ``val`` and ``test`` likewise."""
    val: Count
    test: Count
    val_is_own: bool
    """True if the dataset has a validation split of its own, so that none was drawn."""
    train_ids: NotRequired[list[str] | None]
    """Ids of the photographs that trained; None where they are too many."""


def source_names(dataset: DatasetSummary) -> list[str]:
    """Return the names of the sources that were joined to a dataset."""
    return dataset["name"].split(JOINED)


class SplitScores(TypedDict):
    """Scores of a published model on one split, at stored resolution."""

    n: Count
    scores: dict[str, Interval]
    """By metric: the mean over photographs, and the bounds of its 95 % interval; None for what there is not."""
    calibration_error: FiniteFloat


class SizeScores(TypedDict):
    """IoU of the photographs with lesions of one size; see `seg_core.evaluation.lesion_size`."""

    n: Count
    iou: Interval
    """As in `SplitScores`; None where there are no such photographs."""


class SourceScores(SplitScores):
    """Scores of a published model on photographs of one source that did not train it."""

    source: Label
    split: Label
    """``validation``, ``test`` or ``all`` of its photographs."""
    is_own: bool
    """True for a source of the dataset that trained the model, False for another one that it was scored on too."""
    left_out: Count
    """Photographs of the split that are not scored, since they trained the model."""
    sizes: dict[str, SizeScores]
    """By lesion size."""
    bound_held: NotRequired[FiniteFloat | None]
    """Share of the photographs on which the bound of the expected IoU held; None where it was learnt on them, or is not known."""


class Licences(TypedDict):
    """Licences that a publisher stated, as people write them: ``CC BY 4.0``."""

    weights: Label
    """Of the model's weights; empty if none is stated."""
    photographs: dict[str, Label]
    """Of the photographs, by the name of their source."""


class RobustnessValues(TypedDict):
    """As `seg_core.evaluation.robustness.Robustness`; None for NaN."""

    agreement: Metrics
    iou_drop: Metrics
    skin: Count
    unmarked: FiniteFloat | None


class ExpectedIouValues(TypedDict):
    """What `seg_core.prediction.expected_iou.fit` learnt."""

    dataset: Label
    """Name of the dataset that it was learnt on."""
    photographs: Count
    """Number of its photographs, which did not train the model."""
    mean: Curve
    """The expected IoU, by soft IoU."""
    low: Curve
    """The bound, which 90 % of such photographs reach."""


class FamiliarityValues(TypedDict):
    """What `seg_core.prediction.familiarity.learn` learnt."""

    photographs: Count
    """Training photographs that it was learnt on."""
    numbers: Annotated[str, MaxLen(100_000)]
    """Mean, standard deviation and directions of the features, row by row as float16, little endian, in Base64."""
    limit: FiniteFloat


class Published(TypedDict, total=False):
    """Metadata that `seg_core.report.publishing.publish` adds."""

    expected_iou: ExpectedIouValues
    """Learnt on the validation split; a training learns it too, at network resolution."""

    evaluation: dict[str, SplitScores]
    """By split."""
    evaluation_tta: dict[str, SplitScores]
    """With test-time augmentation."""
    reliability: dict[str, Numbers]
    """As `seg_core.evaluation.result.Reliability`, of the validation split; None for NaN."""
    robustness: Annotated[dict[str, Any], _as(dict[str, RobustnessValues])]
    """By split."""
    beside: Annotated[dict[str, Any], _as(dict[str, str | dict[str, Interval]])]
    """Difference of its scores from another model's: that model's ``label``, and by split and metric as in ``scores``."""
    by_source: list[SourceScores]
    """Scores on the held-out photographs of each source that trained it, then on those of other sources."""
    licences: Licences


class CalibrationValues(TypedDict):
    """What `seg_core.evaluation.calibration` found, in a copy of a model that predicts with another threshold."""

    of: Label
    """Name of the model that it is a copy of."""
    dataset: Label
    """Name of the dataset that the threshold was chosen on."""
    fingerprint: str
    """Of that dataset."""
    photographs: Count
    """Number of photographs that it was chosen on."""
    ids: list[str] | None
    """Ids of these; None where they are too many."""
    before: FiniteFloat
    """The threshold of the model that it is a copy of."""
    threshold: Annotated[FiniteFloat, Gt(0), Lt(1)]
    gain: Interval
    """In IoU, by cross-validation: the mean over photographs, and the bounds of its 95 % interval."""
    worth_it: bool
    """True if the gain is statistically significant."""


class Calibrated(TypedDict, total=False):
    """Metadata that `seg_core.report.calibrated.save_calibrated` adds."""

    calibration: CalibrationValues


class Trained(TypedDict, total=False):
    """Metadata that a training adds when it ends."""

    familiarity: FamiliarityValues


class Beginning(TypedDict):
    """The model whose weights a training began with."""

    name: Label
    digest: Annotated[str, MaxLen(64)]
    """Of its content, as `seg_core.prediction.checkpoint_file.checkpoint_digest`."""


class Begun(TypedDict, total=False):
    """Metadata of a model whose training began from another one (`Config.begin_from`)."""

    began_from: Beginning


class CheckpointMetadata(Published, Calibrated, Trained, Begun):
    """Everything needed to rebuild a model and to judge it."""

    format: Count
    name: Label
    """Name of its run; may be empty."""
    label: Label
    """Its variant and recipe in words."""
    config: Settings
    """As `seg_core.config.Config` takes it, with the defaults of what an older version lacks."""
    parameters: Count
    normalisation: dict[str, list[FiniteFloat]]
    """``mean`` and ``std`` by channel, of photographs in [0, 1]."""
    dataset: DatasetSummary
    epoch: Count
    """The epoch after which, or within which, it was written; from 1."""
    epoch_is_whole: bool
    metrics: dict[str, Metrics]
    """Metrics of that epoch, ``train`` and ``val``, at network resolution; empty if the training was stopped within it."""
    history: Annotated[list[EpochValues], MaxLen(LONGEST_RUN)]
    """As `seg_core.training.history.History.of` takes it."""
    seconds: FiniteFloat
    """Duration of the training."""
    device: str
    precision: str
    threads: Count
    versions: dict[str, str]
    created: str
    """In UTC, as ISO 8601."""


class ResumeMetadata(TypedDict):
    """What `seg_core.training.resume` keeps beside the tensors."""

    format: Count
    history: Annotated[list[EpochValues], MaxLen(LONGEST_RUN)]
    fingerprint: str
    """Of the dataset."""
    contents: NotRequired[dict[str, dict[str, Annotated[list[int | str], Len(2, 2)]]]]
    """As `seg_core.training.contents.Contents`; older versions kept none."""
    began_from: NotRequired[Beginning | None]


def checkpoint_label(metadata: CheckpointMetadata) -> str:
    """Return the name of a checkpoint in the app: that of its run, or its variant and recipe."""
    return metadata["name"] or metadata["label"]


def own_threshold(metadata: CheckpointMetadata) -> float:
    """Return the probability from which a model calls a pixel lesion: as calibrated, or as it was trained with."""
    calibration = metadata.get("calibration")
    return calibration["threshold"] if calibration else float(metadata["config"]["threshold"])
