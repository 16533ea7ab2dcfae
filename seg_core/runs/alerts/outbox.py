"""Alerts in the run database: which are to be sent where, and how that went."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select, update

from seg_core.errors import InputError
from seg_core.runs.alerts import addresses, events
from seg_core.runs.alerts.addresses import Address
from seg_core.runs.alerts.events import STEPS, TARGET_METRICS, WANTED_AFTER, TargetMetric
from seg_core.runs.alerts.message import Alert
from seg_core.runs.checked_values import RowCheck
from seg_core.runs.claim_protocol import owned_by, owner_in
from seg_core.runs.database import Database
from seg_core.runs.processes import Owner
from seg_core.runs.tables import alerts, deliveries

State = Literal["waiting", "sending", "sent", "failed"]

WAITS = (2.0, 10.0, 60.0)
"""Seconds before the second, third and fourth try."""
OLDEST_SECONDS = 86_400.0
"""What happened longer ago, while nothing could send it, is no news."""
INTERRUPTED = "the process that sent it ended; whether it arrived is not known"

_check_alert, _check_delivery = RowCheck(alerts.c), RowCheck(deliveries.c)
_UNSETTLED = select(alerts.c.id).where(~alerts.c.settled).limit(1)


@dataclass(frozen=True)
class Delivery:
    """An alert on its way to one address.

    Attributes:
        id: its number.
        address: the key of its address.
        state: ``waiting`` for its next try, ``sending``, ``sent`` or ``failed``.
        tries: how often it was tried.
        due: when it is tried next, or when its state last changed, in seconds since 1970.
        why: why the last try failed, as the end of a sentence.
        alert: what is told.
    """

    id: int
    address: str
    state: State
    tries: int
    due: float
    why: str
    alert: Alert


class RunAlerts:
    """What people are told of runs: targets and addresses, for pages; deliveries, for the process that sends them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.home = database.home

    # What people choose

    def targets(self) -> dict[TargetMetric, float | None]:
        """Return the validation score of each metric, 0 to 1, at which people are told; None for none."""
        with self._database.read() as connection:
            return {metric: steps / STEPS if steps else None for metric, steps in events.targets(connection).items()}

    def set_target(self, metric: TargetMetric, value: float | None) -> None:
        """Set or, with None, remove the target of a metric, for all runs from their next epoch on.

        Raises:
            InputError: if it is not between 0 and 1, or this user may change nothing.
        """
        if metric not in TARGET_METRICS:
            raise InputError(f"There is no target of {metric}; choose one of {' and '.join(TARGET_METRICS)}.")
        steps = None if value is None else round(value * STEPS) if 0 < value <= 1 else 0
        if steps == 0:
            raise InputError(f"{value:g} is no target; give a score above 0 and up to 1.")
        with self._database.change() as connection:
            events.keep_setting(connection, f"target_{metric}", steps)

    def addresses(self) -> list[Address]:
        """Return where alerts go."""
        return addresses.addresses(self.home)

    def add_address(self, text: str) -> None:
        """Keep an address in the home folder's file. What has happened until now is not sent to the first one.

        Raises:
            InputError: if it is none, or this user may change nothing.
        """
        with self._database.change() as connection:
            events.want_from_now_on(connection)
            addresses.add_address(self.home, text)

    def remove_address(self, address: Address) -> None:
        """Remove an address from the home folder's file.

        Raises:
            InputError: if the file cannot be written, or this user may change nothing.
        """
        with self._database.change():
            addresses.remove_address(self.home, address)

    def add_test(self) -> None:
        """Record a test, which the next process that looks sends to every address.

        Raises:
            InputError: if there is no address, or this user may change nothing.
        """
        with self._database.change() as connection:
            if not self.addresses():
                raise InputError("There is no address to send a test to; add one first.")
            events.record(connection, "test", None)

    # What pages show

    def newest(self) -> int:
        """Return the number of the newest event; 0 if there is none."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.max(alerts.c.id))).scalar_one() or 0)

    def after(self, id: int, most: int = 20) -> list[Alert]:
        """Return the newest events of runs after the number ``id``, oldest first, at most ``most``."""
        query = select(alerts).where(alerts.c.id > id, alerts.c.event != "test").order_by(alerts.c.id.desc()).limit(most)
        with self._database.read() as connection:
            return [_to_alert(row) for row in connection.execute(query)][::-1]

    def last_deliveries(self) -> dict[str, Delivery]:
        """Return the newest delivery to each address that ever got one, by the address's key."""
        newest = select(func.max(deliveries.c.id)).group_by(deliveries.c.address)
        with self._database.read() as connection:
            found = [self._delivery(connection, row) for row in connection.execute(_select(deliveries.c.id.in_(newest)))]
        return {delivery.address: delivery for delivery in found}

    # Sending

    def is_due(self, grace: float = 0.0) -> bool:
        """True if something is to be sent, and has been for ``grace`` seconds."""
        now = time.time()
        late = deliveries.c.state == "waiting", deliveries.c.due <= now - grace
        with self._database.read() as connection:
            if connection.execute(_UNSETTLED.where(alerts.c.time <= now - grace)).first():
                return True
            return connection.execute(select(deliveries.c.id).where(*late).limit(1)).first() is not None

    def settle(self, spare: float = 0.0) -> None:
        """Decide to which addresses new events go; each event once, in one transaction.

        Without an address they go to nobody, so that they are not sent when there is one. Those of the last ``spare`` seconds
        are left to another process, which may know an address from its environment.
        """
        keys, now = [address.key for address in self.addresses()], time.time()
        with self._database.write() as connection:
            if keys:
                events.want_from_now_on(connection)
            after = events.setting(connection, WANTED_AFTER) or 0
            for row in connection.execute(select(alerts).where(~alerts.c.settled)).all():
                alert = _to_alert(row)
                if not keys and alert.time > now - spare:
                    continue
                is_wanted = alert.event == "test" or (alert.id > after and alert.time > now - OLDEST_SECONDS)
                if keys and is_wanted:
                    connection.execute(insert(deliveries), [{"alert_id": alert.id, "address": key, "due": now} for key in keys])
                connection.execute(update(alerts).where(alerts.c.id == alert.id).values(settled=True))

    def claim(self) -> list[Delivery]:
        """Make all deliveries that are due this process's own, and return them; of several processes one gets each."""
        with self._database.write() as connection:
            _give_up_interrupted(connection)
            is_due = (deliveries.c.state == "waiting") & (deliveries.c.due <= time.time())
            due = list(connection.execute(select(deliveries.c.id).where(is_due)).scalars())
            taken: dict[Any, Any] = {"state": "sending", "tries": deliveries.c.tries + 1, "due": time.time()}
            mine = update(deliveries).where(deliveries.c.id.in_(due)).values(taken | owned_by(Owner.of()))
            connection.execute(mine)
            found = connection.execute(_select(deliveries.c.id.in_(due)))
            return [self._delivery(connection, row) for row in found]

    def note(self, delivery: Delivery, why: str, *, again: bool = True, waits: Sequence[float] = WAITS) -> None:
        """Record how a try went.

        Args:
            delivery: it.
            why: why it failed; empty if it arrived.
            again: False if another try is of no use.
            waits: seconds before each further try.
        """
        wait = waits[delivery.tries - 1] if delivery.tries <= len(waits) else None
        tries_again = bool(why) and again and wait is not None and delivery.alert.event != "test"
        state: State = "waiting" if tries_again else "failed" if why else "sent"
        values = {"state": state, "why": why, "due": time.time() + (wait or 0.0 if tries_again else 0.0)} | owned_by(None)
        with self._database.write() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery.id).values(**values))

    def next_due(self) -> float | None:
        """Return when the next try is due, in seconds since 1970; 0 if there are events to settle, None if nothing waits."""
        with self._database.read() as connection:
            if connection.execute(_UNSETTLED).first():
                return 0.0
            query = select(func.min(deliveries.c.due)).where(deliveries.c.state == "waiting")
            due: float | None = connection.execute(query).scalar_one()
            return due

    def _delivery(self, connection: Connection, row: Row[Any]) -> Delivery:
        _check_delivery(row)
        alert = connection.execute(select(alerts).where(alerts.c.id == row.alert_id)).one()
        return Delivery(row.id, row.address, row.state, row.tries, row.due, row.why, _to_alert(alert))


def _select(condition: Any) -> Any:
    return select(deliveries).where(condition).order_by(deliveries.c.id)


def _to_alert(row: Row[Any]) -> Alert:
    _check_alert(row)
    return Alert(row.id, row.event, row.time, row.facts)


def _give_up_interrupted(connection: Connection) -> None:
    """Mark what was being sent when its process ended; it may have arrived, so it is not sent again."""
    for row in connection.execute(_select(deliveries.c.state == "sending")).all():
        owner = owner_in(row.host, row.pid, row.pid_started)
        if owner is None or owner.is_gone:
            values = {"state": "failed", "why": INTERRUPTED, "due": time.time()} | owned_by(None)
            connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(**values))
