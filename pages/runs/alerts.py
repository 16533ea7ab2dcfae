"""Alerts on Monitor: in this browser, by addresses elsewhere, and the targets that they tell of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from pages.live.components import notify_switch
from pages.shared.markdown import plain
from pages.shared.stores import store
from pages.shared.visitor import is_viewer, tells_viewer
from seg_core.errors import InputError
from seg_core.runs.alerts.addresses import FILE, VARIABLE, Address
from seg_core.runs.alerts.events import TARGET_METRICS, TargetMetric
from seg_core.runs.alerts.outbox import Delivery
from seg_core.runs.alerts.sender import Sender

_TITLES: dict[TargetMetric, str] = {"iou": "Target IoU", "dice": "Target Dice"}
_REFRESH_SECONDS = 1.0


def alert_settings() -> None:
    """Let the user choose where to be told that a run has finished, failed, was lost or has passed a target."""
    with st.popover("Alerts", icon=":material/notifications:", help="Be told when a run ends or passes a target"):
        st.caption("When a run finishes, fails, is lost or passes a target.")
        notify_switch()
        _targets()
        if tells_viewer():
            return
        known = store().alerts.addresses()
        is_sending = any(delivery.state in ("waiting", "sending") for delivery in _deliveries(known).values())
        st.fragment(_addresses, run_every=_REFRESH_SECONDS if is_sending else None)()
        _add_address()


def _targets() -> None:
    saved = store().alerts.targets()
    columns = st.columns(2)
    for column, metric in zip(columns, TARGET_METRICS, strict=True):
        key = f"target-{metric}"
        if key not in st.session_state or st.session_state.get(f"{key}-known") != saved[metric]:  # set elsewhere
            st.session_state[key] = st.session_state[f"{key}-known"] = saved[metric]
        column.number_input(
            _TITLES[metric],
            *(0.01, 1.0),
            step=0.01,
            format="%.3g",
            placeholder="None",
            key=key,
            on_change=_set_target,
            args=(metric,),
            disabled=is_viewer(),
            help="On the validation photographs, for every run, from its next epoch on. Empty for none.",
        )


def _set_target(metric: TargetMetric) -> None:
    value = st.session_state[f"target-{metric}"]
    _do(lambda: store().alerts.set_target(metric, value))
    st.session_state[f"target-{metric}-known"] = store().alerts.targets()[metric]


def _deliveries(known: list[Address]) -> dict[str, Delivery]:
    keys = {address.key for address in known}
    return {key: delivery for key, delivery in store().alerts.last_deliveries().items() if key in keys}


def _addresses() -> None:
    """List the addresses by their names, with how the last alert to each went."""
    known = store().alerts.addresses()
    last = _deliveries(known)
    for address in known:
        text, button = st.columns([5, 1], vertical_alignment="center")
        text.markdown(f"**{plain(address.name)}**  \n{plain(_how(address, last.get(address.key)))}")
        if address.is_in_file:
            key, help = f"remove-{address.name}", f"Remove {address.name}"
            button.button("", icon=":material/delete:", key=key, help=help, on_click=_remove, args=(address,))
    if known:
        st.button("Send a test", icon=":material/send:", on_click=_send_test)
    is_sending = any(delivery.state in ("waiting", "sending") for delivery in last.values())
    if st.session_state.get("alerts-sending") and not is_sending:
        st.session_state["alerts-sending"] = False
        st.rerun()
    st.session_state["alerts-sending"] = is_sending


def _how(address: Address, delivery: Delivery | None) -> str:
    """One sentence on the last alert to an address, or on where it comes from."""
    if delivery is None:
        return f"From {FILE}." if address.is_in_file else f"From {VARIABLE}."
    what = "The test" if delivery.alert.event == "test" else f"“{delivery.alert.title}”"
    when = datetime.fromtimestamp(delivery.due).strftime("%H:%M")  # as on the clock of the machine
    match delivery.state:
        case "sent":
            return f"{what} arrived at {when}."
        case "failed":
            return f"{what} did not arrive: {delivery.why}."
        case "waiting" if delivery.why:
            return f"{what} has not arrived yet: {delivery.why}. It is tried again at {when}."
    return f"{what} is being sent."


def _add_address() -> None:
    with st.form("add-alert-address", clear_on_submit=True, border=False):
        st.text_input(
            "New address",
            type="password",
            autocomplete="off",
            key="alert-address",
            placeholder="https://… or ntfy://…",
            help=f"A webhook gets JSON; slack://, discord://, ntfy://, mailto:// and others are those of Apprise. It is kept in "
            f"{FILE} in the home folder, and never shown again.",
        )
        st.form_submit_button("Add", icon=":material/add:", on_click=_add)


def _add() -> None:
    _do(lambda: store().alerts.add_address(st.session_state["alert-address"]))


def _remove(address: Address) -> None:
    _do(lambda: store().alerts.remove_address(address))


def _send_test() -> None:
    _do(store().alerts.add_test)
    Sender(store().alerts).look()


def _do(action: Callable[[], object]) -> None:
    try:
        action()
    except InputError as error:
        st.toast(plain(str(error)), icon=":material/error:")
