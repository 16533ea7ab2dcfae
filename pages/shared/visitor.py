"""The visitor of a page: a viewer sees everything and changes nothing."""

from __future__ import annotations

import os

from seg_core.errors import InputError

ROLE = "x-lesionlab-role"
"""The header that holds a visitor's role, ``owner`` or ``viewer``; the access guard alone sets it."""
VIEWER_PASSWORD = "LESIONLAB_VIEWER_PASSWORD"  # the variable's name
VIEWERS_CHANGE_NOTHING = "You are signed in as a viewer: you see everything, and change nothing."


def is_viewer() -> bool:
    """True while a page is drawn for a viewer, or for someone who has just left and may have been one."""
    if not os.environ.get(VIEWER_PASSWORD):
        return False
    import streamlit as st
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    # Outside a page there is the API, whose requests the guard looks at itself, and the app's own work.
    return get_script_run_ctx(suppress_warning=True) is not None and st.context.headers.get(ROLE) != "owner"


def tells_viewer() -> bool:
    """Say to a viewer, where others find something to change, that viewers change nothing; return True for a viewer."""
    if not is_viewer():
        return False
    import streamlit as st

    st.caption(VIEWERS_CHANGE_NOTHING)
    return True


def may_change() -> None:
    """Let those through who may change something.

    Raises:
        InputError: for a viewer.
    """
    if is_viewer():
        raise InputError(VIEWERS_CHANGE_NOTHING)
