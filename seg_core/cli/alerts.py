"""The commands below `alerts`."""

from __future__ import annotations

import time

import typer

from seg_core.cli.common import JsonOption, output, print_json
from seg_core.errors import InputError

app = typer.Typer(help="Tell people elsewhere of finished, failed and lost runs.", no_args_is_help=True)


@app.command("test")
def send_test(as_json: JsonOption = False) -> None:
    """Send a test to every address and say how it went; the exit status is 1 if one failed."""
    from seg_core.common.home import home
    from seg_core.runs.alerts.addresses import FILE, VARIABLE, addresses
    from seg_core.runs.alerts.message import Alert
    from seg_core.runs.alerts.sender import send_all

    if not (known := addresses(home())):
        raise InputError(f"There is no address; set {VARIABLE}, or write one into {FILE} in {home()}.")
    results = send_all([(address.url, Alert(0, "test", time.time(), {})) for address in known])
    if as_json:
        print_json({"alerts": [{"name": to.name, "error": result.why} for to, result in zip(known, results, strict=True)]})
    else:
        for to, result in zip(known, results, strict=True):
            output.print(f"{to.name}: {f'failed, {result.why}' if result.why else 'sent'}")
    if any(result.why for result in results):
        raise typer.Exit(1)


@app.command("send", hidden=True)
def send() -> None:
    """Send what is to be sent; app and workers start such a process where something happened."""
    from seg_core.runs.alerts.sender import send_pending
    from seg_core.runs.store import RunStore

    send_pending(RunStore().alerts)
