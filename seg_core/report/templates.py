"""Templates of this room, in Jinja: the HTML report and the model card."""

from __future__ import annotations

import json
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape


def load_template(name: str) -> Template:
    """Return a template by its file name; HTML is escaped, and an unknown name in a template is an error."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("seg_core.report", "."),
        autoescape=select_autoescape(["html.jinja"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # A JSON string is a YAML string too, whatever characters a name has.
    environment.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=False)
    return environment
