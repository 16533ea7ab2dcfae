"""Evaluation: score models and groups on a split, and compare them with intervals, significance tests, tables and charts.

It builds on `prediction`, `data` and the training history, and never imports torch. Begin with `evaluate`, whose result
(`result.Evaluation`) holds pixel counts for every threshold, and boundary scores; `comparison`, `tables` and `charts` compute
from these, and `calibration` finds the threshold that fits. `overlap` finds scored photographs that the model trained on, and
`doubtful` true masks that may be wrong.
"""
