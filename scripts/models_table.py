"""The table of the shipped models in docs/models.md, from the metadata of their checkpoints."""

from __future__ import annotations

import re
from pathlib import Path

from seg_core.common.home import PROJECT, SHIPPED_CHECKPOINTS
from seg_core.prediction.catalogue import SHIPPED
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.licences import licence_of
from seg_core.prediction.metadata import CheckpointMetadata, SplitScores

DOCUMENT = PROJECT / "docs" / "models.md"
_TABLE = re.compile(r"^\| model \|.*?\n(?=\n)", re.MULTILINE | re.DOTALL)


def write_models_table() -> None:
    """Replace the table in the document by that of the models that ship."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(_TABLE.sub(lambda _: models_table(), text, count=1), encoding="utf-8")


def models_table(folder: Path = SHIPPED_CHECKPOINTS) -> str:
    """Return the models by `best` as a table in Markdown: IoU and Dice of all that each is scored on, minutes and licence."""
    models = {name: read_metadata(folder / f"{name}.safetensors") for name in SHIPPED if "-best" in name}
    scores = {name: _scores(metadata) for name, metadata in models.items()}
    titles = list(dict.fromkeys(title for of_model in scores.values() for title in of_model))
    lines = [["model", *titles, "minutes", "licence"]]
    lines.append(["---"] * len(lines[0]))
    for name, metadata in models.items():
        minutes = sum(epoch["seconds"] for epoch in metadata["history"]) / 60
        cells = [scores[name].get(title, "–") for title in titles]
        link = f"[{metadata['label']}](../checkpoints/{name}.md)"
        lines.append([link, *cells, f"{minutes:.0f}", licence_of(metadata).name])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _scores(metadata: CheckpointMetadata) -> dict[str, str]:
    """Return IoU and Dice by source and split, and by what else the model was scored on, such as photographs of original size."""
    parts: dict[str, SplitScores] = {f"{each['source']}, {each['split']}": each for each in metadata["by_source"]}
    splits = {each["split"] for each in metadata["by_source"]}
    parts |= {title: part for title, part in metadata["evaluation"].items() if title not in splits}
    return {f"{title} ({part['n']})": _cell(part) for title, part in parts.items()}


def _cell(part: SplitScores) -> str:
    return "/".join(f"{part['scores'][metric][0]:.3f}" for metric in ("iou", "dice"))
