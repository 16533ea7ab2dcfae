"""Sending one alert to one address. Whatever goes wrong is said in a few words of our own, in which no part of an address is."""

from __future__ import annotations

import base64
import json
import logging
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from seg_core.common.versions import VERSION

if TYPE_CHECKING:
    from apprise import NotifyBase

    from seg_core.runs.alerts.message import Alert

TIMEOUT_SECONDS = 5.0
"""For the connection, and for every part of the answer."""
NOT_UNDERSTOOD = "the address is not understood"
_TEMPORARY = {408, 425, 429}
"""Of the answers that blame the request, those that may be others a little later."""
_STATUS = re.compile(r"error=\(?(\d{3})\b")


@dataclass(frozen=True)
class Result:
    """How one try went: ``why`` it failed, empty if it did not, and whether it may help to try ``again``."""

    why: str = ""
    again: bool = True


def send(url: str, alert: Alert, app: str = "") -> Result:
    """Send an alert. It may take as long as the other side likes, so call it in a thread that can be left alone.

    Args:
        url: an address of apprise, or http:// or https://, to which the fields are posted as JSON.
        alert: what is told.
        app: the app's address, to link to.
    """
    try:
        if (service := _service(url)) is not None:
            return _send_by(service, alert, app)
        if (parts := _web_address(url)) is not None:
            return _post(parts, alert.to_json(app))
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the address
        return Result(f"it failed ({type(error).__name__})")
    return Result(NOT_UNDERSTOOD, again=False)


def _service(url: str) -> NotifyBase | None:
    """Return apprise's service of an address; None if it knows none."""
    import apprise

    asset = apprise.AppriseAsset(app_id="LesionLab", app_desc="LesionLab")
    with _Heard():
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    return service if isinstance(service, apprise.NotifyBase) else None


def _send_by(service: NotifyBase, alert: Alert, app: str) -> Result:
    from apprise import NotifyType
    from apprise.plugins.custom_json import NotifyJSON

    fields = alert.to_json(app)
    body = alert.message
    if isinstance(service, NotifyJSON):
        own = {"title", "message"}  # apprise sends these itself, and takes further fields
        service.payload_extras = {name: value for name, value in fields.items() if name not in own} | service.payload_extras
    elif fields["link"]:
        body += f"\n{fields['link']}"
    kind = NotifyType.FAILURE if alert.event in ("failed", "lost") else NotifyType.SUCCESS
    with _Heard() as heard:
        arrived = service.notify(body=body, title=alert.title, notify_type=kind)
    return Result() if arrived else _explained(heard.lines)


def _explained(lines: list[str]) -> Result:
    text = "\n".join(lines)
    if found := _STATUS.findall(text):
        return _answered(int(found[-1]))
    if "onnection" in text or "timed out" in text or "ocket" in text:
        return Result("it could not be reached")
    return Result("it was refused")


def _web_address(url: str) -> SplitResult | None:
    """Return the parts of an address that begins with http:// or https://, and None for any other."""
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 else None
    except ValueError:  # a port that is no number, or a bracket without the other
        return None


def _post(parts: SplitResult, fields: dict[str, Any]) -> Result:
    """Post fields as JSON; a redirection is not followed, since it would turn the request into another one."""
    headers = {"Content-Type": "application/json", "User-Agent": f"LesionLab/{VERSION}"}
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    try:
        request = Request(urlunsplit(parts), json.dumps(fields, allow_nan=False).encode(), headers, method="POST")
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS):
            return Result()
    except HTTPError as error:
        with error:
            return _answered(error.code)
    except URLError as error:
        return _unreached(error.reason)
    except (OSError, HTTPException) as error:
        return _unreached(error)
    except ValueError:
        return Result(NOT_UNDERSTOOD, again=False)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _answered(status: int) -> Result:
    try:
        phrase = f" ({HTTPStatus(status).phrase})"
    except ValueError:
        phrase = ""
    return Result(f"it answered {status}{phrase}", again=status >= 500 or status in _TEMPORARY)


def _unreached(reason: object) -> Result:
    match reason:
        case TimeoutError():
            return Result(f"it gave no answer for {TIMEOUT_SECONDS:g} s")
        case ConnectionRefusedError():
            return Result("it refused the connection")
        case socket.gaierror():
            return Result("its host was not found")
        case ssl.SSLError():
            return Result("its certificate cannot be verified")
    return Result("it could not be reached")


@dataclass
class _Heard:
    """Inside its ``with`` block, what apprise logs in this thread is kept in ``lines`` and goes nowhere else."""

    lines: list[str] = field(default_factory=list)

    def __enter__(self) -> _Heard:
        _LOGS.lines[threading.get_ident()] = self.lines
        for name in ("apprise", "requests", "urllib3"):
            logger = logging.getLogger(name)
            logger.propagate = False
            if _LOGS not in logger.handlers:
                logger.addHandler(_LOGS)
        return self

    def __exit__(self, *_: object) -> None:
        _LOGS.lines.pop(threading.get_ident(), None)


class _Logs(logging.Handler):
    """Keeps what is logged in a thread that listens, and drops everything else: it may hold addresses."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if (lines := self.lines.get(record.thread or 0)) is not None:
            lines.append(record.getMessage())


_LOGS = _Logs()
