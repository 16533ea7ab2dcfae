"""Train the shipped models of the recipe `best` again, and write them with their cards into checkpoints/.

    make models DATA=DIR MORE="DIR DIR" ORIGINALS=DIR ALSO="DIR DIR"
    python -m scripts.ship_models --cards

DATA is ISIC 2016: the photographs named in validation.txt validate, its test split serves the cards only, and the others train.
MORE holds further sources that train some models (`MODELS`); without them these models are left out. Of each a fixed choice of
lesions validates, and scores the models that did not train on the source. ALSO holds sources that every card gives scores on,
and that never train. ORIGINALS holds the validation photographs of DATA at their original size; with it the cards of the models
that validate with DATA alone score them at that size too. `scripts.ship_sources` lays the sources out and knows their licences.

Each training is an ordinary run: it waits in the queue and shows in Monitor, and its command stands in its card. The models of
the recipe `report` are not trained again, only scored.

With ``--scores`` nothing is trained: the models in the output folder are scored again. With ``--cards`` nothing is scored either:
every card is written again from the metadata of its checkpoint. The table in docs/models.md follows the models in checkpoints/.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from scripts.models_table import write_models_table
from scripts.ship_sources import ShippedSource, judged, lay_out
from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.config import Config, Recipe, Variant
from seg_core.errors import InputError, some_of
from seg_core.prediction.catalogue import SHIPPED
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.licences import is_non_commercial
from seg_core.report.publishing import write_card
from seg_core.training.command_line import command_line

WEIGHTS_LICENCE = "MIT"
"""Of the weights, unless photographs that trained them allow no commercial use."""


@dataclass(frozen=True)
class ShippedModel:
    """A model that ships: what it is trained on, and how."""

    variant: Variant
    recipe: Recipe = "best"
    suffix: str = ""
    more: Literal["none", "free", "all"] = "none"
    """Further sources that train it: none, those whose licence allows commercial use, or all."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Where it differs from its recipe: ``{"epochs": 30, "schedule_from": 20}`` trains for 20 epochs, then on for 10."""

    @property
    def name(self) -> str:
        """Of its file."""
        return "-".join(filter(None, [self.variant, self.recipe, self.suffix]))

    @property
    def config(self) -> Config:
        """The settings of its training."""
        return Config.of(self.recipe, variant=self.variant, **self.settings)

    def sources(self, laid_out: Sequence[ShippedSource]) -> list[ShippedSource]:
        """Return the sources that train it."""
        first, *further = laid_out
        return [
            first,
            *(each for each in further if self.more == "all" or (self.more == "free" and not is_non_commercial(each.licence))),
        ]


MODELS = {
    model.name: model
    for model in (
        ShippedModel("fine-tune"),
        ShippedModel("trainable-decoder"),
        ShippedModel("frozen-decoder"),
        ShippedModel("fine-tune", suffix="plus", more="all", settings={"epochs": 24}),
        ShippedModel("fine-tune", suffix="plus-cc0", more="free"),
        ShippedModel("fine-tune", "report"),
        ShippedModel("trainable-decoder", "report"),
        ShippedModel("frozen-decoder", "report"),
    )
}
"""The models by name, in the order in which they are made."""


def main() -> None:
    """Make the models, score them again, or write their cards again."""
    options = arguments().parse_args()
    try:
        if options.cards:
            write_cards(options.output)
        else:
            make_models(options)
        if options.output == SHIPPED_CHECKPOINTS:
            write_models_table()
    except InputError as error:
        raise SystemExit(str(error)) from None
    except subprocess.CalledProcessError as error:  # the command has printed the reason
        raise SystemExit(error.returncode) from None


def arguments() -> argparse.ArgumentParser:
    """Return the options."""
    parser = argparse.ArgumentParser(description="Train the shipped models again, or write their cards again.")
    parser.add_argument("--data", help="the dataset folder")
    parser.add_argument("--more", nargs="*", default=[], metavar="DIR", help="further sources, which train some models too")
    parser.add_argument("--originals", metavar="DIR", help="the validation photographs at their original size")
    parser.add_argument("--also", nargs="*", default=[], metavar="DIR", help="sources that only score the models")
    parser.add_argument("--only", nargs="*", default=[], metavar="MODEL", help=f"the models to make, of {', '.join(MODELS)}")
    parser.add_argument("--licence", nargs="*", default=[], metavar="NAME=LICENCE", help="licence of a source's photographs")
    parser.add_argument("--output", type=Path, default=SHIPPED_CHECKPOINTS, help="where the models go (default: checkpoints/)")
    parser.add_argument("--scores", action="store_true", help="train nothing: score the models in the output folder again")
    parser.add_argument("--cards", action="store_true", help="write the cards in the output folder again, and nothing else")
    return parser


