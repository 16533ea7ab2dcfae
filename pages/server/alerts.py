"""The API of alerts, for the notifications of browsers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from pages.shared.stores import store

router = APIRouter(prefix="/api", tags=["alerts"])


@router.get("/alerts")
def alerts(
    after: Annotated[int | None, Query(description="Return what has happened since the alert of this number.", ge=0)] = None,
) -> dict[str, Any]:
    """What people are told of: runs that finished, failed, were lost or passed a target, oldest first.

    ``newest`` is the number to ask with next time. Without ``after`` there are no alerts in the answer, and with it the last 20.
    """
    outbox = store().alerts
    newest = outbox.newest()
    told = outbox.after(after) if after is not None and after < newest else []
    return {"newest": newest, "alerts": [alert.to_json() for alert in told]}
