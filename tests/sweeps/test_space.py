"""What a sweep tries, as people type it: read, checked, counted and drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.sweeps.space import SETTINGS, Choices, Range, Space

BASE = Config.of("best")


def parse(*texts: str) -> Space:
    return Space.parse(texts, BASE)


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("loss=bce,bce-lovasz", Choices("loss", ("bce", "bce-lovasz"))),
        (" loss = bce , bce-dice, bce ", Choices("loss", ("bce", "bce-dice"))),
        ("batch-size=8, 16", Choices("batch_size", (8, 16))),
        ("lr=1e-3,2e-3", Choices("learning_rate", (0.001, 0.002))),
        ("learning_rate=1e-4..1e-2 log", Range("learning_rate", 0.0001, 0.01, True, None)),
        ("encoder_rate=.1...5", Range("encoder_rate", 0.1, 0.5, False, None)),
        ("epochs=10..40", Range("epochs", 10, 40, False, 1)),
        ("image_size=64..128", Range("image_size", 64, 128, False, 32)),
        ("learning_rate=1e-4..1e-2  log in 3", Choices("learning_rate", (0.0001, 0.001, 0.01))),
        ("encoder_rate=0.1..1 in 4", Choices("encoder_rate", (0.1, 0.4, 0.7, 1.0))),
        ("image_size=64..128 in 5", Choices("image_size", (64, 96, 128))),  # steps of 32: two of the five are the same
        ("swa_fraction=0,0.7", Choices("swa_fraction", (0.0, 0.7))),
    ],
)
def test_lists_and_ranges_are_read(text: str, dimension: Choices | Range) -> None:
    assert parse(text).dimensions == (dimension,)
    assert parse(parse(text).dimensions[0].text).dimensions == (dimension,)  # as a sweep keeps it


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ([], r"^A sweep needs settings to try, such as loss=bce,bce-dice or learning_rate=1e-4..1e-2 log\.$"),
        (["loss"], r"^'loss' names no values to try; write a setting with a list or a range, such as "),
        (["loss="], "names no values to try"),
        (["loss=bce,huber"], r"^Loss cannot be 'huber'; choose bce, bce-dice or bce-lovasz\.$"),
        (["loss=bce..bce-dice"], r"^Loss has no ranges; list its values, as in loss=bce,bce-dice\.$"),
        (["loss=bce"], r"^Loss needs from 2 to 100 values to try, and has 1\.$"),
        (["depth=1,2"], r"^There is no setting depth; a sweep can try variant, decoder, "),
        (["seed=1,2"], r"^A sweep cannot try seed: the winner is trained again with fresh seeds anyway\.$"),
        (["val_fraction=0.1,0.2"], "^A sweep cannot try validation share: it decides which photographs validate, and scores on"),
        (["learning_rate=0.1..x"], r"^Learning rate cannot be 'x'; it must be a number above 0 to 1\.$"),
        (["learning_rate=0..0.1"], r"^Learning rate cannot be '0'; "),
        (["learning_rate=0.1..0.01"], r"^The range of learning rate must begin below its end, and 0.1 is not below 0.01\.$"),
        (["learning_rate=0.1..0.2 in 1"], r"^Learning rate needs from 2 to 100 values to try, and has 1\.$"),
        (["learning_rate=0.1..0.2 linear"], "is no range of learning rate; write it as 0.1..1, with log and in 5 if you like"),
        (["image_size=64..128 log"], r"cannot be logarithmic, since it goes in steps of 32; leave out log\.$"),
        (["swa_fraction=0..0.5 log"], r"^The range of SWA share cannot be logarithmic, since it begins at 0; leave out log\.$"),
        (["image_size=64,100"], r"^Image size cannot be '100'; it must be a multiple of 32, from 64 to 1,024\.$"),
        (["loss=bce,bce-dice", "loss=bce,bce-lovasz"], r"^Loss is given twice; give all its values at once\.$"),
    ],
)
def test_a_mistake_gets_one_sentence(texts: list[str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        parse(*texts)


def test_a_grid_goes_through_all_combinations_the_last_setting_first() -> None:
    space = parse("loss=bce,bce-dice", "batch_size=8,16,32")
    assert space.size == 6
    assert [(each["loss"], each["batch_size"]) for each in space.grid()] == [
        ("bce", 8),
        ("bce", 16),
        ("bce", 32),
        ("bce-dice", 8),
        ("bce-dice", 16),
        ("bce-dice", 32),
    ]
    with pytest.raises(InputError, match=r"how many values of a range to try; write encoder_rate=0.1\.\.1.0 in 5\.$"):
        list(parse("loss=bce,bce-dice", "encoder_rate=0.1..1").grid())


def test_the_size_of_a_space_is_the_product_of_its_values() -> None:
    assert parse("epochs=10..14", "loss=bce,bce-dice").size == 10
    assert parse("image_size=64..128", "optimizer=adam,adamw").size == 6
    assert parse("encoder_rate=0.1..1", "loss=bce,bce-dice").size is None


def test_a_space_knows_the_settings_that_it_contains() -> None:
    space = parse("learning_rate=1e-3..1e-2 log", "loss=bce,bce-lovasz")
    assert space.of(BASE) == {"learning_rate": 0.002, "loss": "bce-lovasz"}
    assert space.contains(space.of(BASE))
    assert not space.contains({"learning_rate": 0.02, "loss": "bce"})
    assert not parse("image_size=96..160").contains({"image_size": 100})


def test_places_on_an_axis() -> None:
    size, rate, loss = parse("image_size=64..128", "learning_rate=1e-4..1e-2 log", "loss=bce,bce-dice,bce-lovasz").dimensions
    assert [size.place(value) for value in (64, 96, 128)] == [0, 0.5, 1]
    assert [rate.place(value) for value in (1e-4, 1e-3, 1e-2)] == pytest.approx([0, 0.5, 1])
    assert isinstance(loss, Choices)
    assert [loss.place(value) for value in ("bce", "bce-dice", "bce-lovasz")] == [0, 0.5, 1]


@given(st.integers(0, 10_000))
def test_what_is_drawn_is_in_the_space_and_a_config_takes_it(seed: int) -> None:
    space = parse(
        "learning_rate=1e-4..1e-2 log", "encoder_rate=0.1..1", "image_size=64..160", "batch_size=4..64 log", "loss=bce,bce-dice"
    )
    drawn = space.draw(np.random.default_rng(seed))
    assert space.contains(drawn)
    config = Config.of(**BASE.model_dump() | drawn)
    assert space.of(config) == drawn


def test_a_logarithmic_range_draws_every_order_of_magnitude_as_often() -> None:
    (rate,) = parse("learning_rate=1e-4..1e-2 log").dimensions
    random = np.random.default_rng(0)
    below = np.mean([rate.draw(random) < 1e-3 for _ in range(2000)])
    assert below == pytest.approx(0.5, abs=0.05)  # five standard errors are 0.056


def test_every_setting_can_be_tried_or_has_a_reason_not_to() -> None:
    for name in SETTINGS:
        value = getattr(BASE, name)
        assert not isinstance(value, str) or Config.model_fields[name].annotation is not str, f"{name} is free text"
