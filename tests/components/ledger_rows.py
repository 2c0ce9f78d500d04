"""Single rows of a ledger made by hand: a promise with a path the test chooses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pages"))

from fake_ledger import entry, month_ends  # noqa: E402

from data_pipeline.ledger.types import Forecast, LedgerTarget, Pace, PaceStatus, PathPoint  # noqa: E402
from data_pipeline.plans import Clause, Plan  # noqa: E402
from data_pipeline.queries.types import Target  # noqa: E402

ON = date(2026, 11, 22)
PLAN = Plan("p", "420700", "鄂州市", "Ezhou", "鄂州政办发〔2020〕26号", "2020-10-16", "鄂州市人民政府办公室", "2020-01-01", "2022-12-31",
            27, "三年行动方案", "Three-year plan", "", False)  # fmt: skip
CLAUSE = Clause("p", "三(三)", "智慧城市", "Smart city", ("市住建局",), ("市财政局",), "stated", True)
TARGET = Target("t", "p", "420700", "三(三)", "iot_sensing", "智能感知终端数", "smart sensing terminals", 200.0, None, ">=", "个", "units",
                "2022-12-31", "quantified", "firm", "全市", "市住建局", "", ("市财政局",), deadline_basis="year_end")  # fmt: skip


def path_of(values: Callable[[int], float], months: int = 82) -> list[PathPoint]:
    """Month-end reports from 2020-01."""
    days = month_ends(ON)[:months]
    return [PathPoint(day, values(n), "report", True, datetime(day.year, day.month, day.day, 8), 3) for n, day in enumerate(days)]


def row_of(status: PaceStatus, *, base: float = 100.0, goal: float = 200.0, kind: str = "quantified",
           values: Callable[[int], float] | None = None, **target: object) -> LedgerTarget:  # fmt: skip
    """A row with a status, its path and the pace that follows from it."""
    done = status in ("done", "done_late")
    row = LedgerTarget(
        target=replace(TARGET, value=goal, **target), plan=PLAN, clause=CLAUSE, status=status, reason="", actual_from="report",  # type: ignore[arg-type]
        metric=None, area="420700", pace=None, path=(), milestones=(), projects=(), last_report=None, report_due_on=None,
        report_overdue_days=None, is_simulated=True, done_on=date(2022, 6, 30) if done else None,
    )  # fmt: skip
    if kind == "completion":
        report = entry("target", "t", date(2026, 10, 31), None, "done" if done else "under_way",
                       expected_on=None if done else date(2027, 3, 31))  # fmt: skip
        tick = replace(row.target, value=None, comparator="done", kind="completion", unit_zh="", unit_en="")
        return replace(row, target=tick, last_report=report)
    path = path_of(values or (lambda n: base + (goal - base) * n / 100))
    last = path[-1]
    guess = None if done else Forecast(date(2028, 11, 22), last.value * 1.1, last.value * 1.05, last.value * 1.15, 0.8, "ols", 24)
    pace = Pace(base, date(2020, 1, 1), "plan_start", goal, last.value, last.on, 0.81, goal, None, last.value - goal, None, 1.0, 2.0, 12,
                None, None, None, guess)  # fmt: skip
    return replace(row, path=tuple(path), pace=pace, last_report=entry("target", "t", last.on, last.value))
