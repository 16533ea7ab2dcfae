"""What one training is: the variants, the recipes, and the settings, with bounds and help that the CLI and the pages share."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from seg_core.errors import InputError

Variant = Literal["trainable-decoder", "fine-tune", "frozen-decoder"]
Recipe = Literal["best", "report"]
Decoder = Literal["plain", "unet", "pyramid"]

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
"""Parts that a cross-validation can have."""
MOST_SEEDS = 20
"""Runs that a group can have."""
LONGEST_RUN = 1000
"""Epochs that a run can have, those included that it was continued for."""

# The settings of a recipe that differ from the defaults of `Config`. A setting that came later has as its default what runs did
# before it, since the configs of older runs and checkpoints lack it.
RECIPE_SETTINGS: dict[Recipe, dict[str, Any]] = {
    "best": {"encoder_rate": 0.3, "swa_fraction": 0.7, "threshold": 0.55},
    "report": {
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
    """What decides which photographs validate: see the settings of `Config` of these names."""

    seed: int = 0
    val_fraction: float = 0.2
    folds: int = 1
    fold: int = 1

    @property
    def words(self) -> str:
        """How validation is drawn, where the dataset has no part of its own for it."""
        return f"fold {self.fold} of {self.folds}, by seed {self.seed}" if self.folds > 1 else f"split off by seed {self.seed}"


class Config(BaseModel):
    """All settings of one training, validated; it travels with every run and inside every checkpoint.

    Make one with `Config.of`, which starts from a recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Variant = Field(
        default="fine-tune", description="What trains: the decoder on a frozen encoder, everything, or the encoder alone."
    )
    recipe: Recipe = Field(description="The named set of settings that the others start from.")
    decoder: Decoder = Field(
        default="pyramid",
        description="plain: upsampling layers only, as in the report. unet: skip connections, joined. pyramid: added; faster.",
    )
    encoder_weights: Literal["imagenet", "random"] = Field(default="imagenet", description="What the encoder starts from.")
    image_size: int = Field(
        default=128,
        ge=64,
        le=1024,
        multiple_of=32,
        description="Side of the square that photographs are resized to, in pixels; a multiple of 32.",
    )
    batch_size: int = Field(default=16, ge=1, le=256, description="Photographs per training step.")
    epochs: int = Field(default=80, ge=1, le=LONGEST_RUN, description="Passes over the training photographs.")
    learning_rate: float = Field(
        default=2e-3, gt=0, le=1, description="Step size of the optimizer; with one-cycle its highest value."
    )
    encoder_rate: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Learning rate of the encoder, as a share of that of the decoder; without effect where either is frozen.",
    )
    optimizer: Literal["adam", "adamw"] = Field(
        default="adamw", description="adam, as in the report, or adamw with weight decay 0.01."
    )
    schedule: Literal["constant", "one-cycle"] = Field(
        default="one-cycle", description="How the learning rate changes over the run."
    )
    swa_fraction: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the epochs, the last ones, whose weights are averaged (stochastic weight averaging); rounded down.",
    )
    schedule_from: int = Field(
        default=0, ge=0, description="The epoch after which the schedule starts anew, in a run continued for more epochs."
    )
    loss: Literal["bce", "bce-dice", "bce-lovasz"] = Field(
        default="bce-lovasz",
        description="Binary cross-entropy, alone, plus soft Dice, or plus the Lovász loss (of the IoU).",
    )
    augmentation: Literal["report", "standard"] = Field(
        default="standard",
        description="report: the four kinds that the report names. standard: those, quarter turns, blur, and bare skin.",
    )
    val_fraction: float = Field(
        default=SplitSpec().val_fraction,
        gt=0,
        lt=1,
        description="Share of the training split that validates, where the dataset has no validation split of its own.",
    )
    folds: int = Field(
        default=1,
        ge=1,
        le=MOST_FOLDS,
        description="Cross-validation: into how many equal parts the photographs are drawn, of which one validates; 1 for none.",
    )
    fold: int = Field(default=1, ge=1, le=MOST_FOLDS, description="Which of the parts of a cross-validation validates.")
    threshold: float = Field(default=0.5, gt=0, lt=1, description="Probability from which a pixel counts as lesion.")
    seed: int = Field(
        default=0,
        ge=0,
        lt=2**31,
        description="Decides the validation split, the initial weights, the order and the augmentation.",
    )
    device: str = Field(
        default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto takes CUDA, else MPS, else the CPU."
    )
    precision: Literal["auto", "32-true", "bf16-mixed"] = Field(
        default="auto",
        description="auto takes bf16 where that is faster here. 32-true on the CPU gives identical weights with as many threads.",
    )
    log: Literal["none", "tensorboard"] = Field(
        default="none",
        description="tensorboard writes the metrics of every epoch as TensorBoard event files too, into the run's folder.",
    )
    skip_problems: bool = Field(default=False, description="Leave out pairs that the check names, instead of refusing to train.")

    @classmethod
    def of(cls, recipe: str = "best", **settings: Any) -> Config:
        """The config of a recipe, with some settings replaced; a setting given as ``None`` keeps the recipe's value.

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
            if not first["loc"]:  # it is about several settings, and says all
                raise InputError(str(first["ctx"]["error"])) from error
            name = ".".join(str(part) for part in first["loc"])
            raise InputError(f"The setting {name} cannot be {first['input']!r}: {first['msg'].lower()}.") from error

    @model_validator(mode="after")
    def _fold_is_there(self) -> Self:
        if self.fold > self.folds:
            raise ValueError(f"There is no fold {self.fold} of {self.folds}; choose one from 1 to {self.folds}.")
        return self

    @property
    def split_spec(self) -> SplitSpec:
        """What `seg_core.data.dataset.Dataset.split` takes."""
        return SplitSpec(self.seed, self.val_fraction, self.folds, self.fold)

    @property
    def averaged_from(self) -> int:
        """The first epoch whose weights are averaged; one beyond the last where there is none."""
        return self.epochs + 1 - int((self.epochs - self.schedule_from) * self.swa_fraction + 1e-9)  # 0.7 × 90 is 62.999…

    @property
    def averages(self) -> bool:
        """Whether epochs are averaged."""
        return self.averaged_from <= self.epochs

    @property
    def frozen_part(self) -> Literal["encoder", "decoder"] | None:
        """What the variant leaves as it is at the start; None where everything trains."""
        return FROZEN_PART[self.variant]

    @property
    def label(self) -> str:
        """The variant as the app shows it, such as ``Model 2 · fine-tuned``."""
        return VARIANT_LABELS[self.variant]

    def repeated(self, *, seeds: int = 1, folds: int = 1) -> list[Config]:
        """The configs of a group: this one by ``seeds`` seeds, its own and the next ones, or on each of ``folds`` folds.

        Raises:
            InputError: if both are asked for, or one is out of bounds.
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
