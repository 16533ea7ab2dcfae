"""What a visitor's browser tab holds on Predict while it looks at other pages, and after a reload.

Leaving the page discards the widget and Gradio's state of it. A tab therefore has a token that nobody can guess, in its
sessionStorage, and the session of its last widget is found again under it.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict

from pages.predictor.files import KEEP
from pages.predictor.session import Session

MOST_VISITS = 1000
_TOKEN = re.compile(r"[0-9a-f]{32}")

ARRIVAL = """() => {
  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"));
  const token = sessionStorage.getItem("lesionlab-visit") ?? random().join("");
  sessionStorage.setItem("lesionlab-visit", token);
  return [token, new URLSearchParams(location.search).get("model") ?? "", innerWidth < 640];
}"""
"""Script that returns the token of the browser tab, which the page Sign out removes, the model that the address names, and
whether the page is as narrow as a phone."""


class Visits:
    """The sessions by the token of their browser tab. Thread-safe."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, token: str | None, session: Session) -> bool:
        """Keep the session of a widget under the token of its tab; true if it took over what the tab held before."""
        if not _TOKEN.fullmatch(token or ""):
            return False
        with self._lock:
            before = self._sessions.pop(str(token), None)
            self._sessions[str(token)] = session
            session.seen = time.monotonic()
            if len(self._sessions) > MOST_VISITS:
                self._sessions.popitem(last=False)
        if before is None or before is session:
            return False
        session.take_over(before)
        return True

    def forget_old(self, older_than: float = KEEP) -> None:
        """Forget photographs that were added more than ``older_than`` seconds ago, and tabs that were not seen since."""
        limit = time.monotonic() - older_than
        with self._lock:
            for token, session in list(self._sessions.items()):
                session.forget(limit)
                if session.seen < limit:
                    del self._sessions[token]


VISITS = Visits()
