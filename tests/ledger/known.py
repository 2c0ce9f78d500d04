"""What a town's ledger may know: its small plan, and accepted reports as rows of the store."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from data_pipeline.contracts import contract
from data_pipeline.ledger.known import Known, LivePath
from data_pipeline.ledger.reported import Reports
from data_pipeline.ledger.types import STATUSES, Ledger, PathPoint
from data_pipeline.plans import PlanFacts, read_plan_facts
from data_pipeline.queries.ledger import known_reports
from tests.plans.small_plan import make

SYSTEM = {"city": pl.String, "is_simulated": pl.Boolean, "delivery_id": pl.Int64, "known_from_utc": pl.Datetime("us"),
          "known_to_utc": pl.Datetime("us")}  # fmt: skip


def facts(tmp_path: Path) -> PlanFacts:
    return read_plan_facts(make(tmp_path / "plan"), "town")


def report(subject_id: str, on: date, subject: str = "target", known: datetime | None = None, until: datetime | None = None,
           simulated: bool = True, **said: Any) -> dict[str, Any]:  # fmt: skip
    """One accepted report, known ten days after its data date unless said otherwise."""
    known = known or datetime(on.year, on.month, on.day) + timedelta(days=10)
    plain: dict[str, Any] = {
        "subject": subject, "subject_id": subject_id, "data_on": on, "department": "市经信局", "author": "甲", "author_known": False,
        "submitted_at": known, "reviewer": "乙", "reviewer_known": False, "reviewed_at": known, "area_id": "town", "city": "town",
        "is_simulated": simulated, "delivery_id": 1, "known_from_utc": known, "known_to_utc": until,
    }  # fmt: skip
    return plain | said


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=contract("plan_reports").polars_schema() | SYSTEM)


def known(on: date, rows: list[dict[str, Any]], at: datetime | None = None, **more: Any) -> Known:
    """The reports dated up to `on` that were known at `at` (default: the end of `on`)."""
    at = at or datetime(on.year, on.month, on.day) + timedelta(days=1)
    return Known(on=on, known_at_utc=at, snapshot=1, reports=Reports(known_reports(frame(rows), on, at)), **more)


def live(points: list[tuple[date, float]], metric: str = "coverage.stations_5g") -> LivePath:
    made = tuple(PathPoint(day, value, "live", False, datetime(2026, 1, 1)) for day, value in points)
    return LivePath(metric, made)


def month_ends(year: int, month: int, n: int) -> list[date]:
    """The last days of `n` months from the given one on."""
    found = []
    for k in range(n):
        after = year * 12 + month + k
        found.append(date(after // 12, after % 12 + 1, 1) - timedelta(days=1))
    return found


def counts(ledger: Ledger) -> dict[str, int]:
    """Number of distinct targets by status, worst first, zeros included."""
    return {word: sum(row.status == word for row in ledger.distinct) for word in STATUSES}
