"""The colours and the font of the app, for Streamlit, Gradio, the charts and the sign-in page alike.

`pages/.streamlit/config.toml` repeats them, as Streamlit reads its theme from nowhere else; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
RADIUS = "8px"


@dataclass(frozen=True)
class Palette:
    """The colours of one mode, as #rrggbb."""

    background: str
    secondary: str
    text: str
    border: str
    primary: str


LIGHT = Palette(background="#ffffff", secondary="#f5f6f8", text="#0b1119", border="#d9dee5", primary="#0b6e99")
DARK = Palette(background="#12161c", secondary="#1b2129", text="#e6eaf0", border="#323b47", primary="#4db3dc")
