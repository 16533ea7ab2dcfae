"""Evaluation: score models and groups on a split, and compare them with intervals, significance tests, tables and charts.

It builds on `prediction`, `data` and the training history, and never imports torch. Begin with `evaluate`, whose result
(`result.Evaluation`) holds pixel counts for every threshold, and the scores of outlines, whole lesions and ranks of pixels;
`columns` names them all. `comparison` makes the rows of a table, `pairing` tests every two models in any score, `leaderboard`
ranks them, and `subgroups` says for whom a model fails; `clusters` are photographs that count together. `tables`, `sheets`,
`charts` and `verdict` show it all. `calibration` finds the threshold that fits, `overlap` scored photographs that the model
trained on, and `doubtful` true masks that may be wrong.
"""
