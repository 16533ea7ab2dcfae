"""Reports: the HTML report on runs, the cards of published models, and the figures of the student report.

It may use `runs` and what is below it, and does not know `jobs`: callers hand in a look-up of kept evaluations. Begin with
`html_report.write_report` and `publishing.publish`; texts stand in the `.jinja` templates and in `conclusion`.
"""

from __future__ import annotations

from seg_core.report.html_report import write_report

__all__ = ["write_report"]
