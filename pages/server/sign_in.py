"""The sign-in page: plain HTML in the app's colours, without scripts and without anything from elsewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse
from starlette.types import Receive

from pages.shared.html import environment
from pages.shared.theme import DARK, FONT, LIGHT, RADIUS

LONGEST_FORM = 4096
_TEMPLATE = environment.from_string(
    Path(__file__).with_name("sign_in.html").read_text(encoding="utf-8"),
    {
        "light": LIGHT,
        "dark": DARK,
        "font": FONT,
        "radius": RADIUS,
        "mark": (Path(__file__).parents[1] / "assets" / "mark.svg").read_text(encoding="utf-8"),
    },
)


def sign_in_page(base: str, target: str, problem: str = "", status: int = 200) -> HTMLResponse:
    """Make the page with the form, for an app below the path ``base``.

    The form leads on to ``target``, and the page says in a sentence what the ``problem`` of the last try was.
    """
    html = _TEMPLATE.render(base=base, target=target, problem=problem)
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


async def read_form(receive: Receive) -> dict[str, str]:
    """Return the fields of a posted form, of which at most about ``LONGEST_FORM`` bytes are read.

    Raises:
        ClientDisconnect: if the browser leaves before the form is complete.
    """
    body = b""
    more = True
    while more and len(body) <= LONGEST_FORM:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
