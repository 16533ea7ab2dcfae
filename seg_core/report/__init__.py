"""The report on some runs: one HTML file that opens without network, with charts that stay interactive.

`content` gathers what stands in it, `seg_core.evaluation.charts` draws, `template.html` lays out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import distribution
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from seg_core.common.atomic_file import atomic_file
from seg_core.common.colours import run_colour
from seg_core.evaluation.tables import PAIRING_NOTE, PAIRING_TITLES, best, cell, cost_cells, margin, pairing_cells
from seg_core.report.content import gather
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

__all__ = ["write_report"]


def write_report(
    runs: Sequence[Run], store: RunStore, target: Path, on_progress: Callable[[int, int, str], None] = lambda *_: None
) -> None:
    """Write the report on runs that have a whole epoch, whole or not at all; their best models are evaluated on the way.

    Args:
        runs: in the order in which they shall stand; colours follow it.
        store: where they are from.
        target: the HTML file.
        on_progress: gets (done, total, what).

    Raises:
        InputError: if there are no runs, one has no whole epoch, or its dataset or its model is gone.
    """
    content = gather(runs, store, on_progress)
    environment = Environment(
        loader=PackageLoader("seg_core.report", "."),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The browser library lies in plotly's package; its metadata says where, without the half second that importing it takes.
    script = Path(str(distribution("plotly").locate_file("plotly/package_data/plotly.min.js")))
    library = Markup(script.read_text(encoding="utf-8").replace("</script", "<\\/script"))
    environment.globals.update(colour=run_colour, best=best, cell=cell, margin=margin, cost_cells=cost_cells)
    environment.globals.update(pairing_cells=pairing_cells, pairing_titles=PAIRING_TITLES, pairing_note=PAIRING_NOTE)
    text = environment.get_template("template.html").render(content=content, plotly=library)
    with atomic_file(target) as partial:
        partial.write_text(text, encoding="utf-8", errors="replace")  # a file name may contain bytes that are no text
