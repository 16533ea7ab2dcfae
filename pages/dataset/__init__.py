"""Datasets on the pages: choosing one, its scan, its problems and duplicates, and looking through its photographs.

It may use `pages.shared`, `pages.live` and the core. Begin with `choose`, then `scan`, which returns a `view` of what was
found. `doubtful` shows the masks that may be wrong.
"""
