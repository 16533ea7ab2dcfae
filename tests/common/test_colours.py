"""Colours: one per run for its life, told apart with every kind of colour vision, and none of them that of an error."""

from __future__ import annotations

import re
from itertools import combinations, product

import numpy as np
import pytest

from pages.shared.theme import DARK, LIGHT
from seg_core.common.colours import FALSE_NEGATIVE, FALSE_POSITIVE, GROUP_COLOURS, RUN_COLOURS, colours_of
from seg_core.common.home import PROJECT, SHIPPED_CHECKPOINTS

ERRORS = (FALSE_POSITIVE, FALSE_NEGATIVE)

# What is seen of linear RGB with each kind of colour vision, at full severity (Machado, Oliveira and Fernandes, 2009).
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(colour: str, vision: str) -> np.ndarray:
    """Return CIE Lab of a colour as it is seen."""
    xyz = TO_XYZ @ np.clip(np.asarray(VISION[vision]) @ linear(colour), 0, 1) / (0.95047, 1, 1.08883)
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(float(linear(colour) @ TO_XYZ[1]) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("vision", VISION)
def test_all_can_be_told_apart(vision: str) -> None:
    def difference(one: str, other: str) -> float:
        return float(np.linalg.norm(lab(one, vision) - lab(other, vision)))

    assert min(difference(one, other) for one, other in combinations(RUN_COLOURS, 2)) > 15
    assert min(difference(run, error) for run, error in product(RUN_COLOURS, ERRORS)) > 20
    assert difference(*ERRORS) > 50


def test_lines_show_on_both_backgrounds() -> None:
    assert min(contrast(run, mode.background) for run, mode in product(RUN_COLOURS, (LIGHT, DARK))) > 2


def test_a_run_keeps_its_colour_whatever_is_shown_beside_it() -> None:
    for shown in (["3"], ["9", "3", "g3"], ["g1", "3", "fine-tune-best", "15"], ["my masks", "27", "3"]):
        assert colours_of(shown)["3"] == RUN_COLOURS[2]
    assert colours_of(["12", "13"]) == {"12": RUN_COLOURS[11], "13": RUN_COLOURS[0]}
    assert colours_of(["g12"]) == {"g12": GROUP_COLOURS[11]} == {"g12": RUN_COLOURS[5]}


def test_what_is_shown_together_has_different_colours_in_whatever_order() -> None:
    keys = ["13", "1", "g7", "fine-tune-best", "25", "my masks"]
    colours = colours_of(keys)
    assert list(colours) == keys
    assert (colours["1"], colours["13"], colours["25"]) == RUN_COLOURS[:3]
    assert len(set(colours.values())) == len(keys)
    assert colours_of(reversed(keys)) == colours
    assert set(colours_of(map(str, range(1, 14))).values()) == set(RUN_COLOURS)  # more than there are colours


def test_the_models_that_ship_have_colours_of_their_own() -> None:
    names = [file.stem for file in SHIPPED_CHECKPOINTS.glob("*.safetensors")]
    assert len(names) == 8
    assert [colours_of([name])[name] for name in names] == list(colours_of(names).values())


def test_the_browser_draws_errors_in_the_same_colours() -> None:
    script = (PROJECT / "pages" / "live" / "drawing.js").read_text(encoding="utf-8")
    for name, colour in zip(("FALSE_POSITIVE", "FALSE_NEGATIVE"), ERRORS, strict=True):
        (found,) = re.findall(rf"\b{name} = \[(.*?)\]", script)
        assert [int(value) for value in found.split(",")] == [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
