"""Jobs: work that takes longer than a page may and trains nothing, such as scans, evaluations and downloads; one process each.

Stored beside the runs and claimed by the protocol of `seg_core.runs.claim_protocol`; knows every room but commands and pages.
Begin with `requests` for the kinds of requests and `tasks` for the work on each; `supervisor` keeps the queues of runs and jobs
going.
"""
