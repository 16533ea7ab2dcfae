"""Jobs: work that takes longer than a page may and trains nothing, such as scans, evaluations and downloads; one process each.

Stored beside the runs and claimed by the protocol of `seg_core.runs.ownership`; knows every room but commands and pages. Begin
with `requests` for what can be asked for and `tasks` for how it is done; `supervisor` keeps the queues of runs and jobs going.
"""
