"""Licences that the card of a model states: of its weights, and of the photographs that trained it."""

from __future__ import annotations

from typing import NamedTuple

from seg_core.prediction.metadata import DatasetSummary


class Licence(NamedTuple):
    """Licence of a model's weights."""

    identifier: str
    """As the Hugging Face Hub names it; ``unknown`` where nobody has chosen one."""
    sentences: str


UNKNOWN = Licence(
    "unknown",
    "No licence of the weights is stated. Before you share them, choose one that the terms of the photographs of\n"
    "`{name}` allow; write it here and into the lines above the title.",
)
_SHIPPED = (
    "The weights are under the MIT License, as LesionLab is. They were trained on photographs of the {challenges},\n"
    "which the International Skin Imaging Collaboration publishes under CC0 1.0."
)
_ISIC_2016 = Licence("mit", _SHIPPED.format(challenges="ISIC 2016 challenge"))
_ISIC_2016_AND_2017 = Licence("mit", _SHIPPED.format(challenges="ISIC 2016 and 2017 challenges"))

BY_FINGERPRINT = {"90eca412350f": _ISIC_2016, "e6fdbc0b4559": _ISIC_2016, "8f91dae4ac40": _ISIC_2016_AND_2017}
"""Of the models that ship, by the fingerprint of the dataset that trained them."""


def licence_of(dataset: DatasetSummary) -> Licence:
    """Return the licence of a model that was trained on a dataset; `UNKNOWN` unless it is one of the models that ship."""
    known = BY_FINGERPRINT.get(dataset["fingerprint"])
    return known or UNKNOWN._replace(sentences=UNKNOWN.sentences.format(name=dataset["name"]))
