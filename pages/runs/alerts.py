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
        st.fragment(_addresses, run_every=_REFRESH_SECONDS if _is_sending(known) else None)()
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


def _is_sending(known: list[Address]) -> bool:
    """True while an alert is on its way, or waits to be sent."""
    if not known:
        return False
    return store().alerts.is_due() or any(each.state in ("waiting", "sending") for each in _deliveries(known).values())


def _addresses() -> None:
    """List the addresses by their names, with how the last alert to each went."""
    known = store().alerts.addresses()
    last = _deliveries(known)
    for address in known:
        with st.container(gap=None):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{plain(address.name)}**", width="stretch")
                if address.is_in_file:
                    st.button(
                        "Remove",
                        icon=":material/delete:",
                        key=f"remove-{address.key}",
                        type="tertiary",
                        on_click=_remove,
                        args=(address,),
                    )
            st.markdown(plain(_how(address, last.get(address.key))))
    if known:
        st.button("Send a test", icon=":material/send:", on_click=_send_test)
    is_sending = _is_sending(known)
    if st.session_state.get("alerts-sending", False) != is_sending:  # only the whole page begins or ends asking every second
        st.session_state["alerts-sending"] = is_sending
        st.rerun()


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
    with st.form("add-alert-address", border=False):
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
    with st.container():
        if refused := st.session_state.get("alert-refused"):
            st.error(plain(refused))


def _add() -> None:
    st.session_state["alert-refused"] = ""
    try:
        store().alerts.add_address(st.session_state["alert-address"])
    except InputError as error:
        st.session_state["alert-refused"] = str(error)
    else:
        st.session_state["alert-address"] = ""


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
