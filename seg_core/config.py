"""The settings of a training: variants, recipes, and a validated `Config`.

A setting is defined once, as a field of `Config`: the command line and the Train page take its type, bounds and description
from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr
from typing import Any, Literal, NamedTuple, Self, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from seg_core.errors import InputError

Variant = Literal["trainable-decoder", "fine-tune", "frozen-decoder"]
Recipe = Literal["best", "report"]
Keep = Literal["best", "last"]
Decoder = Literal["plain", "unet", "pyramid"]
Copies = Literal["together", "anywhere"]
LoggerName = Literal["tensorboard", "wandb", "mlflow", "trackio"]

VARIANTS: tuple[Variant, ...] = get_args(Variant)
RECIPES: tuple[Recipe, ...] = get_args(Recipe)
DECODERS: tuple[Decoder, ...] = get_args(Decoder)

VARIANT_LABELS: dict[Variant, str] = {
    "trainable-decoder": "Model 1 · trainable decoder",
    "fine-tune": "Model 2 · fine-tuned",
    "frozen-decoder": "Model 2b · frozen decoder",
}

FROZEN_PART: dict[Variant, Literal["encoder", "decoder"] | None] = {
    "trainable-decoder": "encoder",
    "fine-tune": None,
    "frozen-decoder": "decoder",
}

MOST_FOLDS = 20
"""The most folds a cross-validation can have."""
MOST_SEEDS = 20
"""The most runs a group of several seeds can have."""
MOST_DEVICES = 64
"""The most processes that can train one model on one machine."""
LONGEST_RUN = 1000
STATISTICS_BATCHES = 40
"""Largest number of batches from which averaged weights take their BatchNorm statistics."""
"""The most epochs a run can have, including those it was continued for."""

SEVERAL: dict[str, tuple[str, ...]] = {"log": get_args(LoggerName)}
"""Settings that take several of these values, or `NONE`; they are kept as text, with commas."""
NONE = "none"

SET_BY_PROGRAM = frozenset({"schedule_from"})
"""Settings that the user does not choose."""

# Where a recipe differs from the defaults of `Config`. The default of a setting that was added later is what runs did before it,
# since the configs of older runs and checkpoints lack it.
RECIPE_SETTINGS: dict[Recipe, dict[str, Any]] = {
    "best": {
        "augmentation": "strong",
        "encoder_rate": 0.3,
        "swa_fraction": 0.7,
        "threshold": 0.55,
        "second_look": 0.05,
        "copies": "together",
    },
    "report": {
        "copies": "together",
        "decoder": "plain",
        "optimizer": "adam",
        "schedule": "constant",
        "learning_rate": 1e-3,
        "loss": "bce",
        "augmentation": "report",
        "epochs": 25,
        "image_size": 192,
        "batch_size": 16,
    },
}


class SplitSpec(NamedTuple):
    """The settings that decide which photographs validate; `Config` describes each."""

    seed: int = 0
    val_fraction: float = 0.2
    folds: int = 1
    fold: int = 1
    copies: Copies = "anywhere"
    groups: str = ""

    @property
    def words(self) -> str:
        """The choice of validation photographs in words, where the dataset has no validation split of its own."""
        return f"fold {self.fold} of {self.folds}, by seed {self.seed}" if self.folds > 1 else f"split off by seed {self.seed}"


class Config(BaseModel):
    """All settings of one training, validated. It is stored with every run and inside every checkpoint.

    Create one with `Config.of`, which starts from a recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Variant = Field(
        default="fine-tune", description="What is trained: the decoder on a frozen encoder, both, or the encoder alone."
    )
    recipe: Recipe = Field(description="Named set of default values for the other settings.")
    decoder: Decoder = Field(
        default="pyramid",
        description="plain: upsampling alone, as in the student report. unet: concatenated skips. pyramid: added skips; faster.",
    )
    encoder_weights: Literal["imagenet", "random"] = Field(default="imagenet", description="Initial weights of the encoder.")
    begin_from: str = Field(
        default="",
        description="Checkpoint of LesionLab to train on from, instead of initial weights. It must have the same decoder; "
        "a tenth of its learning rate suits it.",
    )
    image_size: int = Field(
        default=128,
        ge=64,
        le=1024,
        multiple_of=32,
        description="Side of the square that photographs are resized to, in pixels: a multiple of 32.",
    )
    batch_size: int = Field(default=16, ge=1, le=256, description="Photographs per training step.")
    epochs: int = Field(default=80, ge=1, le=LONGEST_RUN, description="Passes over the training split.")
    learning_rate: float = Field(
        default=2e-3, gt=0, le=1, description="Learning rate of the optimizer; with one-cycle, its peak."
    )
    encoder_rate: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Learning rate of the encoder as a fraction of the decoder's; no effect if either is frozen.",
    )
    optimizer: Literal["adam", "adamw"] = Field(
        default="adamw", description="adam, as in the student report, or adamw with a weight decay of 0.01."
    )
    schedule: Literal["constant", "one-cycle"] = Field(
        default="one-cycle", description="Schedule of the learning rate over the run."
    )
    swa_fraction: float = Field(
        title="SWA share",
        default=0.0,
        ge=0,
        lt=1,
        description="Stochastic weight averaging: fraction of the epochs, the last ones, that is averaged; rounded down.",
    )
    keep: Keep = Field(
        title="Epoch that is kept",
        default="best",
        description="The model of a run: that of the epoch with the highest validation IoU, or that of the last epoch. On few "
        "validation photographs the best epoch is best by chance.",
    )
    before_share: float = Field(
        title="Share of the model before",
        default=0.0,
        ge=0,
        lt=1,
        description="Share that the checkpoint to begin from has in the averaged weights; above 0 its BatchNorm statistics stay. "
        "It keeps what few photographs cannot teach.",
    )
    schedule_from: int = Field(
        default=0, ge=0, description="Epoch after which the schedule starts again, in a run continued for more epochs."
    )
    loss: Literal["bce", "bce-dice", "bce-lovasz"] = Field(
        default="bce-lovasz",
        description="Binary cross-entropy alone, with soft Dice, or with the Lovász loss (IoU).",
    )
    augmentation: Literal["report", "standard", "strong"] = Field(
        default="standard",
        description="report: the four kinds that the student report names. standard: those, quarter turns, blur, and bare skin. "
        "strong: those, other light, noise, and lesions from farther away.",
    )
    val_fraction: float = Field(
        title="Validation share",
        default=SplitSpec().val_fraction,
        gt=0,
        lt=1,
        description="Fraction of the training split held out for validation, if the dataset has no validation split.",
    )
    folds: int = Field(
        default=1,
        ge=1,
        le=MOST_FOLDS,
        description="Cross-validation: number of folds, one of which validates; 1 for no cross-validation.",
    )
    fold: int = Field(default=1, ge=1, le=MOST_FOLDS, description="Cross-validation: the fold that validates.")
    copies: Copies = Field(
        default="anywhere",
        description="together: photographs that look the same train or validate together. anywhere: each is drawn by itself.",
    )
    groups: str = Field(
        title="Groups from a CSV file",
        default="",
        description="FILE.csv:COLUMN, such as lesions.csv:lesion_id. Photographs of one value, such as those of one lesion or "
        "patient, train or validate together. The file is looked for in the dataset's folder.",
    )
    threshold: float = Field(default=0.5, gt=0, lt=1, description="Lowest probability at which a pixel counts as lesion.")
    second_look: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Where no more than this share of a photograph is marked, that part is predicted again, enlarged; 0: never.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        lt=2**31,
        description="Seed of the validation split, the initial weights, the order of photographs and the augmentation.",
    )
    device: str = Field(
        default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto: CUDA if available, else MPS, else the CPU."
    )
    devices: int = Field(
        title="Processes",
        default=1,
        ge=1,
        le=MOST_DEVICES,
        description="Processes that train together on this machine, each on a part of every batch and on a GPU of its own, or on "
        "their share of the processors.",
    )
    precision: Literal["auto", "32-true", "bf16-mixed"] = Field(
        default="auto",
        description="auto: bf16 if faster on this machine. 32-true on the CPU gives identical weights with equally many threads.",
    )
    log: str = Field(
        title="Also log to",
        default=NONE,
        description="Where metrics, settings, masks and the model go besides: tensorboard (event files in the run's folder), "
        "wandb, mlflow, trackio, or several with commas. The last three need their packages.",
    )
    skip_problems: bool = Field(
        title="Skip pairs with problems", default=False, description="Leave out pairs with errors instead of refusing to train."
    )

    @classmethod
    def of(cls, recipe: str = "best", **settings: Any) -> Config:
        """Return the config of a recipe with some settings replaced; a setting given as ``None`` keeps the recipe's value.

        Raises:
            InputError: for an unknown recipe or setting, or a value out of bounds.
        """
        if recipe not in RECIPES:
            raise InputError(f"There is no recipe {recipe!r}; choose one of {', '.join(RECIPES)}.")
        given = {name: value for name, value in settings.items() if value is not None}
        try:
            return cls(**{"recipe": recipe, **RECIPE_SETTINGS[recipe], **given})
        except ValidationError as error:
            first = error.errors()[0]
            if not first["loc"]:  # raised by a validator of the whole config, with a sentence of its own
                raise InputError(str(first["ctx"]["error"])) from error
            raise InputError(_refusal(str(first["loc"][0]), first["input"])) from error

    @field_validator(*SEVERAL, mode="before")
    @classmethod
    def _joined(cls, given: Any, about: ValidationInfo) -> str:
        """Join several values, given with commas or as a list, in the order of `SEVERAL`."""
        parts = given if isinstance(given, list | tuple) else [given]
        names = [name.strip() for part in parts for name in str(part).split(",")]
        known = SEVERAL[str(about.field_name)]
        if unknown := {*names} - {*known, NONE, ""}:
            raise ValueError(f"unknown: {unknown}")
        return ",".join(name for name in known if name in names) or NONE

    @model_validator(mode="after")
    def _check_fold(self) -> Self:
        if self.fold > self.folds:
            raise ValueError(f"There is no fold {self.fold} of {self.folds}; choose one from 1 to {self.folds}.")
        return self

    @property
    def split_spec(self) -> SplitSpec:
        """The argument of `seg_core.data.dataset.Dataset.split`."""
        return SplitSpec(self.seed, self.val_fraction, self.folds, self.fold, self.copies, self.groups)

    @property
    def loggers(self) -> tuple[LoggerName, ...]:
        """The loggers that the training reports to."""
        names: tuple[LoggerName, ...] = get_args(LoggerName)
        return tuple(name for name in names if name in self.log.split(","))

    @property
    def averaged_from(self) -> int:
        """First epoch whose weights are averaged; one after the last epoch if none are."""
        return self.epochs + 1 - int((self.epochs - self.schedule_from) * self.swa_fraction + 1e-9)  # 0.7 × 90 is 62.999…

    @property
    def averages(self) -> bool:
        """True if the weights of any epochs are averaged."""
        return self.averaged_from <= self.epochs

    @property
    def epochs_before(self) -> int:
        """As how many averaged epochs the weights of the checkpoint to begin from count (`before_share`)."""
        averaged = self.epochs + 1 - self.averaged_from
        return max(1, round(averaged * self.before_share / (1 - self.before_share))) if averaged and self.before_share else 0

    @property
    def frozen_part(self) -> Literal["encoder", "decoder"] | None:
        """The part of the network that the variant does not train; None if everything trains."""
        return FROZEN_PART[self.variant]

    @property
    def label(self) -> str:
        """The variant's name in the app, such as ``Model 2 · fine-tuned``."""
        return VARIANT_LABELS[self.variant]

    def repeated(self, *, seeds: int = 1, folds: int = 1) -> list[Config]:
        """Return the configs of a group: this one with ``seeds`` consecutive seeds from its own, or on each of ``folds`` folds.

        Raises:
            InputError: if both are given, or one is out of bounds.
        """
        if seeds > 1 and folds > 1:
            raise InputError("A group has several seeds or several folds, not both; choose one.")
        if not 1 <= seeds <= MOST_SEEDS:
            raise InputError(f"A group cannot have {seeds} seeds; choose from 1 to {MOST_SEEDS}.")
        if not 1 <= folds <= MOST_FOLDS:
            raise InputError(f"A cross-validation cannot have {folds} folds; choose from 1 to {MOST_FOLDS}.")
        if folds > 1:
            return [self._with(folds=folds, fold=fold) for fold in range(1, folds + 1)]
        return [self._with(seed=self.seed + more) for more in range(seeds)]

    def _with(self, **settings: int) -> Config:
        return Config.of(**self.model_dump() | settings)


