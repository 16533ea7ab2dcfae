"""How the host serves: what its operator chose, and what it has room for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HostSettings:
    """Settings of the host.

    Attributes:
        password: of those who may use everything; if empty, that is everyone who can reach the port.
        viewer_password: of those who see everything and change nothing; if empty, there are none.
        root_path: the path of a reverse proxy that the app stands below, such as ``/lesionlab``; see `BelowPath`.
        proxies: the addresses of reverse proxies, with commas between them; what others say of a visitor's address, scheme or
            path is not believed.
        room: the most requests and websockets at a time, and the most connections that wait for their browser besides.
    """

    password: str = ""
    viewer_password: str = ""
    root_path: str = ""
    proxies: str = ""
    room: int = 1000


DEFAULTS = HostSettings()
