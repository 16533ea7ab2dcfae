"""Parts of the Compare and Report pages: choices, evaluations of models side by side, warnings of photographs that a model
trained on, charts, downloads.

It may use `pages.dataset`, `pages.shared`, `pages.live` and the core. Begin with `pages/compare.py`, which puts the sections in
order, then `compared`: a chosen model with its evaluation.
"""
