"""The command line, for scripts and for servers without a browser. It may use every other room of `seg_core`.

Results go to stdout (with ``--json`` the last line is one JSON object), progress to stderr. Bad input is one line on stderr and
exit status 2. There is one module for each group of commands; begin with `training`: a setting is a field of `Config`, the
other options of `train` stand there.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from seg_core.cli import (
    alerts,
    calibration,
    collections,
    comparing,
    data,
    doubtful,
    host,
    models,
    reporting,
    retraining,
    runs,
    sweeps,
    tokens,
    training,
)
from seg_core.common.text import on_one_line
from seg_core.errors import InputError

app = typer.Typer(
    help="LesionLab: train and judge skin-lesion segmentation models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(host.app)
app.add_typer(training.app)
app.add_typer(retraining.app)
app.add_typer(models.app)
app.add_typer(comparing.app)
app.add_typer(calibration.app)
app.add_typer(doubtful.app)
app.add_typer(reporting.app)
app.add_typer(runs.app, name="runs")
app.add_typer(sweeps.app, name="sweep")
app.add_typer(alerts.app, name="alerts")
app.add_typer(data.app, name="data")
app.add_typer(collections.app, name="collection")
app.add_typer(tokens.app, name="token")


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may contain bytes that are not text
    try:
        status = app(standalone_mode=False)
    except InputError as error:
        _print_error(str(error))
        sys.exit(2)
    except TyperException as error:  # a wrong argument; its message is empty if help was shown instead
        if message := " ".join(error.format_message().split()).rstrip("."):
            _print_error(f"{message}; see --help.")
        sys.exit(2)
    except typer.Abort:
        sys.exit(1)
    except BrokenPipeError:  # the reader of the output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python would complain when it flushes stdout at its end
        sys.exit(1)
    except OSError as error:  # of a path that nothing below has a better sentence for
        where = f"{error.filename}: " if error.filename else ""
        _print_error(f"{where}{error.strerror or error}; check the path and its drive.")
        sys.exit(2)
    sys.exit(status or 0)


def _print_error(text: str) -> None:
    print(f"lesionlab: {on_one_line(text)}", file=sys.stderr)
