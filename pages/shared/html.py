"""Pieces of HTML from templates: values are escaped, and a name that a template does not get is an error."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
"""For templates in files of their own; `render` is for short ones."""


def render(template: str, **values: Any) -> Markup:
    """Return the HTML of a jinja2 template, given as text. A value that is `Markup`, as this returns, is not escaped again."""
    return Markup(_compiled(template).render(values))


@lru_cache(maxsize=64)
def _compiled(template: str) -> Template:
    return environment.from_string(template)
