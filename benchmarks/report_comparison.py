"""Our three runs by the recipe `report` beside the student report's figures: a table in Markdown, and a picture of the curves.

    python -m benchmarks.report_comparison [--figure docs/images/report-curves.png]

All of ours comes from the history inside the checkpoints that ship; the report's figures are copied from its text and its log.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seg_core.common.colours import RUN_COLOURS
from seg_core.config import VARIANT_LABELS
from seg_core.report.student_report import REPORT, REPORT_METRICS, REPORT_TITLES, shipped_histories


def histories() -> dict[str, list[dict[str, Any]]]:
    """Label to the epochs of each shipped run by the recipe `report`."""
    return {VARIANT_LABELS[variant]: epochs for variant, epochs in shipped_histories().items()}


def table() -> str:
    """The figures as a Markdown table; a dash where the report says nothing."""
    lines = ["| | split | " + " | ".join(REPORT_TITLES.values()) + " |", "| --- | --- |" + " --- |" * len(REPORT_TITLES)]
    lines += [f"| {name} | {part} | " + " | ".join(cells) + " |" for name, part, cells in _rows()]
    return "\n".join(lines)


def _rows() -> Iterator[tuple[str, str, list[str]]]:
    for part, shown in (("train", "train"), ("val", "validation")):
        for model, sources in REPORT.items():
            for source, parts in sources.items():
                yield f"report, {model}, {source}", shown, [_cell(parts[part].get(column)) for column in REPORT_TITLES]
        for label, epochs in histories().items():
            yield f"**ours, {label}**, epoch {len(epochs)}", shown, [_cell(epochs[-1][part][column]) for column in REPORT_TITLES]


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def draw(target: Path) -> None:
    """Draw the curves, ours as lines and the report's last logged values as dotted levels, and take a picture in Chromium."""
    import plotly.graph_objects as go
    from playwright.sync_api import sync_playwright
    from plotly.subplots import make_subplots

    from tests.find_chromium import find_chromium

    figure = make_subplots(2, 2, subplot_titles=list(REPORT_METRICS.values()), vertical_spacing=0.12, horizontal_spacing=0.07)
    for place, metric in enumerate(REPORT_METRICS):
        cell = {"row": place // 2 + 1, "col": place % 2 + 1}
        for colour, (label, epochs) in zip(RUN_COLOURS, histories().items(), strict=False):
            for part, dash in (("train", "dash"), ("val", "solid")):
                line = {"color": colour, "dash": dash, "width": 2.2 if part == "val" else 1.4}
                values = [epoch[part][metric] for epoch in epochs]
                shown = place == 0 and part == "val"
                epoch_numbers = list(range(1, len(values) + 1))
                figure.add_trace(go.Scatter(x=epoch_numbers, y=values, line=line, name=label, showlegend=shown), **cell)
        for colour, side, (model, sources) in zip(RUN_COLOURS, ("left", "right"), REPORT.items(), strict=False):
            level, line = sources["log"]["val"][metric], {"color": colour, "dash": "dot", "width": 1}
            note = {"text": f"report, {model}: {level:.3f}", "font_size": 10}
            figure.add_hline(level, line=line, annotation=note, annotation_position=f"bottom {side}", **cell)
    figure.update_layout(template="plotly_white", width=1200, height=760, margin={"l": 40, "r": 20, "t": 70, "b": 40})
    figure.update_layout(legend={"orientation": "h", "y": 1.1}, font={"family": "system-ui, sans-serif"})
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder, "figure.html")
        figure.write_html(page_file, include_plotlyjs=True)
        browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1220, "height": 780})
        page.goto(page_file.as_uri())
        page.locator(".main-svg").first.wait_for()
        page.screenshot(path=target)
        browser.close()


def main() -> None:
    """Print the table; with ``--figure`` draw the picture too."""
    parser = argparse.ArgumentParser(description="Our runs by the recipe report beside the report's own figures.")
    parser.add_argument("--figure", type=Path, help="where to write the picture of the curves (PNG)")
    options = parser.parse_args()
    print(table())
    if options.figure:
        draw(options.figure)


if __name__ == "__main__":
    main()
