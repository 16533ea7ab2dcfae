"""Facts about the app in a fresh interpreter, for tests that cannot ask the one they run in. Prints them as JSON.

One process answers for several tests, since importing Streamlit and Gradio takes seconds.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys

from seg_core.common.home import PROJECT
from seg_core.common.imports import quick_imports

HEAVY = ("torch", "streamlit", "gradio", "plotly", "pandas")
RUN_BY_STREAMLIT = {
    f"pages.{name}" for name in ("router", "home", "train", "monitor", "sweeps", "data", "report", "compare", "predict", "about")
}


def page_modules() -> list[str]:
    """List the modules of `pages`, without those that Streamlit runs as scripts."""
    files = (PROJECT / "pages").rglob("*.py")
    names = {".".join(file.relative_to(PROJECT).with_suffix("").parts) for file in files}
    return sorted(names - RUN_BY_STREAMLIT)


def waits_of_an_idle_queue() -> list[float]:
    """Return the seconds that each of the two loops of the predictor's queue sleeps while the queue is empty."""
    from pages.predictor import build_predictor

    queue, waits = build_predictor()._queue, list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        queue.stopped = True

    asyncio.sleep = sleep  # type: ignore[assignment] # nothing else of this process is asleep
    for loop in (queue.start_processing, queue.start_progress_updates):
        queue.stopped = False
        asyncio.run(loop())
    return waits


def main() -> None:
    """Import the host, build the app, then import everything else, and record what each step has loaded."""
    with quick_imports():
        import app

    facts: dict[str, object] = {"loaded_by_the_host": [name for name in HEAVY if name in sys.modules]}

    from seg_core.runs.store import RunStore

    with quick_imports():
        app.create_app(RunStore())
    facts["app_loads_torch"] = "torch" in sys.modules

    from streamlit import config

    facts["streamlit_settings"] = {name: config.get_option(name) for name in config.get_config_options()}

    for name in [*page_modules(), "seg_core.runs.store", "seg_core.jobs.supervisor"]:
        importlib.import_module(name)
    facts["pages_load_torch"] = "torch" in sys.modules
    facts["queue_waits"] = waits_of_an_idle_queue()
    json.dump(facts, sys.stdout, default=str)


if __name__ == "__main__":
    main()
