"""Tests, in one folder for each room of `seg_core` and for `pages`; `tests/browser` drives the running app in Chromium.

A room is tested by ``pytest tests/ROOM``, everything that needs no browser by ``pytest -m "not slow and not browser"``, and
everything but the slow tests by ``make test``. Shared fixtures stand in `conftest` and `fixtures`, shared functions in
`helpers`.
"""
