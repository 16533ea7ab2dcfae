"""The command line: for scripts, and for servers without a browser.

Results go to stdout (with ``--json`` the last line is one JSON object), progress to stderr; bad input exits 2 with one line.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from seg_core.cli import data, host, models, reporting, runs, training
from seg_core.errors import InputError

app = typer.Typer(
    help="LesionLab: train and judge skin-lesion segmentation models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(host.app)
app.add_typer(training.app)
app.add_typer(models.app)
app.add_typer(reporting.app)
app.add_typer(runs.app, name="runs")
app.add_typer(data.app, name="data")


def main() -> NoReturn:
    """Run the command line; bad input is one line on stderr and exit status 2."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold what is no text
    try:
        status = app(standalone_mode=False)
    except InputError as error:
        print(f"lesionlab: {error}", file=sys.stderr)
        sys.exit(2)
    except TyperException as error:  # a word or a number on the command line that cannot be; empty where help was shown instead
        if message := " ".join(error.format_message().split()).rstrip("."):
            print(f"lesionlab: {message}; see --help.", file=sys.stderr)
        sys.exit(2)
    except typer.Abort:
        sys.exit(1)
    sys.exit(status or 0)
