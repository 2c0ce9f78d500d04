"""The plan tables as text, with the place of every row; whatever keeps a file from being read is a problem."""

from __future__ import annotations

import csv
from pathlib import Path

from data_pipeline.errors import did_you_mean
from data_pipeline.plans.model import COLUMNS, OPTIONAL

WHERE = "@"  # key of a row that says where it stands: "targets.csv line 5"
Row = dict[str, str]
Tables = dict[str, list[Row]]


def plan_folders(folder: Path) -> list[Path]:
    """The folders that hold plan tables: `folder` itself and every folder in it with a `plans.csv`.

    The first plans of a pack stand in `plan/`; each further one may be a folder of its own beside them.
    """
    if not folder.is_dir():
        return []
    further = sorted(path.parent for path in folder.glob("*/plans.csv"))
    own = [folder] if any(folder.glob("*.csv")) or not further else []
    return own + further


def read_tables(folder: Path) -> tuple[Tables, list[str]]:
    """The rows of all tables over all folders of plans, cells stripped, and what is wrong with the files."""
    tables: Tables = {name: [] for name in (*COLUMNS, *OPTIONAL)}
    problems: list[str] = []
    for part in plan_folders(folder):
        for name in tables:
            rows, found = _read(part / f"{name}.csv", folder, name)
            tables[name] += rows
            problems += found
    return tables, problems


def rows_of(folder: Path, table: str) -> list[Row]:
    """The rows of one table over all folders of plans, without checks and without their places."""
    found = []
    for part in plan_folders(folder):
        path = part / f"{table}.csv"
        if path.is_file():
            with path.open(encoding="utf-8-sig", newline="") as handle:
                found += list(csv.DictReader(handle))
    return found


def _read(path: Path, folder: Path, table: str) -> tuple[list[Row], list[str]]:
    name = path.relative_to(folder).as_posix()
    columns = COLUMNS.get(table) or OPTIONAL[table]
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, strict=True)
            header = tuple(reader.fieldnames or ())
            raw = list(reader)
    except FileNotFoundError:
        return [], [] if table in OPTIONAL else [f"{name}: file does not exist"]
    except UnicodeDecodeError as error:
        return [], [f"{name}: not UTF-8 text (byte {error.start}); save it as CSV UTF-8"]
    except csv.Error as error:
        return [], [f"{name}: not a CSV table ({error})"]
    problems = []
    for column in columns:
        if column not in header:
            near = did_you_mean(column, [c for c in header if c not in columns])
            problems.append(f"{name}: column {column!r} is missing" + (f" ({near[0]!r}?)" if near else ""))
    for column in header:
        if column not in columns:
            near = did_you_mean(column, columns)
            problems.append(f"{name}: unknown column {column!r}" + (f", did you mean {near[0]!r}?" if near else ""))
    if set(columns) - set(header):
        return [], problems
    rows = []
    for number, row in enumerate(raw, start=2):
        where = f"{name} line {number}"
        if None in row or None in row.values():
            problems.append(f"{where}: not as many cells as the header ({len(header)})")
            continue
        rows.append({key: value.strip() for key, value in row.items()} | {WHERE: where})
    return rows, problems