def setting_title(name: str) -> str:
    """Return the name of a setting on pages and in sentences, such as ``Image size``."""
    return Config.model_fields[name].title or name.replace("_", " ").capitalize()


def bound(name: str, kind: str) -> Any:
    """Return a bound of a setting: ``ge``, ``gt``, ``le``, ``lt`` or ``multiple_of``; None if it has none."""
    rules = (rule for rule in Config.model_fields[name].metadata if isinstance(rule, annotated_types.BaseMetadata))
    return next((value for rule in rules if (value := getattr(rule, kind, None)) is not None), None)


LONGEST_SHOWN = 100
"""Characters of a value or a name that a sentence repeats."""
_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = LONGEST_SHOWN


def no_setting(name: str, known: Iterable[str] = Config.model_fields, what: str = "setting") -> str:
    """Return the sentence for a setting that there is not: with the nearest of those there are, or else with all of them."""
    known = list(known)
    if near := get_close_matches(name[:LONGEST_SHOWN], known, n=1):
        return f"There is no {what} {name[:LONGEST_SHOWN]}; did you mean {near[0]}?"
    return f"There is no {what} {name[:LONGEST_SHOWN]}; choose from {', '.join(known)}."


def _refusal(name: str, value: Any) -> str:
    """Return the sentence for a setting that cannot have a value. Programs may give one of any kind and length."""
    if name not in Config.model_fields:
        return no_setting(name)
    title, kind = setting_title(name), Config.model_fields[name].annotation
    if name in SEVERAL:
        value = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    shown = _short.repr(value)
    if name in SEVERAL:
        return f"{title} cannot be {shown}; choose {NONE}, or one or more of {', '.join(SEVERAL[name])}."
    if get_origin(kind) is Literal:
        *others, last = map(str, get_args(kind))
        return f"{title} cannot be {shown}; choose {', '.join(others)} or {last}."
    if name == "device":
        return f"{title} cannot be {shown}; choose auto, cpu, mps or cuda, or one of several as cuda:1."
    if kind not in (int, float):
        return f"{title} cannot be {shown}; {'choose true or false' if kind is bool else 'it must be text'}."
    least, above, most, below, step = (bound(name, rule) for rule in ("ge", "gt", "le", "lt", "multiple_of"))
    is_number = isinstance(value, int | float)
    if step and is_number and least <= value <= most:
        lower = int(value // step * step)
        return f"{title} must be a multiple of {step}: {max(least, lower)} or {min(most, lower + step)}."
    low = f"from {least:,}" if least is not None else f"above {above:g}"
    high = f"to {most:,}" if most is not None else f"{'to' if least is not None else 'and'} below {below:,}"
    what = f"a multiple of {step}, " if step else "a whole number " if kind is int else "a number "
    return f"{title} cannot be {shown}; it must be {what}{low} {high}."


def option_name(setting: str) -> str:
    """Return the command-line option of a setting, such as ``--image-size``."""
    return "--lr" if setting == "learning_rate" else f"--{setting.replace('_', '-')}"
