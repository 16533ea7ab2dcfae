"""The commands below `token`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table

from seg_core.cli.common import JsonOption, output, print_json, report, screen
from seg_core.common.home import home
from seg_core.common.tokens import Tokens

app = typer.Typer(
    help="Make, list and remove the tokens by which scripts use the API of an app with a password.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(help="Name of the token, such as that of the script.", metavar="NAME")]


def _tokens() -> Tokens:
    return Tokens(home() / "tokens")


@app.command("add")
def add_token(
    name: NameArgument,
    viewer: Annotated[bool, typer.Option("--viewer", help="Let it see everything and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a token and print it, once."""
    token = _tokens().add(name, "viewer" if viewer else "owner")
    screen.print("Send it as `Authorization: Bearer TOKEN`. It is shown only now; `token remove` makes it worthless.")
    report(token, {"name": name, "role": "viewer" if viewer else "owner", "token": token}, as_json)


@app.command("list")
def list_tokens(as_json: JsonOption = False) -> None:
    """List the tokens, with when they were made and last used."""
    tokens = _tokens().list()
    if as_json:
        print_json({"tokens": [asdict(token) for token in tokens]})
        return
    if not tokens:
        output.print("No tokens yet; make one with: python -m seg_core token add NAME")
        return
    table = Table("Name", "Rights", "Made", "Last used", box=None)
    for token in tokens:
        table.add_row(token.name, token.role, _day(token.made), _day(token.used))
    output.print(table)


@app.command("remove")
def remove_token(name: NameArgument, as_json: JsonOption = False) -> None:
    """Remove a token: requests with it are refused from now on."""
    _tokens().remove(name)
    report(f"The token {name} is removed.", {"name": name}, as_json)


def _day(seconds: float | None) -> str:
    return "never" if seconds is None else f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"
