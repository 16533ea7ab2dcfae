"""The parts of a page that update themselves: charts, list of runs, progress, logs, masks; and the viewers of masks.

`components` declares them for the pages, one function each; the scripts beside it draw them in the browser, each joined from
the files that ``_component`` names. They know the API of `pages.server` by its addresses alone, and of the core what a run and
a job are. Begin with ``live.js``, the clock and the feed that all share.
"""
