"""A small valid plan of the city `town` in a folder, to plant faults in and to build ledgers from."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

from data_pipeline.plans import COLUMNS, OPTIONAL
from data_pipeline.plans.template import new_plan

Row = dict[str, str]


def write(folder: Path, table: str, rows: list[Row]) -> None:
    columns = COLUMNS.get(table) or OPTIONAL[table]
    with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def edit(folder: Path, table: str, change: Callable[[list[Row]], object]) -> None:
    """Read a table, have `change` alter its list of rows, write it back."""
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    change(rows)
    write(folder, table, rows)


def target(target_id: str, **cells: str) -> Row:
    plain = {
        "target_id": target_id, "plan_id": "town-2026", "clause": "一", "domain": "services", "indicator_zh": target_id,
        "indicator_en": target_id, "value": "100", "comparator": ">=", "unit_zh": "个", "unit_en": "items",
        "deadline": "2030-12-31", "milestone": "0", "scope_zh": "全市", "strength": "firm", "kind": "quantified",
        "deadline_basis": "year_end",
    }  # fmt: skip
    return plain | cells


def make(folder: Path, plan_id: str = "town-2026", prefix: str = "") -> Path:
    """Two offices, two clauses; a count with an interim step, a share, a tick, a direction, a restating row."""
    new_plan(
        folder,
        plan_id,
        adcode="town",
        title_zh="小城规划",
        title_en="Town plan",
        start=date(2026, 1, 1),
        end=date(2030, 12, 31),
    )
    write(folder, "departments", [
        {"plan_id": plan_id, "dept_zh": "市经信局", "dept_en": "industry"}, {"plan_id": plan_id, "dept_zh": "市教育局", "dept_en": "schools"},
    ])  # fmt: skip
    write(folder, "clauses", [
        {"plan_id": plan_id, "clause": "一", "topic_zh": "网络", "topic_en": "network", "lead_dept_zh": "市经信局",
         "responsible_depts_zh": "市教育局", "lead_basis": "stated", "counted": "1"},
        {"plan_id": plan_id, "clause": "二", "topic_zh": "学校", "topic_en": "schools", "lead_basis": "none", "counted": "1"},
    ])  # fmt: skip
    rows = [
        target("masts", indicator_zh="基站数", lead_dept_zh="市经信局", responsible_depts_zh="市教育局"),
        target(
            "masts-2028",
            indicator_zh="基站数",
            value="60",
            milestone="1",
            deadline="2028-12-31",
            lead_dept_zh="市经信局",
        ),
        target("online", unit_zh="%", value="95", lead_dept_zh="市经信局"),
        target("schools", kind="completion", comparator="done", value="", unit_zh="", clause="二"),
        target("better", kind="direction", comparator="done", value="", unit_zh="", clause="二"),
        target("masts-again", indicator_zh="基站数", same_as="masts", clause="二"),
    ]
    for row in rows:
        row["plan_id"], row["target_id"] = plan_id, prefix + row["target_id"]
        row["same_as"] = prefix + row["same_as"] if row.get("same_as") else ""
    write(folder, "targets", rows)
    write(folder, "projects", [
        {"plan_id": plan_id, "project_id": prefix + "p-all", "name_zh": "总盘", "clause": "一", "stage": "unstated",
         "investment_yi_yuan": "3.5", "row_type": "group", "n_projects": "3"},
        {"plan_id": plan_id, "project_id": prefix + "p-run", "name_zh": "在建", "clause": "一", "stage": "在建",
         "investment_yi_yuan": "2.5", "row_type": "group", "n_projects": "2"},
        {"plan_id": plan_id, "project_id": prefix + "p-res", "name_zh": "储备", "clause": "一", "stage": "储备",
         "investment_yi_yuan": "1", "row_type": "group", "n_projects": "1"},
        {"plan_id": plan_id, "project_id": prefix + "p-1", "name_zh": "机房", "clause": "一", "stage": "unstated",
         "investment_yi_yuan": "1.5", "row_type": "named"},
        {"plan_id": plan_id, "project_id": prefix + "p-2", "name_zh": "光缆", "clause": "一", "stage": "", "row_type": "programme", "n_projects": "4"},
    ])  # fmt: skip
    write(folder, "systems", [
        {"plan_id": plan_id, "system_id": prefix + f"s-{role}", "name_zh": role, "clause": "一", "dashboard_role": role,
         "deadline": "2027-12-31" if role == "track" else ""}
        for role in ("core", "feed", "track", "out")
    ])  # fmt: skip
    return folder
