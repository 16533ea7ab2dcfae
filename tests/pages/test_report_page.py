"""The Report page: one button trains the three models of the student report, and their figures stand beside its own."""

from __future__ import annotations

from pathlib import Path

from pages.comparison.report_figures import figures_table, report_marks, reproduction
from seg_core.report.student_report import STUDENT_REPORT_METRICS
from seg_core.runs.store import RunStore


def test_until_there_are_runs_the_shipped_ones_stand_there(lab_home: Path) -> None:
    shipped = reproduction(RunStore(lab_home / "lesionlab.db"), [])
    assert [history.label for history in shipped] == [
        "Model 1 · trainable decoder",
        "Model 2 · fine-tuned",
        "Model 2b · frozen decoder",
    ]
    table = figures_table(shipped)
    # The report's own figures, and ours of the last epoch (docs/report.md).
    for figure in ("0.6954", "0.7407", "0.7637", "0.8728", "0.8811"):
        assert f"<td>{figure}</td>" in table


def test_the_reports_figures_are_levels_in_the_charts() -> None:
    marks = report_marks()
    assert len(marks) == 2 * len(STUDENT_REPORT_METRICS)
    assert {(mark.value, mark.label, mark.above) for mark in marks if mark.metric == "report_iou"} == {
        (0.6934, "report, Model 1", True),
        (0.6891, "report, Model 2", False),
    }
