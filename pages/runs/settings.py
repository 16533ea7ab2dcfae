"""The settings of a training: one widget per field of `Config`, with the field's own bounds and help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import streamlit as st

from seg_core.config import NONE, RECIPES, SET_BY_PROGRAM, SEVERAL, Config, bound, setting_title

ELSEWHERE = {"variant", "recipe", *SET_BY_PROGRAM}
"""Fields that are set elsewhere on the page, or not by the user."""
BY_FOLDS = {"val_fraction", "folds", "fold"}
"""Fields that a cross-validation sets or does not use."""
FIRST = ("epochs", "image_size")
"""Fields that most people change; they stand outside the advanced settings."""
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Network": ("What is built, and where its weights begin.", ("decoder", "encoder_weights", "begin_from", "before_share")),
    "Learning": (
        "What each step of the training does.",
        ("learning_rate", "encoder_rate", "optimizer", "schedule", "swa_fraction", "keep", "loss", "batch_size"),
    ),
    "Photographs": (
        "Which ones validate, which stay together, how they vary.",
        ("val_fraction", "seed", "folds", "fold", "copies", "groups", "augmentation", "skip_problems"),
    ),
    "Mask": ("From which probability on a pixel is lesion, and small lesions.", ("threshold", "second_look")),
    "Machine": ("Where it trains, how exactly, and what else it writes.", ("device", "devices", "precision", "log")),
}

EXAMPLES = {"groups": "FILE.csv:COLUMN", "begin_from": "CHECKPOINT.safetensors"}
"""What the empty fields of settings that are text show."""


def settings_panel(recipe: str, start: Config | None, key: str, *, cross_validation: bool = False) -> dict[str, Any]:
    """Show the settings and return those that differ from the recipe's values.

    Args:
        recipe: gives the initial values, unless ``start`` does.
        start: gives the initial values if it is of the same recipe.
        key: of the form; another key begins again with the initial values.
        cross_validation: disable the settings that a cross-validation decides.
    """
    off = BY_FOLDS if cross_validation else set[str]()
    defaults = Config.of(recipe)
    first = start if start and start.recipe == recipe else defaults
    changed = {}

    def show(names: Sequence[str]) -> None:
        for row in (
            names[at : at + 2] for at in range(0, len(names), 2)
        ):  # a row of columns each: on a phone the settings keep their order
            for column, name in zip(st.columns(2), row, strict=False):
                with column:
                    value = _widget(name, getattr(first, name), _key(recipe, name, key), disabled=name in off)
                if name not in off and value != getattr(defaults, name):
                    changed[name] = value

    show(FIRST)
    with st.expander("Advanced settings", icon=":material/tune:"):
        for title, (line, names) in GROUPS.items():
            st.markdown(f"**{title}.** {line}")
            show(names)
    return changed


def use_setting(key: str, name: str, value: object) -> None:
    """Choose the value of a setting, in the form with this key."""
    for recipe in RECIPES:
        st.session_state[_key(recipe, name, key)] = value


def skips_problems(recipe: str, key: str, *, first: bool) -> bool:
    """Return True if the form with this key leaves out pairs with problems; ``first`` holds until the setting is shown."""
    return bool(st.session_state.get(_key(recipe, "skip_problems", key), first))


def _key(recipe: str, name: str, key: str) -> str:
    return f"{recipe}-{name}-{key}"


def _widget(name: str, default: Any, key: str, *, disabled: bool) -> Any:
    field, label = Config.model_fields[name], setting_title(name)
    look: dict[str, Any] = {"help": field.description, "key": key, "persist_state": "session", "disabled": disabled}
    if name in SEVERAL:
        chosen = st.multiselect(label, SEVERAL[name], [each for each in default.split(",") if each != NONE], **look)
        return ",".join(each for each in SEVERAL[name] if each in chosen) or NONE
    if get_origin(field.annotation) is Literal:
        options = list(get_args(field.annotation))
        return st.selectbox(label, options, index=options.index(default), **look)
    if field.annotation is bool:
        return st.checkbox(label, value=default, **look)
    if field.annotation is int:
        low, high, step = (bound(name, kind) for kind in ("ge", "le", "multiple_of"))
        top = high if high is not None else 2**31 - 1
        return st.number_input(label, low, top, default, step or 1, **look)
    if field.annotation is float:
        least, most, below = (bound(name, kind) for kind in ("ge", "le", "lt"))
        step, form = (default / 10, "%.6f") if 0 < default < 0.1 else (0.05, "%.2f")
        bottom = float(least) if least is not None else min(1e-6, default)
        top = float(most) if most is not None else below - 1e-6
        return st.number_input(label, bottom, top, default, step, format=form, **look)
    return st.text_input(label, default, placeholder=EXAMPLES.get(name), **look)
