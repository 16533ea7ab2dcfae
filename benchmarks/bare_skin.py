"""False marks of the models that ship on bare skin: squares beside the lesion in the validation photographs.

    python -m benchmarks.bare_skin DIR

DIR holds these photographs, such as their originals. A mask outlines only the main lesion, so some squares outside it show a
second lesion, which a model is right to mark. They are listed in second_lesions.txt: the squares in which each of two independent
readings was sure to see a lesion. A general vision-language model made both readings, from the squares of the originals and
without masks; no dermatologist was involved.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from scripts.ship_sources import VALIDATION
from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.data.dataset import open_dataset
from seg_core.evaluation.robustness import MARKED, bare_skin, open_pair
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint

SECOND_LESIONS = Path(__file__).with_name("second_lesions.txt")


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description="Measure false marks on bare skin.")
    parser.add_argument("data", help="a dataset folder with the validation photographs")
    named, second = VALIDATION.read_text(encoding="utf-8").split(), SECOND_LESIONS.read_text(encoding="utf-8").split()
    pairs = {pair.id: pair for pair in open_dataset(parser.parse_args().data).unique_pairs}
    skin = {id: bare_skin(*open_pair(pairs[id])) for id in named}
    squares = {id: square for id, square in skin.items() if square is not None}
    print("| model | unmarked | without a second lesion | marked, without one | marked, with one |", "|" + " --- |" * 5, sep="\n")
    for path in sorted(SHIPPED_CHECKPOINTS.glob("*-best*.safetensors")):
        print(row(path.stem, marked(load_checkpoint(path), squares), squares, second), flush=True)


def marked(model: Checkpoint, squares: Mapping[str, np.ndarray]) -> list[str]:
    """Return the ids of the squares where a model marks 2 % or more of the pixels."""
    return [id for id, square in squares.items() if model.predict(np.ascontiguousarray(square)).mask().mean() >= MARKED]


def row(name: str, marked: Collection[str], squares: Collection[str], second: Collection[str]) -> str:
    """Row of a model: shares of unmarked squares, of all and of those without a second lesion, and the ids of marked ones."""
    bare = set(squares) - set(second)
    wrong, right = sorted(bare & set(marked)), sorted(set(marked) - bare)
    cells = [name, _share(len(squares) - len(marked), len(squares)), _share(len(bare) - len(wrong), len(bare))]
    return f"| {' | '.join([*cells, ', '.join(wrong) or '–', ', '.join(right) or '–'])} |"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}, {part / whole:.0%}"


if __name__ == "__main__":
    main()
