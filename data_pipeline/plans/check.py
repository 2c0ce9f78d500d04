"""Everything that can be wrong with plan tables in themselves: cells, ids, references, senseless figures."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from datetime import date

from data_pipeline.errors import did_you_mean
from data_pipeline.plans.model import (
    BASES,
    BETTER,
    COLUMNS,
    COMPARATORS,
    DATED,
    EACH,
    EVERY,
    KINDS,
    OPTIONAL,
    ROLES,
    ROW_TYPES,
    STAGES,
    STRENGTHS,
)
from data_pipeline.plans.tables import WHERE, Row, Tables

VALUES: dict[tuple[str, str], tuple[str, ...]] = {
    ("targets", "comparator"): COMPARATORS,
    ("targets", "strength"): STRENGTHS,
    ("targets", "kind"): KINDS,
    ("targets", "milestone"): ("0", "1"),
    ("targets", "deadline_basis"): BASES,
    ("systems", "dashboard_role"): ROLES,
    ("projects", "row_type"): ROW_TYPES,
    ("projects", "stage"): STAGES,
    ("clauses", "counted"): ("0", "1"),
    ("target_rules", "better"): BETTER,
    ("target_rules", "cumulative"): ("", "0", "1"),
    ("target_rules", "each"): EACH,
    ("target_rules", "report_every"): EVERY,
}
NUMBERS = (
    ("targets", "value"), ("targets", "value_high"), ("projects", "investment_yi_yuan"), ("projects", "n_projects"),
    ("plans", "n_clauses"), ("departments", "n_targets_led"), ("departments", "n_targets_responsible"),
    ("target_splits", "value"), ("target_metrics", "scale"), ("target_rules", "due_day"),
)  # fmt: skip
WHOLE = ("n_projects", "n_clauses", "n_targets_led", "n_targets_responsible", "due_day")
DATES = (
    ("plans", "issued_date"), ("plans", "published_date"), ("plans", "period_start"), ("plans", "period_end"),
    ("targets", "deadline"), ("systems", "deadline"), ("target_splits", "deadline"),
)  # fmt: skip
REQUIRED = (
    ("plans", "plan_id"), ("plans", "adcode"), ("plans", "title_zh"), ("targets", "target_id"),
    ("targets", "indicator_zh"), ("systems", "system_id"), ("systems", "name_zh"), ("projects", "project_id"),
    ("projects", "name_zh"), ("departments", "dept_zh"), ("clauses", "clause"), ("target_splits", "value"),
    ("target_splits", "area_id"), ("target_metrics", "metric_id"),
)  # fmt: skip
KEYS: dict[str, tuple[str, ...]] = {
    "plans": ("plan_id",), "clauses": ("plan_id", "clause"), "targets": ("target_id",), "systems": ("system_id",),
    "departments": ("plan_id", "dept_zh"), "projects": ("project_id",), "system_metrics": ("system_id", "output"),
    "target_splits": ("target_id", "area_id"), "target_metrics": ("target_id", "area_id"), "target_rules": ("target_id",),
}  # fmt: skip
_RANGE = re.compile(r"\d\s*(-|–|—|~|～|至|到|;|、|,\s)\s*\d")
_GROWTH = re.compile("增|提速|提升|降")  # a rate of change may pass 100 %


def listed(cell: str) -> tuple[str, ...]:
    """The parts of a cell that lists several, split by `;`."""
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def table_problems(tables: Tables) -> list[str]:
    """Every problem of the tables' contents, one sentence each with file and line."""
    found: list[str] = []
    for name in (*COLUMNS, *OPTIONAL):
        found += _cells(name, tables[name])
    return found + [*_links(tables), *_figures(tables), *_repeated(tables), *_counts(tables)]


# ---------------------------------------------------------------------- single cells


def _cells(name: str, rows: list[Row]) -> Iterator[str]:
    seen: dict[tuple[str, ...], str] = {}
    for row in rows:
        where = row[WHERE]
        for table, column in REQUIRED:
            if table == name and not row[column]:
                yield f"{where}: {column} is empty"
        for (table, column), allowed in VALUES.items():
            if table == name and row[column] not in allowed:
                words = ", ".join(word or "empty" for word in allowed)
                yield f"{where}: {column} is {row[column]!r}, allowed: {words}{_near(row[column], allowed)}"
        for table, column in NUMBERS:
            if table == name and row[column]:
                yield from _number(row[column], column, where)
        for table, column in DATES:
            if table == name and row[column] and day_of(row[column]) is None:
                yield f"{where}: {column} is {row[column]!r}, which is not an ISO date such as 2027-12-31"
        key = tuple(row[column] for column in KEYS[name])
        if seen.setdefault(key, where) != where:
            yield f"{where}: {' + '.join(key)} stands twice, also in {seen[key]}"


