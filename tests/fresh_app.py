"""Facts about the app in a fresh interpreter, for tests that cannot ask the one they run in. Prints them as JSON.

One process answers for several tests, since importing Streamlit and Gradio takes seconds.
"""

from __future__ import annotations

import importlib
import json
import sys

from seg_core.common.home import PROJECT

HEAVY = ("torch", "streamlit", "gradio", "plotly", "pandas")
RUN_BY_STREAMLIT = {f"pages.{name}" for name in ("router", "train", "monitor", "data", "report", "compare", "predict")}


def page_modules() -> list[str]:
    """Every module of `pages` but those that Streamlit runs as scripts."""
    files = (PROJECT / "pages").rglob("*.py")
    names = {".".join(file.relative_to(PROJECT).with_suffix("").parts) for file in files}
    return sorted(names - RUN_BY_STREAMLIT)


def main() -> None:
    """Import the host, build the app, then import everything else, and note what each step has loaded."""
    import app

    facts: dict[str, object] = {"loaded_by_the_host": [name for name in HEAVY if name in sys.modules]}

    from seg_core.runs.store import RunStore

    app.create_app(RunStore())
    facts["app_loads_torch"] = "torch" in sys.modules

    from streamlit import config

    facts["streamlit_settings"] = {name: config.get_option(name) for name in config.get_config_options()}

    for name in [*page_modules(), "seg_core.runs.store", "seg_core.jobs.supervisor"]:
        importlib.import_module(name)
    facts["pages_load_torch"] = "torch" in sys.modules
    json.dump(facts, sys.stdout, default=str)


if __name__ == "__main__":
    main()
