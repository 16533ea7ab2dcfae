"""Addresses of what the app serves, for the browser."""

from __future__ import annotations

import streamlit as st


def address(path: str) -> str:
    """Return the address of ``path``, such as ``/predictor/``, for an app that may stand below a path of a reverse proxy."""
    return st.context.headers.get("X-Forwarded-Prefix", "") + path  # as pages/server/below_path.py sets it
