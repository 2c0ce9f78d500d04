"""An empty plan to fill in: the tables with their headers and one row that names the plan."""

from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path

from data_pipeline.errors import UsageError
from data_pipeline.plans.model import COLUMNS, OPTIONAL

_ID = re.compile(r"[a-z][a-z0-9-]{1,40}")


def new_plan(
    folder: Path, plan_id: str, *, adcode: str, title_zh: str, title_en: str, start: date, end: date
) -> list[Path]:
    """Write the tables of a new plan to `folder`; returns the files.

    Every table has its header; `plans.csv` has the one row of the plan. docs/plan-guide.md explains the columns.

    Raises
    ------
    UsageError
        The folder holds files already, the id is not usable, or the plan ends before it starts.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint="name a folder that does not exist yet")
    if not _ID.fullmatch(plan_id):
        hint = "a letter, then a-z, 0-9 and -, such as ezhou-2026"
        raise UsageError(f"plan id {plan_id!r} is not allowed", hint=hint)
    if end < start:
        raise UsageError(f"the plan ends ({end}) before it starts ({start})", hint="--start must not be after --end")
    folder.mkdir(parents=True, exist_ok=True)
    row = {"plan_id": plan_id, "adcode": adcode, "period_start": start.isoformat(), "period_end": end.isoformat(),
           "title_zh": title_zh, "title_en": title_en}  # fmt: skip
    written = []
    for name, columns in (COLUMNS | OPTIONAL).items():
        path = folder / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
            writer.writeheader()
            if name == "plans":
                writer.writerow(row)
        written.append(path)
    return written
