"""The advanced settings of a training: one widget per field of `Config`, with the field's own bounds and help."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import annotated_types
import streamlit as st
from pydantic.fields import FieldInfo

from seg_core.config import SET_BY_PROGRAM, Config

ELSEWHERE = {"variant", "recipe", *SET_BY_PROGRAM}
"""Fields that are set elsewhere on the page, or not by the user."""
BY_FOLDS = {"val_fraction", "folds", "fold"}
"""Fields that a cross-validation sets or does not use."""


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
    with st.expander("Advanced settings", icon=":material/tune:"):
        columns = st.columns(2)
        fields = [(name, field) for name, field in Config.model_fields.items() if name not in ELSEWHERE]
        for place, (name, field) in enumerate(fields):
            with columns[place % 2]:
                value = _widget(name, field, getattr(first, name), f"{recipe}-{name}-{key}", disabled=name in off)
            if name not in off and value != getattr(defaults, name):
                changed[name] = value
    return changed


def _widget(name: str, field: FieldInfo, default: Any, key: str, *, disabled: bool) -> Any:
    label = field.title or name.replace("_", " ").capitalize()
    look: dict[str, Any] = {"help": field.description, "key": key, "persist_state": "session", "disabled": disabled}
    if get_origin(field.annotation) is Literal:
        options = list(get_args(field.annotation))
        return st.selectbox(label, options, index=options.index(default), **look)
    if field.annotation is bool:
        return st.checkbox(label, value=default, **look)
    if field.annotation is int:
        low, high, step = (_bound(field, kind) for kind in ("ge", "le", "multiple_of"))
        top = high if high is not None else 2**31 - 1
        return st.number_input(label, low, top, default, step or 1, **look)
    if field.annotation is float:
        least, most, below = (_bound(field, kind) for kind in ("ge", "le", "lt"))
        step, form = (default / 10, "%.6f") if 0 < default < 0.1 else (0.05, "%.2f")
        bottom = float(least) if least is not None else min(1e-6, default)
        top = float(most) if most is not None else below - 1e-6
        return st.number_input(label, bottom, top, default, step, format=form, **look)
    return st.text_input(label, default, **look)


def _bound(field: FieldInfo, kind: str) -> Any:
    found = (getattr(rule, kind, None) for rule in field.metadata if isinstance(rule, annotated_types.BaseMetadata))
    return next((value for value in found if value is not None), None)