def write_cards(folder: Path) -> None:
    """Write the card of every checkpoint in a folder again, from its metadata."""
    for file in sorted(folder.glob("*.safetensors")):
        model = load_checkpoint(file)
        write_card(file, model.config, model.metadata, file.stem.removeprefix(f"{model.config.variant}-"))
        print(file.with_suffix(".md"))


def make_models(options: argparse.Namespace) -> None:
    """Train, or score again, the models that the options ask for, and publish them into the output folder."""
    if not options.data:
        raise InputError("Name the dataset folder with --data, or give --cards.")
    if unknown := [name for name in options.only if name not in MODELS]:
        raise InputError(f"There is no model {unknown[0]}; choose of {some_of(list(MODELS), len(MODELS))}.")
    licences = dict(text.split("=", 1) for text in options.licence if "=" in text)
    laid_out, others = lay_out(options.data, options.more, licences), judged(options.also, licences)
    for model in MODELS.values():
        if model.name not in (options.only or SHIPPED):
            continue
        if model.more != "none" and not options.more:
            print(f"{model.name} is left out, since it trains on further sources; name them with --more.")
            continue
        checkpoint = options.output / f"{model.name}.safetensors"
        is_scored = options.scores or model.recipe == "report"
        if is_scored and not checkpoint.exists():
            print(f"{model.name} is left out, since {checkpoint} is not there.")
            continue
        # The models of `report` were trained on the folder as it is, of which they drew their validation split.
        own = [replace(laid_out[0], folder=options.data)] if model.recipe == "report" else model.sources(laid_out)
        checkpoint = checkpoint if is_scored else train(model, own)
        held_out = [source for source in laid_out if source.name not in {each.name for each in own}]
        publish(model, checkpoint, own, [*held_out, *others], options)


def train(model: ShippedModel, sources: Sequence[ShippedSource]) -> Path:
    """Train a model and return the checkpoint of its last epoch.

    Which epoch is best on 60 photographs is chance, and often it is one with a high learning rate, in which masks of mirror
    images agree less. Choosing it would also bias the scores on the validation split.
    """
    commands = command_line(model.config, [source.folder for source in sources], model.name).splitlines()
    number = ""
    for words in map(shlex.split, commands):
        run = lesionlab(*[number if word == "RUN" else word for word in words[3:]])  # without "python -m seg_core"
        number = str(run["run_id"])
        if run["status"] != "finished":
            raise InputError(f"Run {number} is {run['status']}; start again, or resume it and publish it by hand.")
    return Path(run["checkpoint"]).with_name("last.safetensors")


def publish(
    model: ShippedModel,
    checkpoint: Path,
    own: Sequence[ShippedSource],
    others: Sequence[ShippedSource],
    options: argparse.Namespace,
) -> None:
    """Publish a checkpoint, scored on the photographs held out of its own sources, and on other sources."""
    given = ["--output", str(options.output)]
    for source in own:
        given += ["--data", source.folder]
    for source in others:
        given += ["--also", f"{source.name}={source.folder}"]
    for source in (*own, *others):
        given += ["--licence", f"{source.name}={source.licence}"] if source.licence else []
    if not any(is_non_commercial(source.licence) for source in own):
        given += ["--weights-licence", WEIGHTS_LICENCE]
    if options.originals and model.recipe != "report":
        given += ["--originals", options.originals]
    beside = options.output / f"{model.variant}-{model.recipe}.safetensors"
    if model.suffix:
        given += ["--suffix", model.suffix, *(["--beside", str(beside)] if beside.exists() else [])]
    published = lesionlab("publish", str(checkpoint), *given)
    scores = {f"{each['source']}, {each['split']}": each["scores"]["iou"][0] for each in published["by_source"]}
    print(published["checkpoint"], json.dumps(scores))


def lesionlab(*arguments: str) -> dict[str, Any]:
    """Run a command of ``python -m seg_core`` and return the object that it prints; its messages go to the terminal."""
    done = subprocess.run([sys.executable, "-m", "seg_core", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
