"""Requests that pages of other sites make through a visitor's browser, and host names that were rebound to this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers

ELSEWHERE = "This request comes from another site."


def foreign(headers: Headers, named_hosts: bool) -> str:
    """Return a sentence if another site made, or may have made, a request; empty for one of our own."""
    host, origin = headers.get("host", ""), headers.get("origin")
    try:
        name = urlsplit(f"//{host}").hostname or ""
        from_elsewhere = origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return "The Host or Origin header of this request is malformed."
    if not named_hosts and name != "localhost" and not is_address(name):
        return "Without a password the app answers only to localhost or an IP address; set LESIONLAB_PASSWORD to use a host name."
    return ELSEWHERE if from_elsewhere or is_embedded(headers) else ""


def is_embedded(headers: Headers) -> bool:
    """True if a page of another site uses what is asked for, such as a photograph in an <img>; a link to a page is not that."""
    is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_link


def is_address(name: str) -> bool:
    """True if a host name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
