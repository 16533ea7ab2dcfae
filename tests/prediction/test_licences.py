"""Licences of the weights, and of the photographs that trained them."""

from __future__ import annotations

from typing import cast

import pytest

from seg_core.errors import InputError
from seg_core.prediction.licences import licence_of, stated_licences
from seg_core.prediction.metadata import CheckpointMetadata

NC = "CC BY-NC 4.0"


@pytest.mark.parametrize(
    ("photographs", "weights", "stated"),
    [
        ({"": "CC0 1.0"}, "MIT", {"weights": "MIT", "photographs": {"a": "CC0 1.0", "b": "CC0 1.0"}}),
        ({"": "CC0 1.0", "b": NC}, "", {"weights": NC, "photographs": {"a": "CC0 1.0", "b": NC}}),
        ({"b": NC}, "CC BY-NC-SA 4.0", {"weights": "CC BY-NC-SA 4.0", "photographs": {"b": NC}}),
        ({"other": NC}, "MIT", {"weights": "MIT", "photographs": {"other": NC}}),  # it only scores
        ({"a": "CC BY 4.0"}, "", {"weights": "", "photographs": {"a": "CC BY 4.0"}}),
    ],
)
def test_photographs_that_allow_no_commercial_use_pass_that_on(
    photographs: dict[str, str], weights: str, stated: dict[str, object]
) -> None:
    assert stated_licences(photographs, weights, ["a", "b"], ["other"]) == stated


@pytest.mark.parametrize(
    ("photographs", "said"),
    [
        ({"b": NC}, "Photographs of b are under CC BY-NC 4.0, so the weights cannot be under MIT"),
        ({"typo": "CC0 1.0"}, "no source 'typo' with a licence; name one of a, b, other"),
    ],
)
def test_licences_that_do_not_fit_are_refused(photographs: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        stated_licences(photographs, "MIT", ["a", "b"], ["other"])


def metadata(fingerprint: str = "", **known: object) -> CheckpointMetadata:
    return cast(CheckpointMetadata, {"dataset": {"name": "a + b", "fingerprint": fingerprint}, **known})


@pytest.mark.parametrize(
    ("weights", "photographs", "identifier", "sentences"),
    [
        ("MIT", {"a": "CC0 1.0"}, "mit", "The weights are under MIT.\nThey were trained on photographs under CC0 1.0 (`a`)."),
        (
            NC,
            {"a": "CC0 1.0", "b": NC, "other": "CC BY 4.0"},
            "cc-by-nc-4.0",
            "The weights are under CC BY-NC 4.0, for non-commercial use only.\n"
            "They were trained on photographs under CC0 1.0 (`a`) and CC BY-NC 4.0 (`b`).",
        ),
        ("Clinic 7", {}, "other", "The weights are under Clinic 7."),
    ],
)
def test_the_card_says_what_was_stated(weights: str, photographs: dict[str, str], identifier: str, sentences: str) -> None:
    licence = licence_of(metadata(licences={"weights": weights, "photographs": photographs}))
    assert (licence.identifier, licence.sentences) == (identifier, sentences)
    assert licence.is_non_commercial == (weights == NC)


def test_without_a_statement_the_licence_is_unknown_but_for_what_shipped_before() -> None:
    unknown = licence_of(metadata())
    assert (unknown.identifier, unknown.is_non_commercial) == ("unknown", False)
    assert unknown.sentences.startswith("No licence of the weights is stated.")
    assert licence_of(metadata("8f91dae4ac40")).identifier == "mit"
