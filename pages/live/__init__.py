"""The parts of the Monitor page that move by themselves: small components that poll /api for what is new.

`st.plotly_chart` in a polling fragment is drawn anew with every point, which flickers and loses the zoom; these keep theirs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from pages.static import PLOTLY_URL
from seg_core.runs.run import Run

_HERE = Path(__file__).parent


def _component(name: str) -> Any:
    script, style = ((_HERE / f"{name}.{ending}").read_text(encoding="utf-8") for ending in ("js", "css"))
    return st.components.v2.component(f"lesionlab_{name}", js=script, css=style, isolate_styles=False)


_charts, _list = _component("charts"), _component("run_list")


def live_charts(runs: list[Run], colours: list[str]) -> None:
    """Loss, accuracy, IoU and Dice of some runs, train dashed and validation solid, one colour a run."""
    shown = [{"id": run.id, "label": run.label, "colour": colour} for run, colour in zip(runs, colours, strict=True)]
    _charts(data={"runs": shown, "plotly": PLOTLY_URL}, key="live-charts")


def run_list(chosen: list[int], colours: list[str]) -> list[int]:
    """All runs with status, progress and best IoU, as a list to choose from; the numbers of those chosen, in order of choice."""
    result = _list(
        data={"chosen": chosen, "colours": colours}, default={"chosen": chosen}, on_chosen_change=lambda: None, key="run-list"
    )
    return [int(run_id) for run_id in result.chosen or []]
