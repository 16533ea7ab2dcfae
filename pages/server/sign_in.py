"""The sign-in page: plain HTML in the app's colours, without script and without anything from elsewhere."""

from __future__ import annotations

from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

from pages.shared.theme import DARK, FONT, LIGHT, RADIUS, Palette

MARK = (Path(__file__).parents[1] / "assets" / "mark.svg").read_text(encoding="utf-8")


def _variables(palette: Palette) -> str:
    return (
        f"--background: {palette.background}; --secondary: {palette.secondary}; --text: {palette.text};"
        f" --border: {palette.border}; --primary: {palette.primary};"
    )


STYLE = f"""
:root {{ color-scheme: light dark; {_variables(LIGHT)} --on-primary: #ffffff; --wrong: #b3261e; }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} --on-primary: #0b1014; --wrong: #ff8a80; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px;
        background: var(--secondary); color: var(--text); font: 16px/1.5 {FONT}; }}
main {{ width: min(100%, 22rem); padding: 28px; background: var(--background); border: 1px solid var(--border);
        border-radius: calc({RADIUS} * 1.5); }}
svg {{ width: 44px; height: 44px; display: block; }}
h1 {{ margin: 14px 0 2px; font-size: 1.35rem; font-weight: 650; }}
p {{ margin: 0 0 18px; }}
label {{ display: block; margin-bottom: 6px; font-weight: 600; }}
input, button {{ width: 100%; padding: 10px 12px; font: inherit; border-radius: {RADIUS}; }}
input {{ color: inherit; background: var(--background); border: 1px solid var(--border); }}
button {{ margin-top: 14px; border: 0; background: var(--primary); color: var(--on-primary); font-weight: 600; cursor: pointer; }}
input:focus-visible, button:focus-visible {{ outline: 3px solid var(--primary); outline-offset: 2px; }}
[role=alert] {{ margin: 10px 0 0; color: var(--wrong); }}
"""


def sign_in_page(target: str, problem: str = "", status: int = 200) -> HTMLResponse:
    """The page with the form; ``target`` is where the visitor goes afterwards, ``problem`` one sentence about the last try."""
    alert = f'<p role="alert" id="problem">{escape(problem)}</p>' if problem else ""
    described = ' aria-describedby="problem" aria-invalid="true"' if problem else ""
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · LesionLab</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main>
{MARK}
<h1>LesionLab</h1>
<p>Whoever started this app set a password.</p>
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="{escape(target)}">
<input type="text" name="username" autocomplete="username" value="LesionLab" hidden>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus{described}>
{alert}
<button type="submit">Sign in</button>
</form>
</main>
</body>
</html>
"""
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})
