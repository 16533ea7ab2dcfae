"""The HTML report on some runs: one file that opens without a network, with charts that stay interactive."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

from markupsafe import Markup

from seg_core.common.atomic_file import atomic_file
from seg_core.evaluation.expert_tables import EXPERTS_NOTE, cells, sentences, titles
from seg_core.evaluation.tables import (
    COSTS,
    PAIRING_NOTE,
    PAIRING_TITLES,
    PART_LEGEND,
    PART_NOTE,
    RANK_NOTE,
    best,
    cell,
    cost_cells,
    margin,
    pairing_cells,
    rank_cells,
    rank_titles,
)
from seg_core.report.content import gather
from seg_core.report.scoring import Advance, FindEvaluation, find_nothing
from seg_core.report.templates import load_template
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore


def write_report(
    runs: Sequence[Run],
    store: RunStore,
    target: Path,
    on_progress: Advance = lambda *_: None,
    find_evaluation: FindEvaluation = find_nothing,
) -> None:
    """Write the HTML report on runs, whole or not at all; models without a kept evaluation are evaluated on the way.

    Args:
        runs: in the order in which they appear.
        store: where they are from.
        target: the HTML file.
        on_progress: called with (done, total, step).
        find_evaluation: look-up of kept evaluations.

    Raises:
        InputError: if there are no runs, one has no whole epoch, or its dataset or its model is gone.
    """
    text = load_template("report.html.jinja").render(
        content=gather(runs, store, on_progress, find_evaluation),
        plotly=_plotly(),
        best=best,
        cell=cell,
        margin=margin,
        costs=COSTS,
        cost_cells=cost_cells,
        pairing_cells=pairing_cells,
        pairing_titles=PAIRING_TITLES,
        pairing_note=PAIRING_NOTE,
        rank_titles=rank_titles,
        rank_cells=rank_cells,
        rank_note=RANK_NOTE,
        experts_sentences=sentences,
        experts_titles=titles,
        experts_cells=cells,
        experts_note=EXPERTS_NOTE,
        part_note=PART_NOTE,
        part_legend=PART_LEGEND,
    )
    with atomic_file(target) as partial:
        partial.write_text(text, encoding="utf-8", errors="replace")  # a file name may contain bytes that are no text


def _plotly() -> Markup:
    """Return plotly's browser library, found by the package's metadata: importing plotly takes half a second."""
    script = Path(str(distribution("plotly").locate_file("plotly/package_data/plotly.min.js")))
    return Markup(script.read_text(encoding="utf-8").replace("</script", "<\\/script"))
