"""Shared by all rooms of the pages: stores, models, jobs, tables, downloads, theme, and the current visit.

It knows the components of `pages.live` and the core. Begin with `stores`, then `visit`: datasets as the current visit found
them.
"""
