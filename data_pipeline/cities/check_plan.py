"""Checks of a pack's plan tables: columns, ids, clauses, departments, vocabularies."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from data_pipeline import plans
from data_pipeline.cities.pack import Pack
from data_pipeline.errors import did_you_mean
from data_pipeline.metrics import metrics

COLUMNS: dict[str, tuple[str, ...]] = plans.COLUMNS | {
    "system_metrics": ("system_id", "metric_ids", "view", "output", "how", "note"),
    "target_splits": (
        "target_id", "area_id", "value", "deadline", "source", "entered_by", "entered_at", "note",
    ),
}  # fmt: skip

VALUES: dict[tuple[str, str], tuple[str, ...]] = {
    ("targets", "comparator"): (">=", ">", "<=", "about", "=", "done"),
    ("targets", "strength"): plans.STRENGTHS,
    ("targets", "kind"): plans.KINDS,
    ("targets", "milestone"): ("0", "1"),
    ("systems", "dashboard_role"): plans.ROLES,
    ("projects", "row_type"): plans.ROW_TYPES,
    ("clauses", "counted"): ("0", "1"),
}
NUMBERS = (
    ("targets", "value"), ("targets", "value_high"), ("projects", "investment_yi_yuan"), ("projects", "n_projects"),
    ("plans", "n_clauses"), ("target_splits", "value"),
)  # fmt: skip
DATES = (
    ("plans", "issued_date"), ("plans", "published_date"), ("plans", "period_start"), ("plans", "period_end"),
    ("targets", "deadline"), ("systems", "deadline"), ("target_splits", "deadline"),
)  # fmt: skip
KEYS: dict[str, tuple[str, ...]] = {
    "plans": ("plan_id",), "clauses": ("plan_id", "clause"), "targets": ("target_id",), "systems": ("system_id",),
    "departments": ("plan_id", "dept_zh"), "projects": ("project_id",), "target_splits": ("target_id", "area_id"),
}  # fmt: skip


def plan_problems(pack: Pack) -> list[str]:
    """Everything wrong with `plan/*.csv`; empty for a pack without plans."""
    folder = pack.folder / "plan"
    if not folder.is_dir():
        return [f"city.toml: provincial_plans names {p!r}, but there is no folder plan" for p in pack.provincial_plans]
    tables: dict[str, list[dict[str, str]]] = {}
    problems: list[str] = []
    for name, columns in COLUMNS.items():
        rows, found = _read(folder / f"{name}.csv", columns)
        tables[name] = rows
        problems += found
    for name in tables:
        problems += _cells(name, tables[name])
    return problems + _links(tables, pack)


def _read(path: Path, columns: tuple[str, ...]) -> tuple[list[dict[str, str]], list[str]]:
    where = f"plan/{path.name}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            header = tuple(reader.fieldnames or ())
            rows = list(reader)
    except FileNotFoundError:
        return [], [f"{where}: file does not exist"]
    except UnicodeDecodeError as error:
        return [], [f"{where}: not UTF-8 text (byte {error.start})"]
    problems = [f"{where}: column {c!r} is missing" for c in columns if c not in header]
    for column in header:
        if column not in columns:
            near = did_you_mean(column, columns)
            problems.append(f"{where}: unknown column {column!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    if problems:
        return [], problems
    ragged = [k for k, row in enumerate(rows, start=2) if None in row or None in row.values()]
    return rows, [f"{where} line {k}: not as many cells as the header" for k in ragged]


def _cells(name: str, rows: list[dict[str, str]]) -> Iterator[str]:
    """Problems of single cells and doubled keys of one table."""
    where = f"plan/{name}.csv"
    seen: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(rows, start=2):
        for (table, column), allowed in VALUES.items():
            if table == name and row[column] not in allowed:
                yield f"{where} line {number}: {column} is {row[column]!r}, allowed: {', '.join(allowed)}"
        for table, column in NUMBERS:
            if table == name and row[column] and not _is_number(row[column]):
                yield f"{where} line {number}: {column} is {row[column]!r}, which is not a number"
        for table, column in DATES:
            if table == name and row[column] and not _is_date(row[column]):
                yield f"{where} line {number}: {column} is {row[column]!r}, which is not an ISO date"
        key = tuple(row[column] for column in KEYS.get(name, ()))
        if key and seen.setdefault(key, number) != number:
            yield f"{where} line {number}: {' + '.join(key)} stands in line {seen[key]} too"


def _links(tables: dict[str, list[dict[str, str]]], pack: Pack) -> list[str]:
    """Problems of references between tables, to areas and to metrics."""
    known = {row["plan_id"] for row in tables["plans"]}
    clauses = {(row["plan_id"], row["clause"]) for row in tables["clauses"]}
    departments = {(row["plan_id"], row["dept_zh"]) for row in tables["departments"]}
    targets = {row["target_id"] for row in tables["targets"]}
    systems = {row["system_id"] for row in tables["systems"]}
    problems = [
        f"city.toml: provincial_plans names {p!r}, which is not in plan/plans.csv"
        for p in pack.provincial_plans
        if p not in known
    ]
    for name in ("clauses", "targets", "systems", "departments", "projects"):
        for number, row in enumerate(tables[name], start=2):
            where = f"plan/{name}.csv line {number}"
            plan = row["plan_id"]
            if plan not in known:
                problems.append(f"{where}: unknown plan_id {plan!r}, allowed: {', '.join(sorted(known))}")
                continue
            if name != "clauses" and row.get("clause") and (plan, row["clause"]) not in clauses:
                problems.append(f"{where}: unknown clause {row['clause']!r} of plan {plan!r}")
            for dept in _departments(row):
                if (plan, dept) not in departments:
                    near = did_you_mean(dept, [d for p, d in departments if p == plan])
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    problems.append(f"{where}: unknown department {dept!r} of plan {plan!r}{hint}")
            if name == "targets" and row["same_as"] and row["same_as"] not in targets:
                problems.append(f"{where}: same_as names {row['same_as']!r}, which is no target")
            if name == "targets" and row["kind"] == "quantified" and not row["value"]:
                problems.append(f"{where}: a quantified target needs a value")
    for number, row in enumerate(tables["system_metrics"], start=2):
        where = f"plan/system_metrics.csv line {number}"
        if row["system_id"] not in systems:
            problems.append(f"{where}: unknown system_id {row['system_id']!r}")
        unknown = [m for m in _split(row["metric_ids"]) if m not in metrics()]
        problems += [f"{where}: unknown metric {m!r}" for m in unknown]
    for number, row in enumerate(tables["target_splits"], start=2):
        where = f"plan/target_splits.csv line {number}"
        if row["target_id"] not in targets:
            problems.append(f"{where}: unknown target_id {row['target_id']!r}")
        if not pack.has_area(row["area_id"]):
            problems.append(f"{where}: unknown area_id {row['area_id']!r}")
    return problems


def _departments(row: dict[str, str]) -> Iterable[str]:
    return [*_split(row.get("lead_dept_zh") or ""), *_split(row.get("responsible_depts_zh") or "")]


def _split(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text) and abs(float(text)) != float("inf")
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