def _number(text: str, column: str, where: str) -> Iterator[str]:
    if number_of(text) is None:
        if _RANGE.search(text):
            yield f"{where}: {column} is {text!r}: two bounds in one cell; the lower goes into value, the higher into value_high"
        else:
            yield f"{where}: {column} is {text!r}, which is not a number"
    elif column in WHOLE and not text.lstrip("-").isdigit():
        yield f"{where}: {column} is {text!r}, which is not a whole number"
    elif column == "due_day" and not 1 <= int(text) <= 28:
        yield f"{where}: due_day is {text}, allowed: 1 to 28"
    elif column == "scale" and float(text) == 0:
        yield f"{where}: scale is 0, every reading would become 0"
    elif column == "investment_yi_yuan" and float(text) < 0:
        yield f"{where}: investment_yi_yuan is {text}, which is below 0"


def number_of(text: str) -> float | None:
    """A cell as a finite number; None for an empty cell or anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def day_of(text: str) -> date | None:
    """A cell as a date; None for an empty cell or anything that is not YYYY-MM-DD."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


# ---------------------------------------------------------------------- references


def _links(tables: Tables) -> Iterator[str]:
    plans = {row["plan_id"] for row in tables["plans"]}
    clauses = {(row["plan_id"], row["clause"]) for row in tables["clauses"]}
    offices = {(row["plan_id"], row["dept_zh"]) for row in tables["departments"]}
    for name in ("clauses", "targets", "systems", "departments", "projects"):
        for row in tables[name]:
            plan, where = row["plan_id"], row[WHERE]
            if plan not in plans:
                yield _unknown("plan_id", plan, plans, where)
                continue
            clause = row.get("clause", "")
            if name != "clauses" and clause and (plan, clause) not in clauses:
                yield _unknown("clause", clause, {c for p, c in clauses if p == plan}, where, f" of plan {plan!r}")
            elif name == "targets" and not clause:
                yield f"{where}: clause is empty; every promise stands in a clause"
            for office in (*listed(row.get("lead_dept_zh", "")), *listed(row.get("responsible_depts_zh", ""))):
                if (plan, office) not in offices:
                    own = {o for p, o in offices if p == plan}
                    yield _unknown("department", office, own, where, f" of plan {plan!r}")
    targets = {row["target_id"] for row in tables["targets"]}
    for name in ("target_metrics", "target_rules", "target_splits"):
        for row in tables[name]:
            if row["target_id"] not in targets:
                yield _unknown("target_id", row["target_id"], targets, row[WHERE])
    systems = {row["system_id"] for row in tables["systems"]}
    for row in tables["system_metrics"]:
        if row["system_id"] not in systems:
            yield _unknown("system_id", row["system_id"], systems, row[WHERE])


def _unknown(what: str, got: str, known: Collection[str], where: str, of: str = "") -> str:
    return f"{where}: unknown {what} {got!r}{of}{_near(got, known)}"


def _near(got: str, known: Collection[str]) -> str:
    near = did_you_mean(got, [word for word in known if word]) if got else []
    return f", did you mean {near[0]!r}?" if near else ""


# ---------------------------------------------------------------------- figures that make no sense


def _figures(tables: Tables) -> Iterator[str]:
    starts = {row["plan_id"]: day_of(row["period_start"]) for row in tables["plans"]}
    for row in tables["plans"]:
        start, end = day_of(row["period_start"]), day_of(row["period_end"])
        if start and end and end < start:
            yield f"{row[WHERE]}: period_end {end} is before period_start {start}"
    rules = {row["target_id"]: row for row in tables["target_rules"]}
    for row in tables["targets"]:
        rule = rules.get(row["target_id"])
        lower = row["comparator"] == "<=" or (rule is not None and rule["better"] == "lower")
        yield from _target(row, starts.get(row["plan_id"]), lower)
    for name in ("systems", "target_splits"):
        plan_of = {row["target_id"]: row["plan_id"] for row in tables["targets"]}
        for row in tables[name]:
            start = starts.get(row.get("plan_id") or plan_of.get(row.get("target_id", ""), ""))
            due = day_of(row["deadline"])
            if start and due and due < start:
                yield f"{row[WHERE]}: deadline {due} is before the plan's start {start}"


