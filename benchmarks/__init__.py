"""Programs that measure: most figures in docs/ come from one of them, which the text beside the figure names.

They may use `seg_core`, `scripts`, `tests` and the running app, and nothing imports them. `make bench` runs some of them;
``python -m benchmarks.NAME`` runs one, and each says at its top what it measures. `measuring` and `many_runs` are what they
share.
"""
