"""Compare our three runs of the recipe `report` with the student report: a table in Markdown, and a picture of the curves.

    python -m benchmarks.report_comparison [--figure docs/images/report-curves.png]

Ours come from the history in the shipped checkpoints; those of the student report are copied from its text and its log.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seg_core.common.colours import RUN_COLOURS
from seg_core.config import VARIANT_LABELS
from seg_core.report.student_report import STUDENT_REPORT, STUDENT_REPORT_METRICS, STUDENT_REPORT_TITLES, shipped_histories


def histories() -> dict[str, list[dict[str, Any]]]:
    """Return the epochs of each shipped run of the recipe `report`, by label."""
    return {VARIANT_LABELS[variant]: epochs for variant, epochs in shipped_histories().items()}


def table() -> str:
    """Return the figures as a Markdown table; a dash where the student report gives none."""
    head = ["Model", "split", *STUDENT_REPORT_TITLES.values()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *_rows()))


def _rows() -> Iterator[list[str]]:
    for split, shown in (("train", "training"), ("val", "validation")):
        for model, sources in STUDENT_REPORT.items():
            for source, figures in sources.items():
                yield [f"student report, {model}, {source}", shown, *_cells(figures[split])]
        for label, epochs in histories().items():
            yield [f"**ours, {label}**, epoch {len(epochs)}", shown, *_cells(epochs[-1][split])]


def _cells(figures: Mapping[str, float | None]) -> list[str]:
    values = [figures.get(name) for name in STUDENT_REPORT_TITLES]
    return ["–" if value is None else f"{value:.4f}" for value in values]


def draw(target: Path) -> None:
    """Draw our curves, and the last logged values of the student report as dotted levels; take a picture in Chromium."""
    import plotly.graph_objects as go
    from playwright.sync_api import sync_playwright
    from plotly.subplots import make_subplots

    from tests.find_chromium import FLAGS, find_chromium

    titles = list(STUDENT_REPORT_METRICS.values())
    figure = make_subplots(2, 2, subplot_titles=titles, vertical_spacing=0.12, horizontal_spacing=0.07)
    for place, metric in enumerate(STUDENT_REPORT_METRICS):
        cell = {"row": place // 2 + 1, "col": place % 2 + 1}
        for colour, (label, epochs) in zip(RUN_COLOURS, histories().items(), strict=False):
            for split, dash in (("train", "dash"), ("val", "solid")):
                line = {"color": colour, "dash": dash, "width": 2.2 if split == "val" else 1.4}
                values = [epoch[split][metric] for epoch in epochs]
                shown = place == 0 and split == "val"
                epoch_numbers = list(range(1, len(values) + 1))
                figure.add_trace(go.Scatter(x=epoch_numbers, y=values, line=line, name=label, showlegend=shown), **cell)
        for colour, side, (model, sources) in zip(RUN_COLOURS, ("left", "right"), STUDENT_REPORT.items(), strict=False):
            level, line = sources["log"]["val"][metric], {"color": colour, "dash": "dot", "width": 1}
            note = {"text": f"student report, {model}: {level:.3f}", "font_size": 10}
            figure.add_hline(level, line=line, annotation=note, annotation_position=f"bottom {side}", **cell)
    figure.update_layout(template="plotly_white", width=1200, height=760, margin={"l": 40, "r": 20, "t": 70, "b": 40})
    figure.update_layout(legend={"orientation": "h", "y": 1.1}, font={"family": "system-ui, sans-serif"})
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder, "figure.html")
        figure.write_html(page_file, include_plotlyjs=True)
        browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=FLAGS)
        page = browser.new_page(viewport={"width": 1220, "height": 780})
        page.goto(page_file.as_uri())
        page.locator(".main-svg").first.wait_for()
        page.screenshot(path=target)
        browser.close()


def main() -> None:
    """Print the table; with ``--figure`` also draw the picture."""
    parser = argparse.ArgumentParser(description="Compare our runs of the recipe report with the student report.")
    parser.add_argument("--figure", type=Path, help="where to write the picture of the curves (PNG)")
    options = parser.parse_args()
    print(table())
    if options.figure:
        draw(options.figure)


if __name__ == "__main__":
    main()