def _target(row: Row, start: date | None, lower: bool) -> Iterator[str]:
    where, value, high = row[WHERE], number_of(row["value"]), number_of(row["value_high"])
    due = day_of(row["deadline"])
    if row["kind"] == "quantified":
        if not row["value"]:
            yield f"{where}: a quantified target needs a value"
        if row["comparator"] == "done":
            yield f"{where}: a quantified target cannot have the comparator 'done'; kind completion is ticked off"
        if not row["unit_zh"]:
            yield f"{where}: {row['target_id']} has a figure but no unit_zh"
    elif row["value"]:
        yield f"{where}: kind is {row['kind']!r} but there is a value {row['value']!r}; a figure makes it quantified"
    if high is not None:
        if value is None:
            yield f"{where}: value_high {row['value_high']} without value"
        elif lower:
            yield f"{where}: two bounds ({row['value']} and {row['value_high']}) on a figure of which less is better"
        elif high <= value:
            yield f"{where}: two bounds that contradict: value_high {row['value_high']} is not above {row['value']}"
    if row["unit_zh"] == "%" and not _GROWTH.search(row["indicator_zh"]):
        for column, share in (("value", value), ("value_high", high)):
            if share is not None and not 0 <= share <= 100:
                yield f"{where}: {column} is {row[column]} %, a share lies between 0 and 100 %"
    if due and start and due < start:
        yield f"{where}: deadline {due} is before the plan's start {start}"
    if not row["deadline"] and row["deadline_basis"] in (*DATED, "plan_period"):
        yield f"{where}: deadline is empty but deadline_basis says {row['deadline_basis']!r}"


def _repeated(tables: Tables) -> Iterator[str]:
    """Rows that restate others (in a circle, of another plan), interim steps that come too late, doubled goals."""
    rows = {row["target_id"]: row for row in tables["targets"]}
    for target_id, row in rows.items():
        if row["same_as"]:
            yield from _restating(target_id, rows)
    finals: dict[tuple[str, ...], Row] = {}
    for row in rows.values():
        if row["milestone"] == "0" and not row["same_as"]:
            key = _goal(row)
            if row["kind"] == "quantified" and key in finals and (finals[key]["value"], finals[key]["comparator"]) != (
                row["value"], row["comparator"],
            ):  # fmt: skip
                yield (
                    f"{row[WHERE]}: two bounds for {row['indicator_zh']} ({row['scope_zh']}): {row['value']} here, "
                    f"{finals[key]['value']} in {finals[key][WHERE]}; mark the repeated one with same_as"
                )
            finals.setdefault(key, row)
    for row in rows.values():
        if row["milestone"] != "1":
            continue
        if row["same_as"]:
            yield f"{row[WHERE]}: an interim step (milestone = 1) cannot restate another target"
        final = finals.get(_goal(row))
        due, last = day_of(row["deadline"]), day_of(final["deadline"]) if final else None
        if not row["deadline"]:
            yield f"{row[WHERE]}: an interim step (milestone = 1) needs a deadline"
        elif due and last and due >= last:
            yield f"{row[WHERE]}: the interim step is due {due}, not before its final target ({last})"


def _goal(row: Row) -> tuple[str, ...]:
    return row["plan_id"], row["indicator_zh"], row["scope_zh"]


def _restating(target_id: str, rows: dict[str, Row]) -> Iterator[str]:
    row, seen = rows[target_id], [target_id]
    other = row["same_as"]
    if other not in rows:
        yield _unknown("target in same_as", other, rows, row[WHERE])
        return
    if rows[other]["plan_id"] != row["plan_id"]:
        yield f"{row[WHERE]}: same_as names {other!r} of another plan"
    while rows[seen[-1]]["same_as"] in rows:
        following = rows[seen[-1]]["same_as"]
        if following in seen:
            yield f"{row[WHERE]}: same_as runs in a circle: {' → '.join([*seen, following])}"
            return
        seen.append(following)
    if len(seen) > 2:
        yield f"{row[WHERE]}: same_as names {other!r}, which itself restates {seen[2]!r}; name that one"


def _counts(tables: Tables) -> Iterator[str]:
    """Numbers the tables give of themselves, where they are filled in."""
    led: dict[tuple[str, str], int] = {}
    shared: dict[tuple[str, str], int] = {}
    for row in tables["targets"]:
        first = listed(row["lead_dept_zh"])
        for office in first:
            led[row["plan_id"], office] = led.get((row["plan_id"], office), 0) + 1
        for office in listed(row["responsible_depts_zh"]):
            if office not in first:
                shared[row["plan_id"], office] = shared.get((row["plan_id"], office), 0) + 1
    told: tuple[tuple[str, Callable[[Row], int]], ...] = (
        ("n_targets_led", lambda row: led.get((row["plan_id"], row["dept_zh"]), 0)),
        ("n_targets_responsible", lambda row: shared.get((row["plan_id"], row["dept_zh"]), 0)),
    )
    for row in tables["departments"]:
        for column, count in told:
            if row[column].isdigit() and int(row[column]) != count(row):
                yield f"{row[WHERE]}: {column} is {row[column]}, targets.csv gives {count(row)}"
    for row in tables["plans"]:
        counted = sum(c["counted"] == "1" and c["plan_id"] == row["plan_id"] for c in tables["clauses"])
        if row["n_clauses"].isdigit() and int(row["n_clauses"]) != counted:
            yield f"{row[WHERE]}: n_clauses is {row['n_clauses']}, clauses.csv counts {counted}"
