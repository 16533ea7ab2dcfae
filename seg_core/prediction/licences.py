"""Licences of a model: of its weights, and of the photographs that trained it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from seg_core.errors import InputError, some_of
from seg_core.prediction.metadata import CheckpointMetadata, Licences, source_names

ON_THE_HUB = re.compile(r"mit|apache-2\.0|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[34]\.0")
"""Licences that the Hugging Face Hub knows, as it writes them; any other is ``other`` there."""


class Licence(NamedTuple):
    """Licence of a model's weights."""

    name: str
    """As people write it: ``CC BY-NC 4.0``; empty where none is stated."""
    sentences: str
    """What a card says of it."""

    @property
    def identifier(self) -> str:
        """As the Hugging Face Hub writes it; ``unknown`` where none is stated."""
        written = self.name.lower().replace(" ", "-")
        return written if ON_THE_HUB.fullmatch(written) else "other" if self.name else "unknown"

    @property
    def is_non_commercial(self) -> bool:
        """True if the weights may not be used commercially."""
        return is_non_commercial(self.name)


_CHALLENGES = (
    "The weights are under the MIT License, as LesionLab is. They were trained on photographs of the {challenges},\n"
    "which the International Skin Imaging Collaboration publishes under CC0 1.0."
)
_ISIC_2016 = Licence("MIT", _CHALLENGES.format(challenges="ISIC 2016 challenge"))
_ISIC_2016_AND_2017 = Licence("MIT", _CHALLENGES.format(challenges="ISIC 2016 and 2017 challenges"))

BY_FINGERPRINT = {"90eca412350f": _ISIC_2016, "e6fdbc0b4559": _ISIC_2016, "8f91dae4ac40": _ISIC_2016_AND_2017}
"""Of models that shipped before metadata had licences, by the fingerprint of the dataset that trained them."""


def is_non_commercial(licence: str) -> bool:
    """Return True for a licence that allows no commercial use, such as ``CC BY-NC 4.0``."""
    return re.search(r"\bNC\b|non-?commercial", licence, re.IGNORECASE) is not None


def stated_licences(
    photographs: Mapping[str, str], weights: str, trained_on: Sequence[str], scored_on: Sequence[str]
) -> Licences:
    """Return licences for a model's metadata. Photographs that allow no commercial use give their licence to the weights.

    Args:
        photographs: by source; under an empty name, of all sources that trained.
        weights: of the weights; may be empty.
        trained_on: names of the sources that trained.
        scored_on: names of further sources.

    Raises:
        InputError: if there is no such source, or the photographs do not allow the licence of the weights.
    """
    everywhere = photographs.get("")
    named = dict.fromkeys(trained_on, everywhere) if everywhere else {}
    named |= {name: licence for name, licence in photographs.items() if name}
    if unknown := [name for name in named if name not in (*trained_on, *scored_on)]:
        raise InputError(f"There is no source {unknown[0]!r} with a licence; name one of {some_of([*trained_on, *scored_on])}.")
    found = {name: str(licence) for name, licence in named.items()}
    strict = {name: found[name] for name in trained_on if is_non_commercial(found.get(name, ""))}
    if strict and weights and not is_non_commercial(weights):
        name, licence = next(iter(strict.items()))
        raise InputError(
            f"Photographs of {name} are under {licence}, so the weights cannot be under {weights}; name another licence."
        )
    return {"weights": weights or max(strict.values(), key=len, default=""), "photographs": found}


def licence_of(metadata: CheckpointMetadata) -> Licence:
    """Return the licence of a model's weights, and what its card says of it."""
    stated, dataset = metadata.get("licences"), metadata["dataset"]
    if stated is None and dataset["fingerprint"] in BY_FINGERPRINT:
        return BY_FINGERPRINT[dataset["fingerprint"]]
    name = stated["weights"] if stated else ""
    if name:
        limit = ", for non-commercial use only" if is_non_commercial(name) else ""
        of_weights = f"The weights are under {name}{limit}."
    else:
        of_weights = (
            "No licence of the weights is stated. Before you share them, choose one that the terms of the photographs of\n"
            f"`{dataset['name']}` allow; write it here and into the lines above the title."
        )
    return Licence(name, of_weights + _of_photographs(metadata))


def _of_photographs(metadata: CheckpointMetadata) -> str:
    """Return a sentence on the licences of the photographs that trained a model; empty where none is known."""
    known = metadata["licences"]["photographs"] if "licences" in metadata else {}
    by_licence: dict[str, list[str]] = {}
    for source in source_names(metadata["dataset"]):
        if licence := known.get(source):
            by_licence.setdefault(licence, []).append(f"`{source}`")
    if not by_licence:
        return ""
    each = [f"{licence} ({', '.join(sources)})" for licence, sources in by_licence.items()]
    return f"\nThey were trained on photographs under {' and '.join(each)}."
