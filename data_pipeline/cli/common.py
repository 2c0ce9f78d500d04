"""What the commands share: options, output as table, JSON or CSV, and errors as exit codes."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", envvar="CITY_BRAIN_HOME", help="Home folder of the installation (default ./var)."),
]
PacksOption = Annotated[
    Path | None,
    typer.Option("--packs", envvar="CITY_BRAIN_PACKS", help="Folder with city packs beside the built-in ones."),
]
SimulatedReportsOption = Annotated[
    bool,
    typer.Option(
        "--simulated-reports/--no-simulated-reports",
        help="Departments' simulated monthly reports on the plan; without them reporting starts empty.",
    ),
]


class Format(StrEnum):
    """How a command prints its answer."""

    table = "table"
    json = "json"
    csv = "csv"


FormatOption = Annotated[Format, typer.Option("--format", help="table, json or csv.")]


def emit(rows: Sequence[dict], fmt: Format, columns: Sequence[str] = (), title: str = "") -> None:
    """Print rows: JSON is one list, CSV has a header, a table goes through rich.

    `columns` gives order and header even where there are no rows; default: keys of the first row.
    """
    names = list(columns) or (list(rows[0]) if rows else [])
    if fmt is Format.json:
        print(json.dumps(list(rows), ensure_ascii=False, default=_plain, indent=1))
    elif fmt is Format.csv:
        writer = csv.DictWriter(sys.stdout, fieldnames=names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(row.get(key)) for key in names} for row in rows)
    else:
        _table(rows, names, title)


def emit_one(row: dict, fmt: Format, title: str = "") -> None:
    """Print one thing: JSON as one object, else field by field."""
    if fmt is Format.json:
        print(json.dumps(row, ensure_ascii=False, default=_plain, indent=1))
    elif fmt is Format.csv:
        emit([row], fmt)
    else:
        _table([{"field": key, "value": value} for key, value in row.items()], ["field", "value"], title)


def _table(rows: Sequence[dict], names: Sequence[str], title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, show_edge=False, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(str(_cell(row.get(name))) for name in names))
    Console().print(table if rows else f"{title or 'nothing'}: no rows")


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return _plain(value) if isinstance(value, (datetime, date)) else value


def _plain(value: object) -> object:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value)
